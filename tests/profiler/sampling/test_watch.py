"""The parent's watch: what it opens, when it looks, what it costs, and that it stops."""

import threading
import time

import pytest

from profiler.devices.meters import Meter, MeterProbe
from profiler.devices.monitors import Monitor
from profiler.energy.window import idle_power, window_energy
from profiler.records.codec import decode, encode
from profiler.records.readings import HOST, SECOND, TARGET, Reading
from profiler.sampling import instruments, watch
from profiler.sampling.instruments import Instruments, metered, open_instruments
from profiler.sampling.watch import Watch
from tests.profiler.devices.stand_in import PERIOD_S, POWER_W, StandIn

pytestmark = pytest.mark.slow


class Locked(StandIn):
    """There, but not for us."""

    name = "locked"

    @classmethod
    def probe(cls, accelerator=None, environment=None):
        return MeterProbe(False, "no key", "turn the key")


class Board(StandIn):
    """A meter of accelerators."""

    name, device_types = "board", ("cuda",)

    @classmethod
    def probe(cls, accelerator=None, environment=None):
        return MeterProbe(accelerator == "cuda:0", "not this one", "take cuda:0")


class Lamp(Monitor):
    """A monitor with one column."""

    name, device_types, columns, slow_columns = "lamp", ("cuda",), ("temperature_c",), ()
    device, unread = {}, {}

    @classmethod
    def probe(cls, accelerator, environment):
        return MeterProbe(True)

    @classmethod
    def open(cls, accelerator, environment):
        return cls()

    def look(self, *, slow):
        return {"temperature_c": 40.0}

    def processes(self):
        return {}

    def close(self):
        self.closed = True


def own(meter):
    """The channel of the hardware that executes."""
    return (metered(TARGET, meter),)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(watch, "IDLE_S", 0.2)
    monkeypatch.setattr(watch, "SETTLE_S", 0.0)
    monkeypatch.setattr(watch, "IDLE_PERIODS", 0)


@pytest.mark.parametrize(
    ("kinds", "accelerator", "meter", "host_meter", "reason"),
    [
        ((StandIn, Board), None, "stand-in", None, ""),
        ((Locked, StandIn), None, "stand-in", None, ""),
        ((Locked, Board), None, None, None, "locked: no key; to enable: turn the key"),
        ((StandIn, Board), "cuda:0", "board", "stand-in", ""),
        ((Locked, Board), "cuda:0", "board", None, ""),
        ((StandIn, Board), "npu:1", None, "stand-in", "no meter here reads accelerators of type npu"),
        ((StandIn, Board), "cuda:1", None, "stand-in", "board: not this one; to enable: take cuda:0"),
    ],
)
def test_the_joules_of_the_host_are_never_those_of_an_accelerator(
    monkeypatch, kinds, accelerator, meter, host_meter, reason
):
    monkeypatch.setattr(instruments, "METERS", kinds)
    monkeypatch.setattr(instruments, "MONITORS", (Lamp,))
    found = open_instruments(accelerator, {})
    own, host = found.channel(TARGET), found.channel(HOST)
    assert (own.stream and own.stream.meter.name, host.stream and host.stream.meter.name) == (meter, host_meter)
    assert own.reason == reason
    assert (found.monitor is None) == (accelerator in (None, "npu:1"))


def test_a_second_meter_of_the_same_scope_is_read_beside_the_first(monkeypatch):
    class Twin(Meter):
        name, covers, scope = "twin", "nothing", "package"
        probe, open = StandIn.probe, StandIn.open
        look, max_interval_s, max_power_w = StandIn.look, StandIn.max_interval_s, StandIn.max_power_w

    class Whole(Locked):
        @classmethod
        def probe(cls, accelerator=None, environment=None):
            return MeterProbe(True, scope="whole machine")

    for kinds, second in (((StandIn, Whole, Twin), True), ((StandIn, Whole), False), ((Locked, StandIn), False)):
        monkeypatch.setattr(instruments, "METERS", kinds)
        found = open_instruments(None, {})
        assert found.channel(TARGET).stream.meter.name == "stand-in"
        assert (found.channel(SECOND).stream is not None) == second


def test_a_watch_samples_idle_work_and_idle_and_tells_what_that_cost():
    observed = Watch(Instruments(own(StandIn()), Lamp()))
    with observed.watching():
        assert observed.energy_window_s == 1.0, "a millisecond's counter needs no long window"
        observed.edge()
        begin = time.perf_counter_ns()
        time.sleep(0.5)
        end = time.perf_counter_ns()
        observed.edge()
    reading = observed.readings([begin, end])[0].energy
    assert reading.update_period_s == pytest.approx(PERIOD_S, rel=0.5)
    found = window_energy(reading, begin, end)
    assert found.power_w == pytest.approx(POWER_W, rel=0.02)
    assert found.error_j < 0.1 * found.energy_j, "the edges lie at samples, not between two"
    assert idle_power(reading).power_w == pytest.approx(POWER_W, rel=0.05)
    assert reading.idle_before_ns[1] <= begin < end <= reading.idle_after_ns[0]
    assert len(observed.states()) > 3 and observed.telemetry().extremes == {"temperature_c": (40.0, 40.0)}
    cost = observed.cost()
    assert cost.reads > 10 and cost.wall_s > 0.9
    assert 0 < cost.cpu_s < 0.1 * cost.wall_s


def test_an_idle_window_spans_enough_of_the_meters_steps(monkeypatch):
    monkeypatch.setattr(watch, "IDLE_PERIODS", 400)
    observed = Watch(Instruments(own(StandIn())))
    with observed.watching():
        pass
    lengths_s = [(end - begin) / 1e9 for begin, end in observed.idle_windows]
    assert len(lengths_s) == 2 and min(lengths_s) > 1.5 * watch.IDLE_S


def test_a_watch_without_instruments_does_nothing(monkeypatch):
    monkeypatch.setattr(watch, "IDLE_S", 60.0)
    observed = Watch(Instruments())
    before = threading.active_count()
    with observed.watching():
        assert threading.active_count() == before
        observed.edge()
    assert (observed.energy_window_s, observed.telemetry(), observed.cost()) == (None,) * 3
    assert observed.readings([]) == ()


def test_a_watch_stops_looking_when_the_work_fails():
    meter = StandIn()
    observed = Watch(Instruments(own(meter)))
    before = threading.active_count()
    with pytest.raises(RuntimeError), observed.watching():
        raise RuntimeError
    assert threading.active_count() == before


def test_a_meter_that_hangs_does_not_hold_up_the_worker(monkeypatch):
    monkeypatch.setattr(watch, "EDGE_PATIENCE_S", 0.05)
    monkeypatch.setattr(watch, "THREAD_PATIENCE_S", 0.05)
    free = threading.Event()

    class Hanging(StandIn):
        def look(self):
            if threading.current_thread() is not threading.main_thread():
                free.wait(5)
            return super().look()

    observed = Watch(Instruments(own(Hanging())))
    with observed.watching():
        began = time.perf_counter()
        for _ in range(3):
            observed.edge()
        assert time.perf_counter() - began < 4
    free.set()


def test_looking_is_made_seldom_where_a_look_takes_long(monkeypatch):
    class Slow(StandIn):
        looks = 0

        def look(self):
            Slow.looks += 1
            time.sleep(0.01)
            return super().look()

    observed = Watch(Instruments(own(Slow())))
    with observed.watching():
        Slow.looks = 0
        time.sleep(0.8)
        assert Slow.looks <= 3, "a look of 10 ms may come every two seconds"


def test_closing_lets_go_of_everything():
    closed = []

    class Closing(StandIn):
        def close(self):
            closed.append(self)

    lamp = Lamp()
    Watch(Instruments((*own(Closing()), metered(HOST, Closing())), lamp)).close()
    assert len(closed) == 2 and lamp.closed
    assert issubclass(Closing, Meter)


def test_a_new_role_is_one_function_and_its_reading_survives_the_record(monkeypatch):
    monkeypatch.setattr(instruments, "METERS", (StandIn,))
    monkeypatch.setattr(instruments, "OPENERS", (*instruments.OPENERS, lambda site: [metered("pdu", StandIn())]))
    observed = Watch(open_instruments(None, {}))
    with observed.watching():
        pass
    observed.close()
    readings = {reading.role: reading for reading in observed.readings([])}
    assert set(readings) == {TARGET, "pdu"} and readings["pdu"].energy.meter == "stand-in"
    assert decode(encode(readings["pdu"]), Reading, "x") == readings["pdu"]
