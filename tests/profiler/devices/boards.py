"""An NVIDIA board that is not here, on a clock of its own: it draws power, counts it in steps, heats up, can be lost.

Shaped by the NVML API reference: the counter in mJ, power in mW, a field value with its own return code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

from tests.profiler.devices.nvidia.fake_nvml import H100, UNSUPPORTED, NVMLError

MS = 1_000_000
S = 1_000_000_000
VOLTA_AND_LATER = ("TotalEnergyConsumption",)


@dataclass
class LiveBoard:
    """``power_w`` is a function of time in seconds; the counter steps every ``period_ms``."""

    power_w: Callable[[float], float] = lambda at_s: 300.0
    period_ms: int = 20
    start_mj: int = 5_000_000
    modulus: int = 1 << 64
    ns: int = 0
    call_ns: int = 200_000
    """Time every reading takes: the clock goes on by it."""
    lost_at_s: float = float("inf")
    frozen_from_s: float = float("inf")
    sudden_mj: list[tuple[float, int]] = field(default_factory=list)
    """(moment, value): from then on the counter counts from this value."""
    power_factor: float = 1.0
    """What polled power says over what is drawn."""
    changes: dict[str, object] = field(default_factory=dict)
    processes: list[SimpleNamespace] = field(default_factory=list)
    _drawn_mj: float = 0.0
    _upto_ms: int = 0

    def clock(self) -> int:
        """The board's time; every look at it takes a microsecond."""
        self.ns += 1000
        return self.ns

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.ns += round(seconds * S)

    def _check(self) -> None:
        self.ns += self.call_ns
        if self.ns / S >= self.lost_at_s:
            raise NVMLError(15)

    def _energy(self) -> int:
        self._check()
        now_ms = round(min(self.ns / S, self.frozen_from_s) * 1000)
        seen_ms = now_ms // self.period_ms * self.period_ms
        while self._upto_ms < seen_ms:
            self._drawn_mj += self.power_w(self._upto_ms / 1000)
            self._upto_ms += 1
        begun, base, offset = 0.0, self.start_mj, 0.0
        for moment, value in self.sudden_mj:
            if self.ns / S >= moment:
                begun, base = moment, value
        if begun:
            offset = sum(self.power_w(ms / 1000) for ms in range(round(begun * 1000)))
        return round(base + self._drawn_mj - offset) % self.modulus

    def _fields(self, wanted: list[tuple[int, int]]) -> list[SimpleNamespace]:
        self._check()
        scopes = self.changes.get("scopes", (0,))
        code = 0 if wanted[0][1] in scopes else 3
        power = round(self.power_w(self.ns / S) * self.power_factor * 1000)
        return [SimpleNamespace(nvmlReturn=code, value=SimpleNamespace(uiVal=power))]

    def device(self) -> dict[str, object]:
        """For :func:`fake_nvml`."""

        def told(value: object) -> Callable[..., object]:
            def read(*_: object) -> object:
                self._check()
                return value() if callable(value) else value

            return read

        readings = {
            "ClockInfo": self._told_clock,
            "Temperature": told(lambda: 40 + round(self.ns / S)),
            "CurrentClocksEventReasons": told(0x4),
            "EnforcedPowerLimit": told(700_000),
            "MemoryInfo": told(SimpleNamespace(total=80 << 30, used=17 << 30, free=63 << 30)),
            "UtilizationRates": told(SimpleNamespace(gpu=97, memory=40)),
            "ComputeRunningProcesses": told(lambda: list(self.processes)),
            "C2cModeInfoV": UNSUPPORTED,
            "PowerUsage": told(lambda: round(self.power_w(self.ns / S) * self.power_factor * 1000)),
            "FieldValues": self._fields,
            "TotalEnergyConsumption": self._energy,
        }
        # An H100's fixed properties; what a test changes goes last.
        return {**H100, **readings, **{k: v for k, v in self.changes.items() if k != "scopes"}}

    def _told_clock(self, kind: int) -> int:
        self._check()
        return 1755 if kind == 1 else 2619
