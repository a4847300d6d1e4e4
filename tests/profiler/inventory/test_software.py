"""Packages and engines of this very process."""

import subprocess
import sys
from importlib.metadata import version

import msgspec

from profiler.inventory.software import canonical, mapped_libraries, read_packages

ASK = """
import sys
from profiler.inventory.software import read_engines
{before}
found = read_engines(load={load})
import msgspec
print(msgspec.json.encode([found.components, found.unread, sorted(set(sys.modules) & {{"torch", "numpy"}})]).decode())
"""


def ask(before="", load=False):
    script = ASK.format(before=before, load=load)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    components, unread, loaded = msgspec.json.decode(done.stdout)
    return {part["name"].split()[0]: part for part in components}, unread, loaded


def test_the_packages_chipassay_rests_on_are_listed_with_their_versions():
    (python,) = read_packages().components
    packages = python.details["packages"]
    assert packages["msgspec"] == version("msgspec") and packages["chipassay"] == version("chipassay")
    assert packages["torch"] == version("torch")
    assert "pytest" not in packages, "an extra took no part"
    assert list(packages) == sorted(packages, key=str.casefold)


def test_names_compare_as_indexes_compare_them():
    assert canonical("Ruamel.Yaml__Clib") == "ruamel-yaml-clib"


def test_no_engine_is_loaded_unless_asked_for():
    engines, unread, loaded = ask()
    assert engines == {} and loaded == []
    assert "--engines" in unread["execution providers and BLAS"]


def test_an_engine_that_is_loaded_is_asked():
    engines, unread, _ = ask(before="import numpy")
    assert engines["numpy"]["details"]["blas"]
    assert any("openblas" in name or "mkl" in name for name in engines["libraries"]["details"]["files"])
    assert "torch" in unread["execution providers and BLAS"]


def test_an_engine_that_fails_is_a_reason():
    before = "import types; sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')"
    engines, unread, _ = ask(before=before)
    assert "onnxruntime" not in engines
    assert "AttributeError" in unread["engine onnxruntime"]


def test_all_engines_are_loaded_when_asked_for():
    engines, unread, loaded = ask(load=True)
    assert loaded == ["numpy", "torch"] and "execution providers and BLAS" not in unread
    assert "CPUExecutionProvider" in engines["onnxruntime"]["details"]["execution_providers"]
    assert engines["torch"]["details"]["blas"]


def test_numeric_libraries_are_known_by_file_name():
    maps = "\n".join(
        f"7f00-7f01 r-xp 0 08:01 1  /usr/lib/{name}"
        for name in ("libopenblasp-r0.3.21.so", "libmkl_rt.so.2", "libc.so.6", "libgomp-24e2ab19.so.1.0.0",
                     "libascendcl.so", "libcublasLt.so.12", "libblas.so.3", "libblastoise.so")
    )  # fmt: skip
    assert mapped_libraries(maps + "\n7f00-7f01 rw-p 0 00:00 0  [heap]\n") == [
        "libascendcl.so", "libblas.so.3", "libcublasLt.so.12", "libgomp-24e2ab19.so.1.0.0", "libmkl_rt.so.2",
        "libopenblasp-r0.3.21.so",
    ]  # fmt: skip
