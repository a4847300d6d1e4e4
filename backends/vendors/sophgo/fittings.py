"""tpu-mlir (Sophgo): its own programs before the console scripts, its libraries before the system's, not its libc."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from backends.contract.backend import WorkerProgram
from backends.toolchains.environment import ONE_NODE, Fittings, ToolEnvironment

SYSTEM_LIBRARIES = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1")
"""Ubuntu 22.04's, in the wheel: under a newer loader its programs die with "stack smashing detected"."""

SET_ASIDE = "set_aside_by_chipassay"
CHIP = "bm1684x"

_BUNDLED = re.compile(rb"GNU C Library \(.*?GLIBC ([0-9]+\.[0-9]+)")


class TpuMlir(Fittings):
    """Its package sets ``LD_LIBRARY_PATH`` itself, after the programs that need it have been loaded: too late."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        package = site_packages / "tpu_mlir"
        return {
            # The console scripts of the environment hide the real tpuc-opt: the package's own folders come first.
            "PATH": [package / "bin", package / "python" / "tools"],
            "LD_LIBRARY_PATH": [package / "lib", package / "lib" / "third_party"],
            "PYTHONPATH": [Path(__file__).with_name("stand_ins"), package, package / "python"],
        }

    def variables(self, folder: Path, site_packages: Path) -> dict[str, str]:
        return {"TPUC_ROOT": str(site_packages / "tpu_mlir")}

    def mend(self, environment: ToolEnvironment) -> tuple[str, ...]:
        libraries = environment.site_packages / "tpu_mlir" / "lib" / "third_party"
        bundled, here = bundled_glibc(libraries / "libc.so.6"), _numbers(platform.libc_ver()[1])
        if bundled is None or here <= bundled:
            return ()
        aside = libraries.parent / SET_ASIDE
        aside.mkdir(exist_ok=True)
        moved = [name for name in SYSTEM_LIBRARIES if (libraries / name).exists()]
        for name in moved:
            (libraries / name).rename(aside / name)
        versions = f"glibc {'.'.join(map(str, bundled))} against {'.'.join(map(str, here))} here"
        return (f"moved {', '.join(moved)} out of tpu_mlir/lib/third_party: {versions}",)

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        tools = environment.site_packages / "tpu_mlir" / "python" / "tools"
        check = Path(__file__).with_name("check.py")
        one: list[str | Path] = ["--model_name", "one", "--model_def", ONE_NODE, "--mlir", "one.mlir"]
        self.use(environment, [check, "input", "in.npz"], scratch)
        self.use(environment, [tools / "model_transform.py", *one], scratch)
        compiled = ["--mlir", "one.mlir", "--quantize", "F16", "--chip", CHIP, "--model", "one.bmodel"]
        self.use(environment, [tools / "model_deploy.py", *compiled], scratch)
        simulated = ["--input", "in.npz", "--model", "one.bmodel", "--output", "out.npz"]
        self.use(environment, [tools / "model_runner.py", *simulated], scratch)
        self.use(environment, [check, "compare", "in.npz", "out.npz"], scratch)
        return f"compiled one MatMul for {CHIP} and simulated it"


def bundled_glibc(library: Path) -> tuple[int, ...] | None:
    """The version of the C library the wheel carries, or None if it carries none."""
    if not library.is_file():
        return None
    found = _BUNDLED.search(library.read_bytes())
    return _numbers(found[1].decode()) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


FITTINGS = TpuMlir()
