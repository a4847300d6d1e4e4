"""NVIDIA devices through NVML, field by field: a field that a board does not support leaves a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.common.nvml import NvmlUnavailableError, nvml_session, said
from profiler.devices.nvidia.board import NVIDIA, text_of
from profiler.devices.plugins import pci_vendor
from profiler.devices.screen.fields import pci_address
from profiler.records.findings import Findings
from profiler.records.host import Component

_MAX_DEVICES = 256


def read_nvidia(expected: bool) -> Findings:
    """Return one component a device; ``expected``: the PCI bus shows one, so a missing driver is reported."""
    try:
        with nvml_session() as nvml:
            return _devices(nvml)
    except NvmlUnavailableError as error:
        return Findings((), {"NVIDIA devices": f"{error}; {error.remedy}"} if expected else {})


def _devices(nvml: Any) -> Findings:
    common, unread = _collect(nvml, "NVIDIA driver", _common(nvml))
    components = []
    try:
        count = min(nvml.nvmlDeviceGetCount(), _MAX_DEVICES)
    except nvml.NVMLError as error:
        return Findings((), {**unread, "NVIDIA devices": f"NVML: {said(error)}"})
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = nvml.nvmlDeviceGetName(handle)
        except nvml.NVMLError as error:
            unread[f"NVIDIA device {index}"] = f"NVML: {said(error)}"
            continue
        details, missing = _collect(nvml, name, _fields(nvml, handle))
        unread.update(missing)
        merged = {"index": index, **common, **details}
        components.append(_component(name, merged))
    return Findings(tuple(components), unread)


def _component(name: str, details: dict[str, Any]) -> Component:
    """Name the maker by the PCI vendor id: other makers ship their own NVML for CUDA programs."""
    vendor_id = str(details.get("pci_id", NVIDIA)).partition(":")[0]
    maker = pci_vendor(vendor_id)
    note = "" if vendor_id == NVIDIA else "answers through NVML, and its PCI vendor is not NVIDIA"
    vendor, country = (maker.name, maker.country) if maker else (None, None)
    return Component("accelerator", name, vendor, country, details, "NVML", note)


def _collect(nvml: Any, name: str, readers: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the readable fields, and the reason for each other under ``name: field``, once for equal boards."""
    details: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for key, read in readers.items():
        try:
            value = read()
        except nvml.NVMLError as error:
            unread[f"{name}: {key}"] = f"NVML: {said(error)}"
        except (AttributeError, TypeError, ValueError, IndexError):
            unread[f"{name}: {key}"] = "this version of nvidia-ml-py does not read it"
        else:
            if value not in (None, "", []):
                details[key] = value
    return details, unread


def _common(nvml: Any) -> dict[str, Callable[[], Any]]:
    return {
        "driver_version": nvml.nvmlSystemGetDriverVersion,
        "cuda_version": lambda: _cuda(nvml.nvmlSystemGetCudaDriverVersion()),
    }


def _fields(nvml: Any, handle: Any) -> dict[str, Callable[[], Any]]:
    """Map details to the calls that read them; NVML counts power in milliwatts and memory in bytes."""
    return {
        "pci_address": lambda: pci_address(text_of(nvml.nvmlDeviceGetPciInfo(handle).busId)),
        "pci_id": lambda: _pci_id(nvml.nvmlDeviceGetPciInfo(handle).pciDeviceId),
        "pci_subsystem": lambda: _pci_id(nvml.nvmlDeviceGetPciInfo(handle).pciSubSystemId),
        "uuid": lambda: nvml.nvmlDeviceGetUUID(handle),
        "serial": lambda: nvml.nvmlDeviceGetSerial(handle),
        "board_part_number": lambda: nvml.nvmlDeviceGetBoardPartNumber(handle),
        "vbios_version": lambda: nvml.nvmlDeviceGetVbiosVersion(handle),
        "gsp_firmware_version": lambda: nvml.nvmlDeviceGetGspFirmwareVersion(handle),
        "compute_capability": lambda: ".".join(map(str, nvml.nvmlDeviceGetCudaComputeCapability(handle))),
        "cuda_cores": lambda: nvml.nvmlDeviceGetNumGpuCores(handle),
        "total_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total,
        "memory_bus_bits": lambda: nvml.nvmlDeviceGetMemoryBusWidth(handle),
        "ecc_enabled": lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0]),
        "mig_enabled": lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0]),
        "mig_devices": lambda: _mig_devices(nvml, handle),
        "power_limit_w": lambda: nvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000,
        "default_power_limit_w": lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle) / 1000,
        "max_sm_clock_hz": lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM) * 1_000_000,
        "max_memory_clock_hz": lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM) * 1_000_000,
        "link_width_lanes": lambda: nvml.nvmlDeviceGetCurrPcieLinkWidth(handle),
        "link_generation": lambda: nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle),
        "max_link_width_lanes": lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(handle),
        "max_link_generation": lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle),
    }


def _mig_devices(nvml: Any, handle: Any) -> list[dict[str, Any]]:
    """Return the instances of a device whose MIG mode is on; none otherwise."""
    try:
        if not nvml.nvmlDeviceGetMigMode(handle)[0]:
            return []
    except nvml.NVMLError:
        return []
    instances = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except nvml.NVMLError:
            continue
        instances.append(
            {
                "name": nvml.nvmlDeviceGetName(instance),
                "uuid": nvml.nvmlDeviceGetUUID(instance),
                "total_bytes": nvml.nvmlDeviceGetMemoryInfo(instance).total,
            }
        )
    return instances


def _cuda(version: int) -> str:
    """Return "12.4" for 12040."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _pci_id(packed: int) -> str:
    """Unpack the device id from the upper and the vendor id from the lower 16 bits."""
    return f"{packed & 0xFFFF:04x}:{packed >> 16 & 0xFFFF:04x}"
