"""The meter of a board: what it tells, what it lacks, and how it ends."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

import backends.common.nvml
from profiler.devices.meter import MeterLostError
from profiler.devices.nvidia import board as nvml_board
from profiler.devices.nvidia import meter as nvml
from profiler.devices.nvidia import monitor as nvml_monitor
from profiler.devices.nvidia.meter import AVERAGE, INSTANT, Nvml
from tests.profiler.devices.boards import LiveBoard, S
from tests.profiler.devices.conftest import ENVIRONMENT
from tests.profiler.devices.nvidia.fake_nvml import H100, REFUSED, UNSUPPORTED


def probe(accelerator="cuda:0"):
    return Nvml.probe(accelerator, ENVIRONMENT)


def test_a_board_that_counts_is_measured(plug_in):
    plug_in(LiveBoard())
    found = probe()
    assert (found.available, found.grade, found.scope) == (True, "measured", "board")


def test_a_board_without_a_counter_is_derived_from_power(plug_in):
    plug_in(LiveBoard(changes={"TotalEnergyConsumption": UNSUPPORTED}))
    assert (probe().available, probe().grade) == (True, "derived")
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    assert meter.power_source == INSTANT
    assert meter.look().energy_j is None and meter.look().power_w == pytest.approx(300)


def test_a_board_without_the_instant_field_gives_the_average_and_says_so(plug_in):
    plug_in(LiveBoard(changes={"scopes": ()}))
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    assert meter.power_source == AVERAGE and "averaged over 1 s" in AVERAGE
    assert meter.power_period_s == 1.0 and meter.look().power_w == pytest.approx(300)


@pytest.mark.parametrize("value", [0, nvml.NOT_AVAILABLE])
def test_a_field_that_holds_no_value_is_no_power(plug_in, value):
    field = SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=value))
    plug_in(LiveBoard(changes={"FieldValues": lambda *_: [field]}))
    assert Nvml.open("cuda:0", ENVIRONMENT).power_source == AVERAGE


@pytest.mark.parametrize(("how", "says"), [(UNSUPPORTED, "not supported"), (REFUSED, "insufficient permissions")])
def test_a_board_that_tells_nothing_is_unavailable_with_what_nvml_said(plug_in, how, says):
    plug_in(LiveBoard(changes={"TotalEnergyConsumption": how, "PowerUsage": how, "FieldValues": how}))
    found = probe()
    assert not found.available and says in found.reason and found.remedy


def test_a_binding_without_the_functions_is_a_reason_too(plug_in):
    missing = ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetFieldValues", "nvmlDeviceGetPowerUsage")
    plug_in(LiveBoard(changes={"missing": missing}))
    assert "this version of nvidia-ml-py" in probe().reason


def test_without_driver_or_binding_the_reason_and_the_cure_are_given(plug_in, monkeypatch):
    plug_in(broken=True)
    assert "shared library not found" in probe().reason and "install the NVIDIA driver" in probe().remedy
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert "nvidia-ml-py is not installed" in probe().reason


def test_the_hosts_processor_is_not_read(plug_in):
    plug_in(LiveBoard())
    assert not Nvml.probe(None, ENVIRONMENT).available


def test_on_a_superchip_power_and_joules_are_the_modules(plug_in):
    linked = SimpleNamespace(isC2cEnabled=1)
    plug_in(LiveBoard(changes={"C2cModeInfoV": linked, "scopes": (1,)}))
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    assert (probe().scope, meter.scope, meter.power_source) == ("module", "module", INSTANT)


def test_energy_is_counted_from_the_opening_in_joules(plug_in):
    board = LiveBoard(call_ns=0)
    plug_in(board)
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    board.sleep(2.0)
    assert meter.look().energy_j == pytest.approx(600)
    assert meter.device["uuid"] == H100["UUID"]


def test_a_lost_board_ends_the_reading(plug_in):
    board = LiveBoard(lost_at_s=1.0)
    plug_in(board)
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    meter.look()
    board.sleep(1.0)
    with pytest.raises(MeterLostError, match="gpu is lost"):
        meter.look()


def test_one_missed_look_is_no_loss(plug_in):
    board = LiveBoard()
    plug_in(board)
    meter = Nvml.open("cuda:0", ENVIRONMENT)
    device = meter._sources.board.handle
    counter = device["TotalEnergyConsumption"]
    device["TotalEnergyConsumption"] = lambda: (_ for _ in ()).throw(board_error(10))
    assert meter.look() == nvml.Look(None)
    device["TotalEnergyConsumption"] = counter
    board.ns += S
    assert meter.look().energy_j == pytest.approx(300, rel=0.1)


def board_error(code):
    from tests.profiler.devices.nvidia.fake_nvml import NVMLError

    return NVMLError(code)


def test_every_visible_device_is_a_candidate_and_one_at_least(plug_in):
    plug_in(LiveBoard(), LiveBoard())
    assert Nvml.candidates(ENVIRONMENT) == ("cuda:0", "cuda:1")
    assert Nvml.candidates({**ENVIRONMENT, "CUDA_VISIBLE_DEVICES": "1"}) == ("cuda:0",)
    plug_in(broken=True)
    assert Nvml.candidates(ENVIRONMENT) == ("cuda:0",)


def test_the_real_binding_has_every_name_that_is_used():
    import pynvml

    used = set(nvml.GONE)
    for module in (nvml, nvml_board, nvml_monitor, backends.common.nvml):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Attribute) and node.attr.lower().startswith("nvml"):
                used.add(node.attr)
    used -= {"nvml", "nvmlReturn"}  # our own attribute, and a field of a structure that is checked below
    assert len(used) > 25
    assert [name for name in used if not hasattr(pynvml, name)] == []
    field = pynvml.c_nvmlFieldValue_t()
    assert hasattr(field, "nvmlReturn") and hasattr(field.value, "uiVal")
    assert pynvml.NVML_VALUE_NOT_AVAILABLE_uint.value == nvml.NOT_AVAILABLE
