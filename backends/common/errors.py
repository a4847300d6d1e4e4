"""The one family of errors. A message says what is wrong, why, and what to do, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal


class ChipassayError(Exception):
    """Something the user can act on.

    ``exit_code`` is what the command line exits with; ``kind`` is how a worker names the error to its parent.
    """

    exit_code: ClassVar[int] = 2
    kind: ClassVar[Literal["input", "unavailable", "failed"]] = "input"


class InputError(ChipassayError):
    """A wrong argument, file or folder."""


class UnavailableError(ChipassayError):
    """A requested target cannot run here: engine, device or memory is missing."""

    exit_code = 3
    kind = "unavailable"


class MemoryFitError(UnavailableError):
    """The model does not fit the memory of the target; the message carries the figures."""


class StorageError(ChipassayError):
    """A folder cannot be written, or the disk is full."""


class WorkerError(ChipassayError):
    """A worker process, or a vendor's tool that it drove, died, hung or broke the protocol."""

    exit_code = 1
    kind = "failed"


def unknown(kind: str, given: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {given!r}: {hint}known are {', '.join(names)}")


@contextmanager
def storage_errors(folder: Path, remedy: str) -> Iterator[None]:
    """Turn the operating system's refusal to write into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write {error.filename or folder}: {reason}; {remedy}") from error


def in_one_line(error: Exception) -> str:
    """Return an engine's error in one line; the rest of its text belongs in a log."""
    first = next(iter(str(error).strip().splitlines()), "")
    advice = "; use a smaller model, batch or prompt" if type(error).__name__ == "OutOfMemoryError" else ""
    return f"{type(error).__name__}: {first}{advice}"
