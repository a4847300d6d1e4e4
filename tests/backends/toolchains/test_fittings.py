"""What the toolchains need around their packages, as far as it can be seen without them."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import backends.vendors
from backends.common.errors import UnavailableError
from backends.toolchains import ToolEnvironment, find_toolchain
from backends.toolchains.own_packages import own_packages
from backends.vendors.sophgo.fittings import SET_ASIDE, TpuMlir, bundled_glibc
from profiler.run.supervisor import PROGRAM

pytestmark = pytest.mark.slow

VENDORS = Path(backends.vendors.__file__).parent


@pytest.fixture
def bare(tmp_path):
    """The skeleton of an environment."""
    site = tmp_path / "env" / "lib" / "python3.10" / "site-packages"
    site.mkdir(parents=True)
    return ToolEnvironment(find_toolchain("tpu-mlir"), tmp_path / "env")


def third_party(environment: ToolEnvironment, version: str) -> Path:
    """The libraries of a wheel that carries a C library of ``version``."""
    folder = environment.site_packages / "tpu_mlir" / "lib" / "third_party"
    folder.mkdir(parents=True)
    banner = f"GNU C Library (Ubuntu GLIBC {version}-0ubuntu3.9) stable release version {version}."
    (folder / "libc.so.6").write_bytes(b"\x7fELF\x00" + banner.encode() + b"\x00")
    for name in ("libm.so.6", "libstdc++.so.6", "libmlir.so"):
        (folder / name).write_bytes(b"")
    return folder


def test_an_older_c_library_than_the_systems_is_moved_aside_and_its_fellows_too(bare):
    folder = third_party(bare, "2.3")
    (told,) = TpuMlir().mend(bare)
    assert "libc.so.6, libm.so.6, libstdc++.so.6" in told and "glibc 2.3 against" in told
    assert [one.name for one in folder.iterdir()] == ["libmlir.so"]
    assert sorted(one.name for one in (folder.parent / SET_ASIDE).iterdir()) == [
        "libc.so.6",
        "libm.so.6",
        "libstdc++.so.6",
    ]
    assert TpuMlir().mend(bare) == ()


@pytest.mark.parametrize("version", ["2.999", platform.libc_ver()[1]])
def test_a_c_library_as_new_as_the_systems_or_newer_stays(bare, version):
    folder = third_party(bare, version)
    assert bundled_glibc(folder / "libc.so.6") == tuple(map(int, version.split(".")))
    assert TpuMlir().mend(bare) == ()
    assert (folder / "libm.so.6").exists()


def test_the_vendors_folders_stand_before_the_users_and_the_users_python_stays_out(bare, monkeypatch):
    monkeypatch.setenv("PATH", "/users/bin")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/users/lib")
    monkeypatch.setenv("PYTHONPATH", "/users/packages")
    monkeypatch.setenv("PYTHONHOME", "/users/python")
    package = bare.site_packages / "tpu_mlir"
    path = bare.variables()["PATH"].split(os.pathsep)
    assert path == [
        *(str(package / part) for part in ("bin", "python/tools")),
        str(bare.folder / "bin"),
        "/users/bin",
    ]
    assert bare.variables()["LD_LIBRARY_PATH"].endswith(f"third_party{os.pathsep}/users/lib")
    done = bare.run(["/usr/bin/env"], cwd=bare.folder, timeout_s=30, variables={"PATH": "/last/word"})
    seen = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    assert seen["PATH"] == "/last/word"
    assert "/users/packages" not in seen["PYTHONPATH"] and "PYTHONHOME" not in seen
    assert seen["PYTHONNOUSERSITE"] == "1"


def test_packages_are_read_without_running_anything(furnished):
    environment = ToolEnvironment(replace(find_toolchain("nncase"), name="lathe"), furnished.home)
    assert environment.packages() == {"chipassay-lathe": "1.0"}


def ask(stand_in: str, program: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(VENDORS / stand_in / "stand_ins"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("stand_in", "program"),
    [
        ("sophgo", "import torch; torch.tensor([1])"),
        ("sophgo", "from onnxruntime_extensions import PyOrtFunction as f; f.from_model(None)"),
        ("sophgo", "import onnxruntime_extensions as e; e.get_library_path()"),
        ("rockchip", "import torch; torch.zeros(3)"),
        ("rockchip", "import torch; torch.Tensor()"),
        ("rockchip", "from torch import nn; nn.Linear(1, 1)"),
        ("rockchip", "import torch.nn as nn\nclass M(nn.Module): pass\nM()"),
        ("rockchip", "import torch.nn.functional as f; f.relu(1)"),
    ],
)
def test_a_stand_in_refuses_whatever_would_compute(stand_in, program):
    done = ask(stand_in, program)
    assert done.returncode == 1
    assert "NotImplementedError" in done.stderr.splitlines()[-1] and "stand-in" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("stand_in", "program"),
    [
        (
            "sophgo",
            "from onnxruntime_extensions import onnx_op, PyOp\n"
            "@onnx_op(op_type='A', inputs=[PyOp.dt_float], outputs=[PyOp.dt_int64])\n"
            "def f(x): return x\n"
            "assert f(3) == 3",
        ),
        ("rockchip", "import torch\n@torch.no_grad()\ndef f(x): return x\nassert f(3) == 3"),
        (
            "rockchip",
            "import torch; assert not isinstance(3, torch.Tensor)",
        ),
    ],
)
def test_a_stand_in_lets_the_vendors_modules_be_imported(stand_in, program):
    done = ask(stand_in, program)
    assert done.returncode == 0, done.stderr


def test_another_python_sees_our_packages_and_entry_points_and_nothing_that_lies_beside_them():
    program = (
        "import importlib.util, json, sys\n"
        "from importlib.metadata import entry_points, version\n"
        "import backends, profiler\n"
        "points = sorted(one.name for one in entry_points(group='chipassay.backends'))\n"
        "absent = ('numpy', 'torch', 'msgspec', 'reports', 'tests')\n"
        "beside = [name for name in absent if importlib.util.find_spec(name)]\n"
        "print(json.dumps([points, beside, version('chipassay'), profiler.__file__]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(own_packages(PROGRAM.packages))}
    command = [sys.executable, "-P", "-S", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    points, beside, version, file = json.loads(done.stdout)
    assert {"torch-cpu", "onnx-cpu"} <= set(points)
    assert beside == []
    assert version
    assert (
        Path(file).resolve() == Path(sys.modules["profiler"].__file__ if "profiler" in sys.modules else file).resolve()
    )


def test_our_packages_are_linked_once():
    assert own_packages(PROGRAM.packages) == own_packages(PROGRAM.packages)
    assert {one.name for one in own_packages(PROGRAM.packages).iterdir()} >= {"backends", "profiler"}


def test_an_environment_cannot_be_used_while_it_is_made(furnished, tmp_path):
    environment = ToolEnvironment(find_toolchain("nncase"), furnished.home)
    assert environment.run(["/bin/true"], cwd=tmp_path, timeout_s=30).succeeded
    holder = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1])\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(600)"
    )
    lock = furnished.home.with_name("1.0.lock")
    with subprocess.Popen([sys.executable, "-c", holder, lock], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None and other.stdout.readline()
            with pytest.raises(UnavailableError, match="being made or removed"):
                environment.run(["/bin/true"], cwd=tmp_path, timeout_s=30)
        finally:
            other.kill()
