"""A rehearsal of CANN: stand-in libraries built from source, and the vendor wheel's own environment to load them in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from profiler.run.supervisor import PROGRAM

HERE = Path(__file__).parent / "stand_in"


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """A folder with the three libraries that the provider is linked with."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("the stand-in for CANN needs a C++ compiler (g++) to be built")
    folder = tmp_path_factory.mktemp("cann")
    empty = folder / "empty.cpp"
    empty.write_text("")
    for name, source in (("ascendcl", HERE / "cann.cpp"), ("acl_op_compiler", empty), ("fmk_onnx_parser", empty)):
        library = f"lib{name}.so"
        flags = ["-std=c++17", "-O1", "-fPIC", "-shared", f"-Wl,-soname,{library}", "-o", folder / library, source]
        subprocess.run([compiler, *flags, "-ldl"], check=True)
    return folder


@pytest.fixture(scope="session")
def vendor():
    """The environment of onnxruntime-cann."""
    from backends.toolchains import environment_of, find_toolchain

    return environment_of(find_toolchain("onnxruntime-cann"))


@pytest.fixture
def in_vendor(vendor, tmp_path):
    """Runs a program in that environment with chipassay's own packages, and with the given variables."""

    def run(program, **variables):
        worker = vendor.worker_command(PROGRAM)
        return vendor.run(
            [vendor.python, "-P", "-c", program],
            cwd=tmp_path,
            timeout_s=60,
            variables={**worker.variables, **{name: str(value) for name, value in variables.items()}},
        )

    return run


@pytest.fixture
def rehearsed(in_vendor, stand_in):
    """As ``in_vendor``, with the stand-in for CANN in reach."""
    return lambda program, **variables: in_vendor(program, LD_LIBRARY_PATH=stand_in, **variables)
