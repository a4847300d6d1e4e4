"""A CSV file that a logger appends to.

The first line names the columns: ``timestamp`` (or ``time``), ISO 8601 or Unix seconds; ``power_w`` (or ``power``) in
watts and/or a cumulative ``energy_wh``, ``energy_kwh`` or ``energy_j``. Other columns are ignored. Columns are parted
by comma, semicolon or tab. A truncated or replaced file is read from its new beginning.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from profiler.devices.wall.source import WallError, WallRow, WallSource, number, seconds

TIMES = ("timestamp", "time")
POWERS = ("power_w", "power")
ENERGIES = {"energy_j": 1.0, "energy_wh": 3600.0, "energy_kwh": 3.6e6}
"""Column -> joules of one unit."""

COLUMNS = "timestamp (ISO 8601 or Unix seconds) and power_w and/or energy_wh, energy_kwh, energy_j (cumulative)"

TAIL_BYTES = 1 << 16
"""How much of an old file is read to find the time between rows."""


class CsvTail(WallSource):
    """Reads appended rows."""

    poll_s: ClassVar[float] = 0.1

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.refused = ""
        """The latest line that was not a reading."""
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._position = 0
        self._separator = ","
        self._columns: list[str] = []
        self._recent = self._rows(self._appended())[-100:]

    def recent(self) -> Sequence[WallRow]:
        """Return the rows that were there before."""
        return self._recent

    def read(self) -> Sequence[WallRow]:
        """Return the rows appended since."""
        rows = self._rows(self._appended())
        if not rows and self.refused:
            refused, self.refused = self.refused, ""
            raise WallError(f"{self.name}: {refused}")
        return rows

    def _appended(self) -> list[str]:
        """Return new complete lines, without the header."""
        try:
            status = self._path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise WallError(f"{self.name} is not a file")
            with self._path.open("rb") as file:
                if self._identity != (status.st_dev, status.st_ino) or status.st_size < self._position:
                    self._identity, self._position, self._columns = (status.st_dev, status.st_ino), 0, []
                if not self._columns and not self._take_header(file.readline()):
                    return []
                if not self._position:
                    self._position = file.tell()
                    far = status.st_size - TAIL_BYTES
                    if far > self._position:
                        file.seek(far)
                        file.readline()
                        self._position = file.tell()
                file.seek(self._position)
                data = file.read()
        except OSError as error:
            raise WallError(f"{self.name} cannot be read: {error.strerror}") from error
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _take_header(self, line: bytes) -> bool:
        """Return whether the columns are known; an incomplete first line is read again later."""
        if not line.endswith(b"\n"):
            return False
        text = line.decode("utf-8-sig", "replace").strip()
        self._separator = max(",;\t", key=text.count)
        columns = self._cells(text)
        known = set(columns)
        if not known & set(TIMES) or not known & {*POWERS, *ENERGIES}:
            raise WallError(f"{self.name} needs the columns {COLUMNS}; its first line is {text[:80]!r}")
        self._columns = columns
        return True

    def _cells(self, line: str) -> list[str]:
        return [cell.strip().strip('"').casefold() for cell in line.split(self._separator)]

    def _rows(self, lines: Sequence[str]) -> list[WallRow]:
        readings = []
        for line in lines:
            cells = self._cells(line)
            if cells == self._columns or not line.strip():
                continue
            try:
                readings.append(_row(dict(zip(self._columns, cells, strict=True))))
            except ValueError:
                self.refused = f"{line[:80]!r} is not a reading"
        return readings


def _row(cells: dict[str, str]) -> WallRow:
    at = next(cells[name] for name in TIMES if name in cells)
    power = next((_optional(cells[name]) for name in POWERS if name in cells), None)
    energies = [(_optional(cells[name]), unit_j) for name, unit_j in ENERGIES.items() if name in cells]
    energy_j = next((value * unit_j for value, unit_j in energies if value is not None), None)
    if power is None and energy_j is None:
        raise ValueError("neither power nor energy")
    return WallRow(seconds(at.upper()), power, energy_j)


def _optional(text: str) -> float | None:
    if not text:
        return None
    figure = number(float(text))
    if figure is None:
        raise ValueError(f"{text} is not a quantity")
    return figure
