"""A wall meter beside a run: its joules, its doubt, and all the ways in which it leaves, while nobody waits for it."""

import json
import threading
import time
from dataclasses import replace

import pytest

from backends.common.errors import InputError
from profiler.devices.meters import MeterLostError
from profiler.devices.wall import Wall, check_wall_meter, http, meter, probe_wall_meter, public_name
from profiler.devices.wall.clock import Receipt
from profiler.devices.wall.source import WallRow, WallSource
from profiler.energy.window import NoEnergyError, idle_power, window_energy
from profiler.records.readings import WALL
from profiler.sampling import instruments, watch
from profiler.sampling.instruments import Channel, Instruments, open_instruments
from profiler.sampling.watch import Watch

pytestmark = pytest.mark.slow

S = 1_000_000_000


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(watch, "IDLE_S", 0.2)
    monkeypatch.setattr(watch, "SETTLE_S", 0.0)
    monkeypatch.setattr(watch, "IDLE_PERIODS", 0)
    monkeypatch.setattr(meter, "SETTLE_S", 1.0)


def work(observed, seconds=1.0):
    """A run of one window."""
    with observed.watching():
        begin = time.perf_counter_ns()
        time.sleep(seconds)
        end = time.perf_counter_ns()
    return begin, end


def test_a_file_that_a_logger_appends_to_gives_joules_whatever_its_clock_says(logger):
    log = logger(power_w=80.0, ahead_s=-7200.0)
    observed = Watch(Instruments((Channel(WALL, Wall.open(str(log.path))),)))
    begin, end = work(observed)
    reading = observed.readings([begin, end])[0].energy
    found = window_energy(reading, begin, end)
    assert (reading.meter, reading.scope, reading.grade) == ("wall", "wall", "derived")
    assert reading.update_period_s == pytest.approx(0.02, rel=0.5)
    assert found.power_w == pytest.approx(80, rel=0.01)
    assert found.error_j >= 80 * 2 * reading.clock_uncertainty_s > 0
    assert idle_power(reading).power_w == pytest.approx(80, rel=0.01)
    assert reading.device["source"] == "meter.csv" and reading.device["clock"].startswith("-7200")
    assert observed.energy_window_s == pytest.approx(100 * reading.update_period_s, rel=0.5)
    cost = observed.cost()
    assert cost.reads > 40 and 0 < cost.cpu_s < 0.2 * cost.wall_s
    observed.close()


def test_an_address_is_asked_beside_the_run(serve, monkeypatch):
    monkeypatch.setattr(http.HttpMeter, "poll_s", 0.05)
    began = time.monotonic()

    def answer(request):
        power = 60.0
        return 200, json.dumps({"apower": power, "aenergy": {"total": (time.monotonic() - began) / 60}}).encode()

    wall = Wall.open(f"{serve(answer)}/rpc/Switch.GetStatus?id=0")
    observed = Watch(Instruments((Channel(WALL, wall),)))
    begin, end = work(observed)
    reading = observed.readings([begin, end])[0].energy
    observed.close()
    found = window_energy(reading, begin, end)
    assert (reading.grade, reading.faults) == ("measured", ())
    assert found.power_w == pytest.approx(60, rel=0.2) and found.integrated_j == pytest.approx(60, rel=0.05)
    assert found.error_j >= 60 * 2 * http.HttpMeter.slowest_refresh_s, "asked more often, it tells no more"


class Told(WallSource):
    """Readings that a test hands over."""

    name, poll_s = "told", 0.1

    def read(self):
        return ()


def reading_of(rows, end_s, trouble=""):
    """The reading of (seconds, watts, joules), each received as it was made, when reading ended at ``end_s``."""
    wall = Wall(Told())
    wall._stop.set()
    wall._thread.join()
    wall._receipts = [Receipt(WallRow(at_s, *figures), round(at_s * S), round(at_s * S)) for at_s, *figures in rows]
    wall._trouble, wall._ended_ns = trouble, round(end_s * S)
    return wall.reading((0, S), (0, S), ())


def steady(first, last, power_w=50.0):
    return [(n + 0.5, power_w, None) for n in range(first, last)]


def test_a_gap_in_the_readings_spoils_what_it_touches():
    reading = reading_of(steady(0, 10) + steady(20, 30), 30)
    with pytest.raises(NoEnergyError, match=r"stream_gap: .*11\.0 s without a power reading"):
        window_energy(reading, 8 * S, 22 * S)
    assert window_energy(reading, 1 * S, 9 * S).energy_j == pytest.approx(400)


def test_a_window_past_the_last_reading_says_why_there_are_no_more():
    reading = reading_of(steady(0, 10), 30, "meter.csv cannot be read: No such file or directory")
    with pytest.raises(NoEnergyError, match=r"meter_lost: .*No such file"):
        window_energy(reading, 8 * S, 12 * S)
    with pytest.raises(NoEnergyError, match=r"meter_lost: .*told reported nothing new"):
        window_energy(reading_of(steady(0, 10), 30), 8 * S, 12 * S)
    with pytest.raises(NoEnergyError, match="edge_missing"):
        window_energy(reading_of(steady(5, 30), 30), 1 * S, 12 * S)


def test_a_step_of_the_meters_clock_spoils_the_window_it_falls_into():
    stepped = [(at_s, watts, joules) for at_s, watts, joules in steady(0, 30)]
    wall = Wall(Told())
    wall.close()
    wall._receipts = [
        Receipt(WallRow(at_s + (90 if at_s > 15 else 0), watts), round(at_s * S), round(at_s * S))
        for at_s, watts, _ in stepped
    ]
    wall._ended_ns = 30 * S
    reading = wall.reading((0, S), (0, S), ())
    assert [fault.code for fault in reading.faults] == ["meter_clock_stepped"]
    with pytest.raises(NoEnergyError, match="meter_clock_stepped"):
        window_energy(reading, 14 * S, 17 * S)
    assert window_energy(reading, 17 * S, 27 * S).energy_j == pytest.approx(500)


@pytest.mark.parametrize(
    ("joules", "code"),
    [([1e6, 1e6 + 50, 10.0, 60.0], "counter_reset"), ([1e6, 1e6 + 50, 9e5, 9e5 + 50], "counter_backwards"),
     ([1e6, 1e6 + 50, 3e6, 3e6 + 50], "counter_jumped"), ([1e6, 1e6 + 50] + [1e6 + 50] * 30, "counter_frozen")],
)  # fmt: skip
def test_a_counter_at_the_wall_is_audited_as_any_other(joules, code):
    lead = [1e6 - 50 * n for n in range(25, 0, -1)]
    rows = [(n + 0.5, None, energy_j) for n, energy_j in enumerate(lead + joules)]
    reading = reading_of(rows, len(rows))
    assert code in [fault.code for fault in reading.faults] and reading.grade == "measured"


def test_a_counter_of_coarse_steps_gives_way_to_power():
    rows = [(n + 0.5, 50.0, 3600.0 * (n // 60)) for n in range(200)]
    reading = reading_of(rows, 200)
    assert (reading.grade, reading.update_period_s) == ("derived", 1.0)
    alone = reading_of([(at_s, None, energy_j) for at_s, _, energy_j in rows], 200)
    assert alone.grade == "measured" and alone.update_period_s > 50, "without power its steps are the doubt"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda request: (200, b"<html>"), "not a reading"),
        (lambda request: (500, b""), "answers 500"),
        (lambda request: time.sleep(2), "did not answer"),
    ],
)
def test_a_meter_that_never_gave_a_reading_is_a_reason_and_the_run_goes_on(serve, monkeypatch, answer, says):
    monkeypatch.setattr(http, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(meter, "TROUBLE_S", 0.4)
    monkeypatch.setattr(instruments, "METERS", ())
    found = open_instruments(None, {}, serve(answer))
    wall = found.channel(WALL)
    assert wall.stream is None and says in wall.reason and not found.metered


def test_a_file_that_nobody_appends_to_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(meter, "TROUBLE_S", 0.1)
    monkeypatch.setattr(meter, "PATIENCE_S", 0.3)
    (tmp_path / "old.csv").write_text("timestamp,power_w\n1,2\n2,2\n")
    with pytest.raises(MeterLostError, match=r"old\.csv reported nothing new for 0\.3 s"):
        Wall.open(str(tmp_path / "old.csv"))


def test_a_meter_that_vanishes_in_the_run_ends_its_readings_and_delays_nobody(logger):
    log = logger()
    observed = Watch(Instruments((Channel(WALL, Wall.open(str(log.path))),)))
    with observed.watching():
        first = time.perf_counter_ns()
        time.sleep(0.5)
        second = time.perf_counter_ns()
        log.end()
        log.path.unlink()
        began = time.perf_counter()
        observed.edge()
        assert time.perf_counter() - began < 0.2
        time.sleep(0.5)
    reading = observed.readings([])[0].energy
    observed.close()
    assert window_energy(reading, first, second - S // 5).power_w == pytest.approx(80, rel=0.01)
    with pytest.raises(NoEnergyError, match=r"meter_lost: .*meter\.csv cannot be read: No such file"):
        window_energy(reading, first, second + S // 2)


def test_a_meter_that_hangs_in_the_run_delays_nobody(serve, monkeypatch):
    monkeypatch.setattr(http.HttpMeter, "poll_s", 0.02)
    monkeypatch.setattr(http.HttpMeter, "slowest_refresh_s", 0.05)
    monkeypatch.setattr(http, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(meter, "SETTLE_S", 0.1)
    hang = threading.Event()

    def answer(request):
        if hang.is_set():
            time.sleep(5)
        return 200, b'{"power_w": 40}'

    observed = Watch(Instruments((Channel(WALL, Wall.open(serve(answer))),)))
    with observed.watching():
        hang.set()
        began = time.perf_counter()
        observed.edge()
        time.sleep(0.8)
        assert time.perf_counter() - began < 1.2
    began = time.perf_counter()
    reading = observed.readings([])[0].energy
    observed.close()
    assert time.perf_counter() - began < 1
    assert "meter_lost" in [fault.code for fault in reading.faults]


@pytest.mark.parametrize(
    ("named", "says"),
    [("ftp://meter/x.csv", "not ftp://"), ("missing.csv", "No such file"), ("http://", "names no host"),
     ("http:///status", "names no host"), (".", "is not a file"), ("http://[half", "--wall-meter")],
)  # fmt: skip
def test_what_names_no_meter_is_wrong_input(tmp_path, monkeypatch, named, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refused:
        check_wall_meter(named)
    assert says in str(refused.value)
    assert not probe_wall_meter(named).available


def test_a_probe_says_what_would_be_read(logger, serve):
    log = logger()
    assert replace(probe_wall_meter(str(log.path)), remedy="").scope == "wall"
    assert probe_wall_meter(serve(lambda request: (200, b'{"energy_wh": 5}'))).grade == "measured"
    assert "no meter at the wall socket is named" in probe_wall_meter("").reason


def test_what_leaves_the_machine_holds_no_secret():
    assert public_name("/home/ann/secret/meter.csv") == "meter.csv"
    assert public_name("http://ann:pw@plug.lan:81/cm?user=ann&password=pw&cmnd=Status%208") == "http://plug.lan:81/cm"
