"""Device plug-ins: those of the house, those of a third party, and those that do not load."""

import pytest

from profiler.devices import plugins
from profiler.devices.catalogue import read_accelerators
from profiler.devices.monitor import Monitor
from profiler.devices.pci import read_devices
from profiler.devices.screen.tool import Enquiry
from profiler.doctor import check_plugins
from profiler.host.finding import Finding, Machine
from profiler.inventory import software
from profiler.inventory.software import is_engine, mapped_libraries
from tests.profiler.conftest import pci_files

GOOD = """
from profiler.devices.bus.makers import Maker
from profiler.devices.device import Device
from profiler.devices.screen.tool import Tool
from profiler.host.finding import Finding

ACME = Maker("Acme", "CN", ("abcd", "abce"), ("12",), "acme-smi")
TOOL = Tool("acme-smi", ACME, ("",), lambda answers: (), device_types=("acme",))
DEVICE = Device(
    "Acme",
    maker=ACME,
    tools=(TOOL,),
    checks=(lambda machine: [Finding("acme board 0", "good", "cool")],),
    packages=("acme[-_]runtime",),
    shared_objects=("acmert",),
)
NO_DEVICE = 7
"""


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """Install a distribution whose plug-ins are the given entry points."""

    def install(**points):
        (tmp_path / "acme_plugin.py").write_text(GOOD)
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]) + "\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        forget()
        return plugins.installed()

    yield install
    forget()


def forget():
    plugins.installed.cache_clear()
    software._engine_names.cache_clear()


def test_the_plugins_of_the_house_load_and_keep_their_order():
    found = plugins.installed()
    assert found.broken == {}
    assert [meter.name for meter in found.meters] == ["rapl", "hwmon", "battery", "nvml", "npu-smi"]
    tools = [tool.name for tool in found.tools]
    assert tools.index("hy-smi") < tools.index("rocm-smi"), "Hygon ships another rocm-smi"
    assert [monitor.name for monitor in found.monitors] == ["nvml", "mtml", *tools]


def test_a_third_partys_device_is_one_file_and_one_entry_point(third_party):
    found = third_party(acme="acme_plugin:DEVICE")
    assert found.broken == {}
    assert "acme-smi" in [tool.name for tool in found.tools]
    (monitor,) = [kind for kind in found.monitors if kind.device_types == ("acme",)]
    assert issubclass(monitor, Monitor)
    assert Finding("acme board 0", "good", "cool") in [f for check in found.checks for f in check(Machine())]


def test_a_third_partys_boards_packages_and_libraries_are_known_by_its_own_declaration(third_party, tree):
    found = third_party(acme="acme_plugin:DEVICE")
    assert found.makers_of("acme") == {"Acme"}
    for vendor_id in ("abcd", "abce"):
        files = tree(pci_files("0000:03:00.0", vendor_id, "0001", "120000"))
        look = read_accelerators(Enquiry(()), read_devices(files))
        assert [(part.vendor, part.designer_country) for part in look.components] == [("Acme", "CN")]
        (reason,) = look.unread.values()
        assert reason.startswith("acme-smi ")
    assert is_engine("acme-runtime") and not is_engine("acme-website")
    assert mapped_libraries("7f0 r-xp /opt/acme/libacmert.so.1\n7f1 r-xp /lib/libacme.so\n") == ["libacmert.so.1"]


@pytest.mark.parametrize("value", ["acme_plugin:MISSING", "no_such_module:DEVICE", "acme_plugin:NO_DEVICE"])
def test_a_plugin_that_does_not_load_is_one_reason_and_the_others_stay(third_party, tree, value):
    found = third_party(bad=value, acme="acme_plugin:DEVICE")
    assert list(found.broken) == ["bad"], found.broken
    assert value in found.broken["bad"] and "\n" not in found.broken["bad"]
    assert {"Acme", "NVIDIA", "host"} <= {device.name for device in found.devices}
    (finding,) = check_plugins(Machine())
    assert finding.status == "improve" and finding.remedy
    unread = read_accelerators(Enquiry(()), read_devices(tree())).unread
    assert "device plug-in bad" in unread
