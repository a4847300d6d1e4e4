"""A toolchain small enough to be installed for real in a few seconds: one wheel, made here, and no index."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.reports.cli.conftest import COMMAND, Finished

CATALOGUE = """\
schema: chipassay.toolchains/1
toolchains:
  - name: lathe
    version: "1.0"
    vendor: Nobody
    purpose: does next to nothing
    targets: ["lathe:x1"]
    python: ["{python}"]
    system: Linux
    machine: x86_64
    licence: {licence}
    distribution: chipassay_lathe
    imports: [chipassay_lathe]
    requirements: lathe.txt
    download_bytes: 1000
    installed_bytes: {installed_bytes}
    traps: []
    sources:
      - of: [version, vendor, targets, python, system, machine, licence, download_bytes, installed_bytes, traps]
        where: made up for the tests
"""

MODULE = """
import os, sys, time
if os.environ.get("LATHE_BREAKS"):
    sys.exit("error: the spindle is stuck")
if os.environ.get("LATHE_RUNS"):
    with open(os.environ["LATHE_RUNS"] + ".tmp", "w") as handle:
        handle.write(str(os.getpid()))
    os.replace(os.environ["LATHE_RUNS"] + ".tmp", os.environ["LATHE_RUNS"])
    time.sleep(600)
"""


def make_wheel(folder: Path, content: str = MODULE) -> tuple[Path, str]:
    """A wheel of one module; the file and its SHA-256."""
    files = {
        "chipassay_lathe.py": content,
        "chipassay_lathe-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: chipassay-lathe\nVersion: 1.0\n",
        "chipassay_lathe-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    files["chipassay_lathe-1.0.dist-info/RECORD"] = record + "chipassay_lathe-1.0.dist-info/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    wheel = folder / "chipassay_lathe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return wheel, hashlib.sha256(wheel.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Workshop:
    """A data folder, a catalogue and the wheel it pins; runs the command line on them."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def home(self) -> Path:
        """Where the toolchain's environment belongs."""
        return self.data / "toolchains" / "lathe" / "1.0"

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    def catalogue(
        self, python: str = "", licence: str = "{name: MIT, where: here}", installed_bytes: int = 1000
    ) -> None:
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        text = CATALOGUE.format(python=python or own, licence=licence, installed_bytes=installed_bytes)
        (self.folder / "toolchains.yaml").write_text(text)

    def pin(self, digest: str) -> None:
        (self.folder / "lathe.txt").write_text(f"chipassay-lathe==1.0 --hash=sha256:{digest}\n")

    def environment(self, **variables: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
        return {
            **plain,
            "CHIPASSAY_DATA": str(self.data),
            "CHIPASSAY_TOOLCHAINS": str(self.folder / "toolchains.yaml"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder / "wheels"),
            "PIP_NO_CACHE_DIR": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_HTTP_RETRIES": "0",
            **self.variables,
            **variables,
        }

    def start(self, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*COMMAND, "toolchain", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**variables),
        )

    def run(self, *arguments: object, **variables: str) -> Finished:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return Finished(process.returncode, out, err)

    def state(self) -> dict[str, object]:
        """The toolchain as ``toolchain list --json`` has it."""
        (row,) = [row for row in self.run("list", "--json").json["toolchains"] if row["name"] == "lathe"]
        return row


def last_line(done: Finished) -> str:
    """The error, which must be one line, after whatever told the progress."""
    *progress, last = done.err.strip().splitlines()
    assert last.startswith("chipassay: "), done.err
    assert all(line.startswith("lathe: ") for line in progress), done.err
    assert "Traceback" not in done.err
    return last


def make_workshop(folder: Path) -> Workshop:
    shop = Workshop(folder)
    _, digest = make_wheel(folder / "wheels")
    shop.pin(digest)
    shop.catalogue()
    return shop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One in which nothing is installed yet."""
    return make_workshop(tmp_path)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One in which the toolchain is installed; tests only look at it."""
    shop = make_workshop(tmp_path_factory.mktemp("furnished"))
    done = shop.run("install", "lathe")
    assert done.code == 0, done.err
    return shop
