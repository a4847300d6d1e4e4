"""Fake file trees and recorded outputs: hardware that is not here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from profiler.inventory.files import Files

RECORDED = Path(__file__).with_name("recorded")

EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9654 96-Core Processor
stepping\t: 1
microcode\t: 0xa101148
physical id\t: 0
flags\t\t: fpu avx avx2 avx512f avx512_bf16

processor\t: 1
vendor_id\t: AuthenticAMD
physical id\t: 1
model name\t: another
"""


@pytest.fixture(autouse=True)
def config_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration is never touched."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("CHIPASSAY_CONFIG", str(folder))
    return folder


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], str]:
    """The text of a recorded output, without the lines that say where it was seen."""

    def read(name: str) -> str:
        lines = (RECORDED / name).read_text().splitlines(keepends=True)
        assert lines[0].startswith("#: "), name
        return "".join(line for line in lines if not line.startswith("#: "))

    return read


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Files]:
    """A file tree with the given files in the place of /."""
    root = tmp_path / "root"

    def plant(files: dict[str, str | bytes] | None = None) -> Files:
        root.mkdir(exist_ok=True)
        for path, content in (files or {}).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return Files(root)

    return plant


def pci_files(address: str, vendor: str, device: str, class_id: str, **link: str) -> dict[str, str]:
    """What the kernel shows of one PCI device."""
    folder = f"sys/bus/pci/devices/{address}"
    found = {"vendor": f"0x{vendor}\n", "device": f"0x{device}\n", "class": f"0x{class_id}\n", **link}
    return {f"{folder}/{name}": text for name, text in found.items()}
