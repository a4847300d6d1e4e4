"""Published results as written down: a CSV in either of the two formats, brought to one set of columns.

``published_results.csv``: chip, count, model, precision, framework, phase, batch, input_len, output_len, metric,
value, unit, source, confidence. ``qwen_speed.csv``: the tables of Qwen's speed pages, with the rate of generated
tokens that was derived where a page counts prompt tokens as output.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backends.common.errors import InputError
from reports.judge.projection.data import text_of

OWN_FILES = ("published_results.csv", "qwen_speed.csv")
RESULT_COLUMNS = (
    "chip", "count", "model", "precision", "framework", "phase", "batch", "input_len", "output_len", "metric", "value",
    "unit", "source", "confidence",
)  # fmt: skip
QWEN_COLUMNS = (
    "series", "model", "framework", "framework_version", "hardware", "gpu_num", "precision", "input_len", "output_len",
    "batch", "speed_as_published_tok_s", "speed_definition", "generated_tok_s_derived", "gpu_memory_as_published",
    "gpu_memory_unit", "note", "source",
)  # fmt: skip
_RENAMED = {"hardware": "chip", "gpu_num": "count", "generated_tok_s_derived": "value"}
_QWEN_CONFIDENCE = "high (model authors)"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file; ``columns`` has the names of ``published_results.csv``, and what else the line holds."""

    origin: str
    line: int
    columns: dict[str, str]

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.origin}:{self.line}"

    def __getitem__(self, column: str) -> str:
        return self.columns.get(column, "")

    @property
    def is_speed_page(self) -> bool:
        """Whether it is a line of a Qwen speed page, whose rate includes the prefill."""
        return "speed_definition" in self.columns


@cache
def own_rows() -> tuple[Row, ...]:
    """The project's own published results."""
    return tuple(row for name in OWN_FILES for row in parse(text_of(name), name))


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a user's file.

    Raises:
        InputError: If it cannot be read, or has the columns of neither format.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text; give a CSV file") from error
    except OSError as error:
        raise InputError(
            f"{path}: {str(error.strerror or error).lower()}; give a CSV file of published results"
        ) from error
    return tuple(parse(text, path.name))


def parse(text: str, origin: str) -> Iterator[Row]:
    """Rows of one file, whichever of the two formats it has."""
    reader = csv.DictReader(io.StringIO(text))
    columns = tuple(reader.fieldnames or ())
    qwen = "speed_definition" in columns
    missing = [name for name in (QWEN_COLUMNS if qwen else RESULT_COLUMNS) if name not in columns]
    if missing:
        wanted = "qwen_speed.csv" if qwen else "published_results.csv"
        raise InputError(
            f"{origin}:1: column {missing[0]!r} is missing; the columns must be those of {wanted}: "
            f"{', '.join(QWEN_COLUMNS if qwen else RESULT_COLUMNS)}"
        )
    for values in reader:
        if None in values or None in values.values():
            raise InputError(
                f"{origin}:{reader.line_num}: has {'more' if None in values else 'fewer'} cells than columns"
            )
        found = {_RENAMED.get(name, name): value.strip() for name, value in values.items()}
        if qwen:
            found |= {
                "phase": "speed page", "metric": "generated tokens per second", "unit": "tok/s",
                "confidence": found.get("confidence") or _QWEN_CONFIDENCE,
            }  # fmt: skip
        yield Row(origin, reader.line_num, found)
