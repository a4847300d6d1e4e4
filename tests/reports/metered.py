"""A target on an accelerator with everything that can be metered, generated deterministically."""

from __future__ import annotations

from dataclasses import replace

from backends.contract.backend import DeviceMemory
from profiler.devices.metering.stream import thin
from profiler.devices.metering.telemetry import State
from profiler.disturbance.device import mark_repetitions
from profiler.energy.per_token import window_edges
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.records.readings import (
    TARGET,
    DeviceProcess,
    EnergyReading,
    MeterFault,
    PowerSample,
    Reading,
    SamplerCost,
    Telemetry,
)
from profiler.records.target import EnergyWindow, Measured, TargetRecord
from tests.outcomes import changed
from tests.reports.bundles import PROMPT_TOKENS, QWEN3_06B, ceilings, target

S = 1_000_000_000
BEGIN_S, END_S = 900, 9100
BOARD = {"name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-11111111-2222", "pci_address": "0000:3b:00.0"}
WINDOWS = (
    EnergyWindow("idle", 8500 * S, 8503 * S, 0),
    EnergyWindow("generate", 8510 * S, 8520 * S, 70),
    EnergyWindow("prefill", 8530 * S, 8540 * S, 900),
)


def power_w(at_s: float) -> float:
    """Idle at 72 W, generating at 350 W, prefilling at 600 W."""
    if 8510 <= at_s < 8520:
        return 350.0
    return 600.0 if 8530 <= at_s < 8540 else 72.0


def reading(power_factor: float = 1.0, faults: tuple[MeterFault, ...] = ()) -> EnergyReading:
    """A counter with a step of 20 ms, in tenths of a second; sampled seldom where no window is."""
    moments = [*range(9000, 9060), *range(9060, 85_000, 200), *range(85_000, 85_500), *range(85_500, 90_900, 200),
               *range(90_900, 91_001)]  # fmt: skip
    samples, joules = [], 0.0
    for before, now in zip([moments[0], *moments], moments, strict=False):
        joules += power_w(before / 10) * (now - before) / 10
        samples.append(PowerSample(now * S // 10, joules, joules * power_factor))
    edges = [edge for window in WINDOWS for edge in (window.begin_ns, window.end_ns)]
    return EnergyReading(
        "nvml", "board", 1.44, (901 * S, 904 * S), (9090 * S, 9093 * S), thin(samples, edges, 100), "measured", 0.02,
        "instant power (NVML_FI_DEV_POWER_INSTANT)", BOARD, faults, len(samples), 20.0,
    )  # fmt: skip


def telemetry() -> Telemetry:
    """What NVML told meanwhile."""
    columns = {
        "sm_clock_hz": (1755e6, 1740e6),
        "memory_clock_hz": (2619e6, 2619e6),
        "temperature_c": (41.0, 63.0),
        "clock_event_reasons": (1.0, 4.0),
        "power_limit_w": (700.0, 700.0),
        "memory_used_bytes": (1.2e9, 18.3e9),
        "memory_total_bytes": (85.5e9, 85.5e9),
    }
    return Telemetry(
        1, "nvml", BOARD, 812, (BEGIN_S * S, END_S * S), columns,
        {name: (min(values), max(values)) for name, values in columns.items()},
        (DeviceProcess(4711, "python", 3_000_000_000, 1000 * S, 2100 * S),), 0,
        {"idle": 0.4, "power cap": 0.55}, {"utilisation": "NVML: not supported"},
    )  # fmt: skip


def metered_target(**changes: EnergyReading | Telemetry | None) -> TargetRecord:
    """``cuda:0``, watched; its second repetition shared the board with another process."""
    base = target("cuda", "bfloat16", 0.0112, 0.0021, seed=21)
    assert base.worker is not None
    moments = range(1000, 9000, 1000)
    states = [State(at * S + 10**7, {}, frozenset({4711} if at == 2000 else ())) for at in moments]
    worker = replace(
        base.worker,
        repetitions=mark_repetitions(base.worker.repetitions, states),
        energy_windows=WINDOWS,
        device_memory=DeviceMemory(16_100_000_000, 16_900_000_000),
    )
    readings = (Reading(TARGET, reason="nvml: no counter"),)
    seen = {"energy": reading(), "telemetry": telemetry(), **changes}
    measured = Measured(worker, readings=readings, sampler=SamplerCost(0.21, 140.0, 3000))
    measured = changed(measured, telemetry_reason="nvml: no driver", **seen)
    assert window_edges(worker)
    context = Context(QWEN3_06B, PROMPT_TOKENS, "bfloat16", ceilings(), "cuda:0")
    measured = changed(measured, metrics=compute_metrics(measured, context))
    return replace(base, id="cuda:0@bfloat16", device="0", accelerator="cuda:0", outcome=measured)
