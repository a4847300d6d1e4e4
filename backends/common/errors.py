"""The one family of errors. A message says what is wrong, why, and what to do, in one line."""

from __future__ import annotations

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
