"""A stand-in for the module ``pynvml`` (nvidia-ml-py 13): the same functions, types of results and errors."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

TEXTS = {
    3: "Not Supported",
    4: "Insufficient Permissions",
    10: "Timeout",
    12: "NVML Shared Library Not Found",
    15: "GPU is lost",
}
CONSTANTS = {
    "NVML_SUCCESS": 0,
    "NVML_ERROR_UNINITIALIZED": 1,
    "NVML_ERROR_NOT_SUPPORTED": 3,
    "NVML_ERROR_NO_PERMISSION": 4,
    "NVML_ERROR_NOT_FOUND": 6,
    "NVML_ERROR_DRIVER_NOT_LOADED": 9,
    "NVML_ERROR_GPU_IS_LOST": 15,
    "NVML_ERROR_RESET_REQUIRED": 16,
    "NVML_CLOCK_SM": 1,
    "NVML_CLOCK_MEM": 2,
    "NVML_TEMPERATURE_GPU": 0,
    "NVML_POWER_SCOPE_GPU": 0,
    "NVML_POWER_SCOPE_MODULE": 1,
    "NVML_FI_DEV_POWER_INSTANT": 186,
}


class NVMLError(Exception):
    """As in pynvml: the text is NVML's own."""

    def __init__(self, value: int) -> None:
        self.value = value
        super().__init__(TEXTS[value])


H100 = {
    "Name": "NVIDIA H100 80GB HBM3",
    "UUID": "GPU-11111111-2222-3333-4444-555555555555",
    "Serial": "1650000000001",
    "BoardPartNumber": "692-2G520-0200-000",
    "VbiosVersion": "96.00.89.00.01",
    "GspFirmwareVersion": "560.35.03",
    "CudaComputeCapability": (9, 0),
    "NumGpuCores": 16896,
    "MemoryInfo": SimpleNamespace(total=85520809984, free=1, used=1),
    "MemoryBusWidth": 5120,
    "EccMode": [1, 1],
    "MigMode": [0, 0],
    "PowerManagementLimit": 700000,
    "PowerManagementDefaultLimit": 700000,
    "MaxClockInfo": 1980,
    "CurrPcieLinkWidth": 16,
    "CurrPcieLinkGeneration": 5,
    "MaxPcieLinkWidth": 16,
    "MaxPcieLinkGeneration": 5,
    "PciInfo": SimpleNamespace(busId="00000000:3B:00.0", pciDeviceId=0x233010DE, pciSubSystemId=0x16C110DE),
}
UNSUPPORTED, REFUSED = object(), object()


def fake_nvml(
    *devices: dict[str, object], instances: tuple[dict[str, object], ...] = (), broken: bool = False
) -> ModuleType:
    """A module with the given devices; a value of UNSUPPORTED or REFUSED raises as NVML does, a function is called."""
    module = ModuleType("pynvml")

    def attribute(name):
        def read(handle, *arguments):
            value = handle.get(name, UNSUPPORTED)
            if callable(value):
                value = value(*arguments)
            if value is UNSUPPORTED or value is REFUSED:
                raise NVMLError(3 if value is UNSUPPORTED else 4)
            return value

        return read

    def init():
        if broken:
            raise NVMLError(12)

    def mig(handle, index):
        if index >= len(instances):
            raise NVMLError(3)
        return instances[index]

    names = {name for device in devices for name in device} | set(H100)
    contents = {f"nvmlDeviceGet{name}": attribute(name) for name in names}
    contents |= {
        "NVMLError": NVMLError,
        **CONSTANTS,
        "nvmlInit": init,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "560.35.03",
        "nvmlSystemGetCudaDriverVersion": lambda: 12060,
        "nvmlDeviceGetCount": lambda: len(devices),
        "nvmlDeviceGetHandleByIndex": lambda index: devices[index],
        "nvmlDeviceGetMaxMigDeviceCount": lambda handle: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": mig,
    }
    for name, value in contents.items():
        setattr(module, name, value)
    return module
