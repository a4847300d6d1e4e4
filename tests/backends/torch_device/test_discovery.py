"""Which accelerator is here, and in plain words why not: each sign on its own, PyTorch asked in a real process."""

import os
import subprocess
import sys

import pytest

from backends.contract.backend import Availability
from backends.contract.registry import load_backend
from backends.torch_device import discovery
from backends.torch_device.backend import Cuda, Npu, TorchAccelerator, refusal
from backends.torch_device.discovery import Device, ask_pytorch, find_device, pytorch_build
from backends.torch_device.kinds import KINDS
from profiler.run.supervisor import worker_environment
from tests.profiler.devices.nvidia.fake_nvml import H100, fake_nvml

pytestmark = pytest.mark.slow

H200 = Device("NVIDIA H200", 140_000_000_000, 150_000_000_000, (9, 0))
FAKE_TORCH_NPU = '''
"""torch-npu as its documentation shapes it: importing it adds the device type and its module to PyTorch."""
import os
import types

import torch

print("a banner on standard output")
if os.environ.get("FAKE_NPU") == "broken":
    raise ImportError("libhccl.so: cannot open shared object file\\nPlease source set_env.sh")
torch.utils.rename_privateuse1_backend("npu")
module = types.ModuleType("torch_npu.npu")
module.is_available = lambda: os.environ.get("FAKE_NPU") != "no device"
module.device_count = lambda: 2
module.mem_get_info = lambda index: (60_000_000_000 + index, 64_000_000_000)
module.get_device_name = lambda index: "Ascend910B3"
if os.environ.get("FAKE_NPU") == "dies":
    os.abort()
torch._register_device_module("npu", module)
'''


@pytest.fixture(autouse=True)
def forget():
    ask_pytorch.cache_clear()
    yield
    ask_pytorch.cache_clear()


@pytest.fixture
def nvml(monkeypatch):
    return lambda *devices, **more: monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(*devices, **more))


@pytest.fixture
def seen(monkeypatch):
    """PyTorch is a CUDA build and answers as given."""
    monkeypatch.setattr(discovery, "pytorch_build", lambda: ("2.13.0", {"cuda": "13.0", "hip": None}))
    return lambda answer: monkeypatch.setattr(discovery, "ask_pytorch", lambda kind: answer)


@pytest.fixture
def torch_npu(tmp_path, monkeypatch):
    """A torch_npu on the path, and a driver's device node."""
    (tmp_path / "torch_npu.py").write_text(FAKE_TORCH_NPU)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    node = tmp_path / "davinci0"
    node.touch()
    kind = KINDS["npu"]
    monkeypatch.setattr(discovery.glob, "glob", lambda pattern: [str(node)] if pattern in kind.nodes else [])
    return lambda state: monkeypatch.setenv("FAKE_NPU", state)


def reason(kind, index=""):
    found = find_device(KINDS[kind], index)
    assert isinstance(found, Availability) and not found.available and found.remedy
    return found.reason


def test_no_driver(nvml):
    nvml(broken=True)
    assert reason("cuda").startswith("no NVIDIA driver answers (NVML: ")


def test_no_binding(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert reason("cuda") == "no NVIDIA driver answers (the package nvidia-ml-py is not installed)"


def test_a_driver_without_a_device(nvml):
    nvml()
    assert reason("cuda") == "the NVIDIA driver is loaded and finds no device"


def test_a_pytorch_without_cuda_is_named_with_its_version(nvml):
    nvml(H100)
    assert reason("cuda") == f"PyTorch {pytorch_build()[0]} is built without CUDA"
    assert pytorch_build()[0].endswith("+cpu") and pytorch_build()[1] == {"cuda": None, "hip": None}


def test_a_driver_too_old_for_pytorch(nvml, seen):
    nvml(H100)
    seen(())
    assert reason("cuda") == "PyTorch sees no cuda device"


def test_a_device_number_that_is_not_here(nvml, seen):
    nvml(H100)
    seen((H200,))
    assert reason("cuda", "3") == "there is no cuda:3, only number 0 is here"
    seen((H200, H200))
    assert reason("cuda", "2") == "there is no cuda:2, 0 to 1 are here"
    assert find_device(KINDS["cuda"], "") == find_device(KINDS["cuda"], "1") == H200


@pytest.mark.parametrize("index", ["x", "-1", "0x1", "1.5"])
def test_what_is_no_device_number(index):
    assert "is no device number" in reason("cuda", index)
    assert Cuda.accelerator(index) == f"cuda:{index}", "naming it must not raise: the reason comes from the probe"


def test_another_makers_cuda_needs_no_nvidia_driver(nvml, seen, monkeypatch):
    nvml(broken=True)
    monkeypatch.setattr(discovery.glob, "glob", lambda pattern: ["/dev/mxcd"] if pattern == "/dev/mxcd" else [])
    seen((Device("MetaX C500", 1, 2, None),))
    assert find_device(KINDS["cuda"], "0").name == "MetaX C500"


def test_an_extension_that_is_not_installed():
    assert reason("npu") == "torch_npu is not installed"


def test_an_extension_without_its_driver(torch_npu, monkeypatch):
    monkeypatch.setattr(discovery.glob, "glob", lambda pattern: [])
    assert reason("npu") == "no driver for Huawei Ascend is loaded (there is no /dev/davinci[0-9]*)"


def test_an_extension_that_works_is_asked_in_a_process_of_its_own(torch_npu):
    torch_npu("works")
    device = find_device(KINDS["npu"], "1")
    assert device == Device("Ascend910B3", 60_000_000_001, 64_000_000_000, None)
    assert "torch_npu" not in sys.modules
    assert Npu.probe("1").available and Npu.free_memory_bytes("1") == 60_000_000_001


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("broken", "PyTorch cannot use npu: ImportError: libhccl.so: cannot open shared object file"),
        ("no device", "PyTorch sees no npu device"),
        ("dies", "PyTorch cannot use npu: the query failed with exit status -6"),
    ],
)
def test_an_extension_that_does_not_work_is_one_line(torch_npu, state, expected):
    torch_npu(state)
    assert reason("npu").startswith(expected)


def test_an_extension_that_breaks_pytorch_itself_where_its_driver_is_missing(torch_npu, tmp_path):
    """torch-npu 2.13 without CANN: PyTorch imports it by itself, and "import torch" dies in every process."""
    info = tmp_path / "torch_npu-2.13.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch-npu\nVersion: 2.13.0\n")
    (info / "entry_points.txt").write_text("[torch.backends]\ntorch_npu = torch_npu:_autoload\n")
    torch_npu("broken")
    plain = [sys.executable, "-c", "import torch"]
    died = subprocess.run(plain, stderr=subprocess.PIPE, text=True, check=False)
    assert died.returncode and "Failed to load the backend extension: torch_npu" in died.stderr
    assert reason("npu") == "PyTorch cannot use npu: ImportError: libhccl.so: cannot open shared object file"
    assert reason("xpu") != "", "another type is not touched by it"
    subprocess.run(plain, env=worker_environment(1), check=True)


def test_a_hanging_extension_is_given_up(torch_npu, monkeypatch, tmp_path):
    (tmp_path / "torch_npu.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(discovery, "ASK_TIMEOUT_S", 0.5)
    assert reason("npu") == "PyTorch cannot use npu: no answer within 0.5 s"


def test_every_kind_is_registered_as_a_backend():
    from backends.contract.registry import load_backend

    for name in KINDS:
        backend = load_backend(name)
        assert issubclass(backend, TorchAccelerator) and backend.kind is KINDS[name] and backend.name == name


@pytest.mark.parametrize(
    ("kind", "capability", "precision", "refused"),
    [
        ("cuda", (9, 0), "float8", ""),
        ("cuda", (8, 6), "float8", "compute capability 8.6, float8 needs 8.9"),
        ("cuda", (7, 5), "bfloat16", "compute capability 7.5, bfloat16 needs 8.0; use float16 or float32"),
        ("cuda", (7, 5), "float16", ""),
        ("cuda", (7, 5), "float32", ""),
        ("cuda", (8, 0), "int4", ""),
        ("npu", None, "int4", "int4 is offered on cuda only, not on npu"),
        ("npu", None, "int8", ""),
        ("musa", None, "bfloat16", ""),
    ],
)
def test_a_type_the_device_lacks_is_refused_with_what_it_needs(kind, capability, precision, refused):
    said = refusal(kind, Device("Some GPU", 1, 1, capability), precision)
    assert (refused in said) if refused else not said


def test_quantised_weights_without_torchao(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'chipassay[quantised]'" in refusal("cuda", H200, "int8")


def test_the_memory_it_needs_covers_weights_cache_and_the_probe(make_workload_of, make_spec):
    from profiler.models.presets import presets

    spec = presets()["qwen3-8b"].spec
    chat, batch = make_workload_of(128, 64), make_workload_of(1024, 64, batch=64)
    small, large = (Cuda.memory_needed_bytes(spec, "bfloat16", workload) for workload in (chat, batch))
    assert 16.4e9 + 4e9 < small < 26e9
    assert large - small > 64 * 1088 * spec.kv_bytes_per_token("bfloat16") * 0.99
    assert Cuda.memory_needed_bytes(spec, "int4", chat) < small - 8e9


def test_every_precision_has_limits_of_parity_and_a_size():
    from backends.qwen.model import BITS_PER_WEIGHT
    from profiler.run.parity import THRESHOLDS

    for precision in TorchAccelerator.precisions:
        assert precision in THRESHOLDS and precision in BITS_PER_WEIGHT


def test_every_kind_is_a_target_with_a_backend_of_its_name():
    for kind in KINDS.values():
        backend = load_backend(kind.type)
        assert issubclass(backend, TorchAccelerator)
        assert (backend.name, backend.kind, backend.summary) == (kind.type, kind, kind.summary)
        assert backend.summary and backend.__name__ == kind.type.capitalize()
    assert load_backend("npu") is Npu
