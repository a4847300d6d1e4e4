"""Whose chip ``cuda:0`` is: told by the boards on the bus and the inventory's names, never by the word."""

import pytest

from backends.torch_device.discovery import Device
from profiler.devices import maker as behind
from profiler.devices.maker import SeveralMakersError, maker_behind
from profiler.devices.meters import MeterProbe
from profiler.devices.monitors import Monitor
from profiler.host.files import Files
from profiler.records.findings import Findings
from profiler.records.host import Component
from profiler.records.readings import TARGET
from profiler.sampling import instruments
from tests.profiler.conftest import pci_files

BOARDS = {
    "nvidia": ("10de", "2330", "030200"),
    "amd": ("1002", "164e", "030000"),
    "metax": ("9999", "4001", "038000"),
    "iluvatar": ("1e3e", "0003", "120000"),
    "hygon": ("1d94", "6210", "120000"),
    "kunlun": ("1d22", "3688", "120000"),
    "kunlun's own": ("2057", "3686", "120000"),
    "ascend": ("19e5", "d802", "120000"),
    "aspeed": ("1a03", "2000", "030000"),
}


@pytest.fixture
def machine(tree, monkeypatch):
    """A machine with these boards; PyTorch names its devices as given, the inventory the parts."""

    def build(*boards, pytorch="PyTorch cannot be asked", parts=()):
        files = {}
        for number, board in enumerate(boards):
            files |= pci_files(f"0000:{number + 1:02x}:00.0", *BOARDS[board])
        root = tree(files).root
        monkeypatch.setattr(behind, "Files", lambda: Files(root))
        found = pytorch if isinstance(pytorch, str) else tuple(Device(name, 0, 0, None) for name in pytorch)
        monkeypatch.setattr(behind, "ask_pytorch", lambda word: found)
        components = tuple(Component("accelerator", name, vendor, source="tool") for name, vendor in parts)
        monkeypatch.setattr(behind, "read_accelerators", lambda enquiry, devices: Findings(components))

    return build


@pytest.mark.parametrize(
    ("boards", "accelerator", "maker"),
    [
        (("nvidia",), "cuda:0", "NVIDIA"),
        (("metax", "metax"), "cuda:1", "MetaX"),
        (("iluvatar", "aspeed"), "cuda:0", "Iluvatar CoreX"),
        (("hygon",), "cuda:0", "Hygon"),
        (("kunlun",), "cuda:0", "Baidu (Kunlunxin)"),
        (("kunlun's own",), "cuda:0", "Baidu (Kunlunxin)"),
        (("ascend", "metax"), "cuda:0", "MetaX"),
        (("ascend", "metax"), "npu:0", "Huawei HiSilicon"),
        (("ascend",), "cuda:0", None),
        ((), "cuda:0", None),
    ],
)
def test_boards_of_one_maker_settle_it(machine, boards, accelerator, maker):
    machine(*boards)
    assert maker_behind(accelerator) == maker


@pytest.mark.parametrize(("parts", "maker"), [((), None), ((("MetaX C500", "MetaX"),), "MetaX")])
def test_without_a_bus_the_tools_say_whose_boards_are_here(machine, parts, maker):
    machine(parts=parts)
    assert maker_behind("cuda:0") == maker


def test_without_a_bus_boards_of_several_makers_are_not_guessed_either(machine):
    machine(parts=(("Iluvatar BI-V150", "Iluvatar CoreX"), ("MetaX C500", "MetaX")))
    with pytest.raises(SeveralMakersError, match="boards of Iluvatar CoreX and MetaX"):
        maker_behind("cuda:0")


PARTS = (("NVIDIA H100 80GB HBM3", "NVIDIA"), ("MetaX C500", "MetaX"))


@pytest.mark.parametrize(
    ("pytorch", "accelerator", "maker"),
    [
        (("MetaX C500",), "cuda:0", "MetaX"),
        (("NVIDIA H100 80GB HBM3",), "cuda", "NVIDIA"),
        (("NVIDIA H100 80GB HBM3 MIG 1g.10gb",), "cuda:0", "NVIDIA"),
        (("NVIDIA H100 80GB HBM3", "MetaX C500"), "cuda:1", "MetaX"),
    ],
)
def test_of_several_makers_pytorchs_name_for_the_device_decides(machine, pytorch, accelerator, maker):
    machine("nvidia", "metax", pytorch=pytorch, parts=PARTS)
    assert maker_behind(accelerator) == maker


@pytest.mark.parametrize("pytorch", ["no torch", ("Unheard-of 1",), ()])
def test_what_cannot_be_told_is_not_guessed(machine, pytorch):
    machine("nvidia", "metax", pytorch=pytorch, parts=PARTS)
    with pytest.raises(SeveralMakersError, match="boards of MetaX and NVIDIA"):
        maker_behind("cuda:0")


class Board(Monitor):
    """Covers everything of its makers."""

    device_types, columns, slow_columns = ("cuda",), (), ()
    device, unread = {}, {}

    @classmethod
    def probe(cls, accelerator, environment):
        return MeterProbe(True)

    @classmethod
    def open(cls, accelerator, environment):
        return cls()

    def look(self, *, slow):
        return {}

    def processes(self):
        return {}

    def close(self):
        pass


class Green(Board):
    name, makers = "green", ("NVIDIA",)


class Red(Board):
    name, makers = "red", ("MetaX",)


@pytest.mark.parametrize(
    ("boards", "pytorch", "name"),
    [
        (("metax",), (), "red"),
        (("nvidia",), (), "green"),
        (("nvidia", "metax"), ("MetaX C500",), "red"),
        ((), (), "green"),
    ],
)
def test_only_an_instrument_of_the_boards_maker_is_opened(machine, monkeypatch, boards, pytorch, name):
    machine(*boards, pytorch=pytorch, parts=PARTS if boards else ())
    monkeypatch.setattr(instruments, "METERS", ())
    monkeypatch.setattr(instruments, "MONITORS", (Green, Red))
    assert instruments.open_instruments("cuda:0", {}).monitor.name == name


def test_where_it_cannot_be_told_nothing_is_read_and_the_reason_says_so(machine, monkeypatch):
    machine("nvidia", "metax")
    monkeypatch.setattr(instruments, "METERS", ())
    monkeypatch.setattr(instruments, "MONITORS", (Green, Red))
    found = instruments.open_instruments("cuda:0", {})
    own = found.channel(TARGET)
    assert found.monitor is None and own.stream is None
    assert "cuda:0" in found.monitor_reason and "cuda:0" in own.reason
