"""Boards through their makers' programs: real processes that print what users recorded."""

import time

import pytest

from profiler.devices.iluvatar import SHARED_POWER
from profiler.devices.meter import MeterLostError
from profiler.devices.metering.telemetry import TelemetryStream
from profiler.devices.monitors import MONITORS
from profiler.devices.screen import poller
from profiler.devices.screen.visible import visible_number
from profiler.sampling import watch as watch_module
from profiler.sampling.instruments import open_instruments
from profiler.sampling.watch import Watch
from reports.document.language import ENGLISH
from reports.document.sections.ran import telemetry_text
from tests.profiler.devices.conftest import read_recorded as recorded

MIB = 1 << 20
KINDS = {kind.name: kind for kind in MONITORS}
SAFE_S = 20


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(poller, "LEAST_PERIOD_S", 0.02)


@pytest.fixture
def watch():
    """Opens a monitor and samples it until ``enough`` states were seen, or it was lost."""
    opened = []

    def look(name, accelerator, enough=2, environment=None, change=lambda states: None):
        monitor = KINDS[name].open(accelerator, environment or {})
        opened.append(monitor)
        stream = TelemetryStream(monitor)
        until = time.monotonic() + SAFE_S
        while len(stream.states) < enough and not stream.lost and time.monotonic() < until:
            stream.sample()
            change(stream.states)
            time.sleep(0.005)
        return stream

    yield look
    for monitor in opened:
        monitor.close()


@pytest.mark.parametrize(
    ("name", "output", "accelerator", "watts", "limit_w", "celsius", "used_mib", "total_mib", "scope"),
    [
        (
            "ixsmi",
            "ixsmi_4.1.0_BI-V150",
            "cuda:3",
            94,
            350,
            31,
            116,
            32768,
            SHARED_POWER,
        ),
        ("mx-smi", "mx-smi_2.3.1_C500", "cuda:0", 37, 350, 32, 826, 65536, None),
        ("cnmon", "cnmon_5.10.13_MLU370-X8", "mlu:1", 106, 250, 39, 0, 23374, None),
        ("efsmi", "efsmi_q_1.4.3_S60", "gcu:1", 104, 300, 45, 0, 42976, None),
        ("xpu-smi", "xpu-smi_5.19.0_P800", "cuda:7", 85, 400, 35, 0, 98304, None),
        ("hy-smi", "hy-smi_json_BW.json", "cuda:1", 84, None, 52, 64104, 65520, None),
    ],
)
def test_a_target_gets_the_state_of_its_own_device(
    tool, watch, name, output, accelerator, watts, limit_w, celsius, used_mib, total_mib, scope
):
    tool(name, output)
    assert KINDS[name].probe(accelerator, {}).available
    seen = watch(name, accelerator).telemetry()
    assert seen.source == name and seen.samples_taken >= 2
    expected = {
        "power_w": watts,
        "power_limit_w": limit_w,
        "temperature_c": celsius,
        "utilisation": 0,
        "memory_used_bytes": used_mib * MIB,
        "memory_total_bytes": total_mib * MIB,
    }
    assert {column: values[0] for column, values in seen.columns.items()} == {
        column: value for column, value in expected.items() if value is not None
    }
    missing = {column for column, value in expected.items() if value is None}
    assert set(seen.unread) == {*missing, "processes"}
    assert all(f"{name} prints none" in seen.unread[column] for column in missing)
    assert seen.power_scope.startswith(scope or "") and bool(seen.power_scope) == bool(scope)
    assert seen.polling.period_s > 0 and seen.polling.call_s > 0 and seen.polling.calls >= 2


def test_an_ascend_device_is_found_by_its_logical_number_and_asked_for_that_once(install, watch):
    folder = install(
        "npu-smi",
        'case "$*" in info) cat info;; "info -m") cat map;; *) exit 1;; esac',
        info=recorded("npu-smi_24.1.1_910B4"),
        map=recorded("npu-smi_map_910B4"),
    )
    seen = watch("npu-smi", "npu:1", enough=4).telemetry()
    assert (seen.columns["power_w"][0], seen.columns["memory_used_bytes"][0]) == (87.0, 29356 * MIB)
    assert (seen.device["pci_address"], seen.device["index"]) == ("0000:c2:00.0", "1")
    assert (folder / "asked").read_text().splitlines().count("info -m") == 1


def test_the_second_chip_of_a_card_has_no_watts_of_its_own(install, watch):
    install(
        "npu-smi",
        'case "$*" in info) cat info;; "info -m") cat map;; *) exit 1;; esac',
        info=recorded("npu-smi_25.2.1_A3"),
        map=recorded("npu-smi_map_A3"),
    )
    second, first = watch("npu-smi", "npu:1").telemetry(), watch("npu-smi", "npu:0").telemetry()
    assert "power_w" not in second.columns and "prints none" in second.unread["power_w"]
    assert (first.columns["power_w"][0], first.power_scope) == (166.5, "board of 2 chips")


def test_the_question_that_is_answered_is_the_one_asked_over_and_over(install, watch):
    folder = install(
        "hy-smi", '[ "$#" = 0 ] && cat answer || { echo unknown; exit 2; }', answer=recorded("hy-smi_table_HCU")
    )
    seen = watch("hy-smi", "cuda:1", enough=3).telemetry()
    assert seen.columns["power_w"][0] == 89 and seen.polling.command == "hy-smi"
    assert "memory_used_bytes" in seen.unread
    assert (folder / "asked").read_text().splitlines().count("") >= 3


def test_a_state_that_changes_is_seen_and_each_call_counts_once(tool, watch):
    folder = tool("mx-smi", "mx-smi_2.3.1_C500")
    busy = recorded("mx-smi_2.3.1_C500").replace("37W", "212W").replace("| 0%   ", "| 97%  ")

    def work(states):
        if len(states) == 2:
            (folder / "answer").write_text(busy)

    stream = watch("mx-smi", "cuda:0", enough=5, change=work)
    seen = stream.telemetry()
    assert seen.extremes["power_w"] == (37, 212) and seen.extremes["utilisation"] == (0, 0.97)
    assert seen.samples_taken <= seen.polling.calls, "a look without news is no sample"
    assert list(seen.at_ns) == sorted(set(seen.at_ns))


def test_a_call_that_failed_is_a_gap_and_not_a_figure(install, watch):
    folder = install("mx-smi", "[ -f broken ] && { rm broken; echo 'MX-SMI: bus error'; exit 5; } || cat answer",
                     answer=recorded("mx-smi_2.3.1_C500"))  # fmt: skip

    def fail_once(states):
        if len(states) == 1:
            (folder / "broken").touch()

    seen = watch("mx-smi", "cuda:0", enough=6, change=fail_once).telemetry()
    assert None in seen.columns["power_w"] and {37.0, None} == set(seen.columns["power_w"])
    assert seen.polling.failed_calls >= 1 and "end of the run" not in seen.unread


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ("echo 'driver is gone' >&2; exit 4", "exit status 4: driver is gone"),
        (
            "sed 's/| 0     MetaX/| 5     MetaX/; s/| 0           Off/| 5           Off/' answer",
            "no longer lists the device",
        ),
    ],
)
def test_a_device_that_goes_away_ends_the_telemetry_with_the_reason(install, watch, after, says):
    folder = install(
        "mx-smi", f"if [ -f gone ]; then {after}; else cat answer; fi", answer=recorded("mx-smi_2.3.1_C500")
    )
    stream = watch("mx-smi", "cuda:0", enough=10_000, change=lambda states: states and (folder / "gone").touch())
    assert says in stream.lost and says in stream.telemetry().unread["end of the run"]
    assert stream.telemetry().columns["power_w"][0] == 37, "what was seen stays"


@pytest.mark.parametrize(
    ("accelerator", "body", "says"),
    [
        ("cuda:4", "cat answer", "ixsmi lists no device 4; it lists 0, 1, 2, 3"),
        ("cuda:0", "echo 'No supported GPUs found'", "no device in a known format"),
        ("cuda:0", "echo 'driver not loaded'; exit 9", "exit status 9: driver not loaded"),
        ("cuda:0", "cat answer answer", "more than once"),
    ],
)
def test_what_cannot_be_found_is_a_reason(install, accelerator, body, says):
    install("ixsmi", body, answer=recorded("ixsmi_4.1.0_BI-V150"))
    probe = KINDS["ixsmi"].probe(accelerator, {})
    assert not probe.available and says in probe.reason and probe.remedy
    with pytest.raises(MeterLostError, match=says.split(";")[0]):
        KINDS["ixsmi"].open(accelerator, {})


def test_without_the_tool_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for kind in MONITORS:
        if hasattr(kind, "tool"):
            assert kind.probe(f"{kind.device_types[0]}:0", {}).reason == f"{kind.name} is not on PATH"


@pytest.mark.parametrize(
    ("accelerator", "environment", "found"),
    [
        ("cuda:1", {}, 1),
        ("cuda", {}, 0),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "3,2"}, 2),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "2", "HIP_VISIBLE_DEVICES": "2"}, 2),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "2", "HIP_VISIBLE_DEVICES": "1"}, "both renumber"),
        ("cuda:2", {"CUDA_VISIBLE_DEVICES": "3,2"}, "CUDA_VISIBLE_DEVICES shows 2"),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": ""}, "shows 0"),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "GPU-75401a56"}, "give their numbers"),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "-1"}, "give their numbers"),
        ("cuda:0", {"MLU_VISIBLE_DEVICES": "3"}, 0),
    ],
)
def test_what_a_variable_shows_renumbers_the_devices(accelerator, environment, found):
    number = visible_number(accelerator, ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"), environment)
    assert number == found if isinstance(found, int) else found in number


def test_a_visible_number_picks_the_board(tool, watch):
    tool("ixsmi", "ixsmi_4.1.0_BI-V150")
    seen = watch("ixsmi", "cuda:0", environment={"CUDA_VISIBLE_DEVICES": "3"}).telemetry()
    assert (seen.device["index"], seen.columns["power_w"][0]) == ("3", 94)


def test_the_watch_opens_it_for_the_word_and_counts_what_it_costs(tool, monkeypatch):
    tool("cnmon", "cnmon_5.10.13_MLU370-X8")
    for name, value in (("IDLE_S", 0.1), ("SETTLE_S", 0.0), ("LEAST_INTERVAL_S", 0.01)):
        monkeypatch.setattr(watch_module, name, value)
    instruments = open_instruments("mlu:1", {})
    assert instruments.monitor.name == "cnmon" and instruments.monitor_reason == ""
    observed = Watch(instruments)
    try:
        with observed.watching():
            until = time.monotonic() + SAFE_S
            while len(observed.states()) < 3 and time.monotonic() < until:
                time.sleep(0.01)
        seen, cost = observed.telemetry(), observed.cost()
    finally:
        observed.close()
    assert seen.columns["temperature_c"][0] == 39 and seen.source == "cnmon"
    assert 0 < instruments.monitor.cpu_s < cost.cpu_s, "the calls' own processor time is part of what watching cost"
    words = telemetry_text(seen, ENGLISH)
    assert "power 106 W" in words and f"every {seen.polling.period_s:.3g} s" in words and "s a call" in words


def test_the_report_says_what_the_watts_cover(tool, watch):
    tool("xpu-smi", "xpu-smi_4.0_K200")
    words = telemetry_text(watch("xpu-smi", "cuda:1").telemetry(), ENGLISH)
    assert "board of 2 chips" in words and "no power limit w: xpu-smi prints none" in words
