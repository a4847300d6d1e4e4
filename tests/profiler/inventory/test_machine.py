"""Memory, firmware, system, hypervisor and PCI devices of machines that are not here."""

import pytest

from profiler.devices.pci import pci_findings, read_devices
from profiler.inventory.firmware import read_firmware
from profiler.inventory.memory import read_memory
from profiler.inventory.operating_system import read_operating_system
from profiler.inventory.virtualisation import read_virtualisation
from tests.profiler.conftest import EPYC, pci_files
from tests.profiler.inventory.test_smbios import END, module

DMI = "sys/class/dmi/id"
TABLE = "sys/firmware/dmi/tables/DMI"
SERVER = {
    f"{DMI}/sys_vendor": "Supermicro\n",
    f"{DMI}/product_name": "SYS-421GE-TNRT\n",
    f"{DMI}/board_name": "X13DEG-OA\n",
    f"{DMI}/bios_vendor": "American Megatrends International, LLC.\n",
    f"{DMI}/bios_version": "2.3\n",
    f"{DMI}/bios_date": "09/19/2024\n",
    f"{DMI}/product_serial": "S123\n",
}


def test_memory_has_its_modules_where_the_table_is_readable(tree):
    (memory,) = read_memory(tree({TABLE: module() + module() + END})).components
    assert memory.details["total_bytes"] > 1 << 20
    assert [m["size_bytes"] for m in memory.details["modules"]] == [64 << 30, 64 << 30]


def test_unreadable_modules_say_why(tree):
    assert "does not exist" in read_memory(tree()).unread["memory modules"]
    assert "lists none" in read_memory(tree({TABLE: END})).unread["memory modules"]


def test_a_refused_table_is_called_a_matter_of_permission(tree, monkeypatch):
    files = tree({TABLE: END})

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "only root" in read_memory(files).unread["memory modules"]


def test_a_containers_limit_stands_beside_the_machines_memory(tree):
    (memory,) = read_memory(tree({"sys/fs/cgroup/memory.max": "1073741824\n"})).components
    assert memory.details["limit_bytes"] == 1 << 30 and "container" in memory.note
    (memory,) = read_memory(tree({"sys/fs/cgroup/memory.max": "max\n"})).components
    assert "limit_bytes" not in memory.details


def test_firmware_and_machine_come_from_dmi(tree):
    firmware, machine = read_firmware(tree(SERVER)).components
    assert firmware.name == "American Megatrends International, LLC. 2.3"
    assert firmware.details == {"version": "2.3", "date": "09/19/2024"}
    assert machine.name == "Supermicro SYS-421GE-TNRT"
    assert machine.details["product_serial"] == "S123"


def test_a_serial_number_that_root_alone_may_read_is_listed(tree):
    found = read_firmware(tree({**SERVER, f"{DMI}/board_serial": ""}))
    assert "is empty" in found.unread["machine board serial"]


def test_a_device_tree_names_the_board(tree):
    found = read_firmware(tree({"proc/device-tree/model": b"Orange Pi AIpro\0"}))
    assert found.components[0].name == "Orange Pi AIpro" and "firmware" in found.unread


def test_without_dmi_both_are_listed_as_unread(tree):
    assert "does not exist" in read_firmware(tree()).unread["firmware and machine model"]


def test_the_distribution_is_read(tree):
    files = tree(
        {"etc/os-release": 'ID=openEuler\nPRETTY_NAME="openEuler 24.03 (LTS-SP3)"\nVERSION_ID="24.03"\n#x=y\n'}
    )
    (system,) = read_operating_system(files).components
    assert system.name == "openEuler 24.03 (LTS-SP3)" and system.details["version"] == "24.03"
    assert system.details["kernel"]


def test_a_system_without_os_release_says_so(tree):
    assert "os-release" in read_operating_system(tree()).unread["distribution"]


GUEST = {"proc/cpuinfo": EPYC.replace("fpu", "fpu hypervisor")}


@pytest.mark.parametrize(
    ("files", "virtual", "name"),
    [
        ({"proc/cpuinfo": EPYC, **SERVER}, False, "no hypervisor seen"),
        (GUEST, True, "virtual machine (hypervisor unknown)"),
        ({**GUEST, f"{DMI}/product_name": "KVM Virtual Machine"}, True, "virtual machine (KVM)"),
        ({**GUEST, f"{DMI}/sys_vendor": "Alibaba Cloud", f"{DMI}/product_name": "Alibaba Cloud ECS"}, True,
         "virtual machine (Alibaba Cloud ECS)"),
        ({**GUEST, "sys/firmware/acpi/tables/DSDT": b"DSDT" + bytes(6) + b"FIRECKFCVM" + bytes(20)}, True,
         "virtual machine (Firecracker)"),
        ({"proc/cpuinfo": EPYC, f"{DMI}/sys_vendor": "Amazon EC2", f"{DMI}/product_name": "c5.metal"}, False,
         "no hypervisor seen"),
        ({f"{DMI}/sys_vendor": "QEMU"}, True, "virtual machine (QEMU)"),
        ({"sys/hypervisor/type": "xen"}, True, "virtual machine (xen)"),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm"}, True, "virtual machine (linux,kvm)"),
    ],
)  # fmt: skip
def test_hypervisors_are_told_by_the_marks_they_leave(tree, files, virtual, name):
    found = read_virtualisation(tree(files), {})
    (part,) = found.components
    assert (part.details["virtual"], part.name) == (virtual, name)
    assert ("hypervisor" in found.unread) == ("unknown" in name)


@pytest.mark.parametrize(
    ("files", "environment", "container"),
    [
        ({".dockerenv": ""}, {}, "Docker"),
        ({"run/.containerenv": ""}, {}, "Podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ({"proc/self/cgroup": "0::/kubepods/besteffort/pod1\n"}, {}, "Kubernetes"),
        ({"run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({}, {}, None),
    ],
)
def test_containers_are_told_by_the_marks_they_leave(tree, files, environment, container):
    (part,) = read_virtualisation(tree(files), environment).components
    assert part.details.get("container") == container


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "150000 100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_a_processor_quota_is_told(tree, files):
    (part,) = read_virtualisation(tree(files), {}).components
    assert part.details["cpu_limit_processors"] == 1.5


def test_equal_devices_are_counted_and_named_by_their_maker(tree):
    files = tree(
        {
            **pci_files("0000:01:00.0", "15b3", "1021", "020700"),
            **pci_files("0000:02:00.0", "15b3", "1021", "020700"),
            **pci_files("0000:03:00.0", "abcd", "0001", "0c0330"),
        }
    )
    network, serial = pci_findings(files, read_devices(files)).components
    assert (network.name, network.vendor, network.details["count"]) == ("network 15b3:1021", "Mellanox (NVIDIA)", 2)
    assert network.details["addresses"] == ["0000:01:00.0", "0000:02:00.0"]
    assert (serial.vendor, serial.designer_country) == (None, None)


def test_a_management_controllers_display_is_no_accelerator(tree):
    files = tree(
        {**pci_files("0000:06:00.0", "19e5", "1711", "030000"), **pci_files("0000:c1:00.0", "19e5", "d802", "120000")}
    )
    hi1711, ascend = read_devices(files)
    assert not hi1711.is_accelerator and ascend.is_accelerator


def test_the_link_is_read_in_lanes_and_generations(tree):
    link = {"current_link_width": "8\n", "current_link_speed": "16.0 GT/s PCIe\n", "max_link_width": "16\n"}
    (device,) = read_devices(tree(pci_files("0000:3b:00.0", "10de", "2330", "030200", **link)))
    assert device.link == {"link_width_lanes": 8, "link_generation": 4, "max_link_width_lanes": 16}


def test_a_machine_without_pci_says_so(tree):
    assert "does not exist" in pci_findings(tree(), []).unread["PCI devices"]
