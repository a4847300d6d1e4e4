"""NVML's energy counter of a board, and its power as a second source.

``nvmlDeviceGetTotalEnergyConsumption`` counts millijoules since the driver was loaded (Volta and later) and changes
every 20 to 100 ms. Instant power is the field ``NVML_FI_DEV_POWER_INSTANT``; ``nvmlDeviceGetPowerUsage``, where the
field is missing, is an average over 1 s on most boards since Ampere (NVML API reference). Polled power sees only part
of the time (a quarter on A100 and H100: arXiv 2312.02741), so it checks the counter and replaces it only where there is
none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from backends.common.nvml import NvmlUnavailableError, nvml_session, said
from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.counter import Counter
from profiler.devices.nvidia.board import Board, BoardUnavailableError, ask, count_visible, find_board

NOT_AVAILABLE = 0xFFFFFFFF
"""A field without a value (``NVML_VALUE_NOT_AVAILABLE``)."""

INSTANT, AVERAGE = "instant power (NVML_FI_DEV_POWER_INSTANT)", "power averaged over 1 s (nvmlDeviceGetPowerUsage)"
POWER_AGE_S = {INSTANT: 0.1, AVERAGE: 1.0}
"""The greatest age of a power reading: the sensor's period, or the average's length."""

COUNTER_MODULI = (1 << 32, 1 << 64)
"""The counter has 64 bits; a driver that passes on 32 of them wraps after 4.29 MJ, about two hours of a large board."""

GONE = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_RESET_REQUIRED", "NVML_ERROR_UNINITIALIZED", "NVML_ERROR_NOT_FOUND",
        "NVML_ERROR_DRIVER_NOT_LOADED")  # fmt: skip
"""Errors after which nothing can be read; any other is one missed look."""


class Nvml(Meter):
    """One board."""

    name = "nvml"
    covers = "NVIDIA boards"
    device_types, makers = ("cuda",), ("NVIDIA",)
    sample_interval_s = 0.05

    @classmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether the board behind ``accelerator`` reports energy, or power to integrate."""
        if accelerator is None:
            return MeterProbe(False, "it reads NVIDIA boards, not the host's processor", "measure a cuda target")
        try:
            with nvml_session() as nvml:
                sources = _Sources(find_board(nvml, accelerator, environment))
                if not (sources.counts or sources.power_source):
                    return MeterProbe(
                        False,
                        f"the board reports neither energy nor power: {sources.refusal}",
                        "measure on a physical board, or ask the administrator of this one",
                    )
                return MeterProbe(True, scope=sources.scope, grade=sources.grade)
        except (NvmlUnavailableError, BoardUnavailableError) as error:
            return MeterProbe(False, str(error), error.remedy)

    @classmethod
    def candidates(cls, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Return every device visible to CUDA, and always the first, so that its absence is explained."""
        try:
            with nvml_session() as nvml:
                return tuple(f"cuda:{number}" for number in range(count_visible(nvml, environment))) or ("cuda:0",)
        except NvmlUnavailableError:
            return ("cuda:0",)

    @classmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> Nvml:
        """Open the board; NVML stays initialised until :meth:`close`."""
        assert accelerator is not None
        return cls(accelerator, environment)

    def __init__(self, accelerator: str, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        nvml, board = open_board(self._stack, accelerator, environment)
        self._sources = _Sources(board)
        self.device = board.device
        self.scope, self.grade = self._sources.scope, self._sources.grade
        self.power_source = self._sources.power_source
        self.power_period_s = POWER_AGE_S.get(self.power_source, 0.0)
        limit_mw = ask(nvml, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(board.handle))
        if limit_mw is not None:
            self.max_power_w = 3 * limit_mw / 1000  # short excursions above the limit are usual
        self._gone = tuple(getattr(nvml, name) for name in GONE)
        try:
            self._counter = Counter(self._sources.millijoules(), COUNTER_MODULI) if self._sources.counts else None
        except nvml.NVMLError as error:
            self.close()
            raise MeterLostError(f"NVML: {said(error)}") from error

    def look(self) -> Look:
        """Return the energy since creation and the power now."""
        nvml = self._sources.board.nvml
        try:
            fault = self._counter.advance(self._sources.millijoules()) if self._counter else ""
        except nvml.NVMLError as error:
            if error.value in self._gone:
                raise MeterLostError(f"NVML: {said(error)}") from error
            return Look(None)
        try:
            power = self._sources.power_w() if self.power_source else None
        except nvml.NVMLError as error:
            if error.value in self._gone:
                raise MeterLostError(f"NVML: {said(error)}") from error
            power = None
        return Look(self._counter.total / 1000 if self._counter else None, power, fault)

    def close(self) -> None:
        """Close NVML."""
        self._stack.close()


def open_board(stack: contextlib.ExitStack, accelerator: str, environment: Mapping[str, str]) -> tuple[Any, Board]:
    """Return NVML and the board, open until ``stack`` is closed.

    Raises:
        MeterLostError: If the board is gone.
    """
    try:
        nvml = stack.enter_context(nvml_session())
        return nvml, find_board(nvml, accelerator, environment)
    except (NvmlUnavailableError, BoardUnavailableError) as error:
        stack.close()
        raise MeterLostError(str(error)) from error


class _Sources:
    """A board's readings: ``counts`` energy, and power from ``power_source`` (empty for none)."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.scope = "module" if board.on_superchip else "board"
        self.refusal = ""
        self.counts = self._works(self.millijoules)
        self._instant = self._works(self._instant_w)
        average = not self._instant and self._works(self._average_w)
        self.power_source = INSTANT if self._instant else AVERAGE if average else ""

    @property
    def grade(self) -> Any:
        """Counted is measured; integrated power is derived."""
        return "measured" if self.counts else "derived"

    def _works(self, read: Any) -> bool:
        try:
            read()
        except self.board.nvml.NVMLError as error:
            self.refusal = f"NVML: {said(error)}"
        except AttributeError:
            self.refusal = "this version of nvidia-ml-py does not read it"
        else:
            return True
        return False

    def millijoules(self) -> int:
        return int(self.board.nvml.nvmlDeviceGetTotalEnergyConsumption(self.board.handle))

    def power_w(self) -> float:
        return self._instant_w() if self._instant else self._average_w()

    def _instant_w(self) -> float:
        """Read the module's power on a superchip, where the board's own scope is not supported."""
        nvml = self.board.nvml
        scope = nvml.NVML_POWER_SCOPE_MODULE if self.board.on_superchip else nvml.NVML_POWER_SCOPE_GPU
        (field,) = nvml.nvmlDeviceGetFieldValues(self.board.handle, [(nvml.NVML_FI_DEV_POWER_INSTANT, scope)])
        if field.nvmlReturn != nvml.NVML_SUCCESS:
            raise nvml.NVMLError(field.nvmlReturn)
        if field.value.uiVal in (0, NOT_AVAILABLE):
            raise nvml.NVMLError(nvml.NVML_ERROR_NOT_SUPPORTED)
        return float(field.value.uiVal) / 1000

    def _average_w(self) -> float:
        return float(self.board.nvml.nvmlDeviceGetPowerUsage(self.board.handle)) / 1000
