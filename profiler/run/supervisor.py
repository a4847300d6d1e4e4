"""Runs one worker process and turns whatever happens to it into a result or one clear reason."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, TypeVar

import msgspec
import psutil

from backends.common.errors import ChipassayError, InputError, UnavailableError, WorkerError
from backends.contract.backend import WorkerProgram
from profiler.run.plan import STOP, Edge, Event, Message, Pause, Plan, Refusal, Result, Turn
from profiler.run.race import AnyLane, Kind, NoRace

T = TypeVar("T")

PROGRAM = WorkerProgram(
    "profiler.run.worker",
    ("backends", "profiler"),
    ("profiler.run.repetition", "profiler.run.energy_windows", "profiler.run.parity", "profiler.inventory"),
)
"""What another Python environment must be able to run."""

WORKER = (sys.executable, "-P", "-m", PROGRAM.module)
"""The command of a worker in this Python environment."""

STDERR_TAIL_LINES = 30

POLL_S = 0.5
"""How often to look whether a silent worker is still alive."""

VMSTAT = Path("/proc/vmstat")

TUNED_ENVIRONMENT = {
    # Weights on huge pages: with 4 KiB pages a two-core EPYC spent a fifth of its bandwidth on page walks.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "THP_MEM_ALLOC_ENABLE": "1",
    # The order NVML counts boards in; by default CUDA puts the fastest first, and a meter would read another board.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    # PyTorch imports every extension that is installed, and one whose driver is missing (torch-npu without CANN) breaks
    # "import torch" for all: a target that needs an extension imports it by name.
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""What a worker's environment gets unless the user has set it: the same for every target."""


class WorkerFailedError(WorkerError):
    """A worker that gave no result: ``stderr_tail`` is the end of what it printed."""

    def __init__(self, message: str, stderr_tail: str = "") -> None:
        super().__init__(message)
        self.stderr_tail = stderr_tail


def run_worker(
    plan: Plan,
    kind: type[T],
    *,
    log: Path,
    timeout_s: float,
    on_event: Callable[[Event], None],
    on_pause: Callable[[], None] = lambda: None,
    on_edge: Callable[[], None] = lambda: None,
    command: tuple[str, ...] = WORKER,
    variables: Mapping[str, str] = MappingProxyType({}),
    lane: AnyLane | None = None,
) -> T:
    """Run ``plan`` in a fresh process and return its result as ``kind``.

    ``command`` and ``variables`` start a worker in another Python environment.
    ``lane`` is its place in a race: it stands still while others run, which its timeout does not count.
    Standard error goes to ``log``. ``on_pause`` and ``on_edge`` run while the worker stands still. Raises
    :class:`WorkerFailedError` when the worker dies, speaks rubbish or takes longer than ``timeout_s``, and the worker's
    own :class:`ChipassayError` when it explained itself. The process and all its children are gone when this returns,
    whatever the way out (an interrupt too).
    """
    kills_before = out_of_memory_kills()
    with log.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**worker_environment(plan.threads), **variables},
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerFailedError(f"cannot be started: {command[0]}: {error.strerror}; install it again") from error
    lane = lane or NoRace()
    lane.process = process
    try:
        return _converse(process, plan, kind, timeout_s, on_event, on_pause, on_edge, log, kills_before, lane)
    finally:
        _end(process)


def worker_environment(threads: int) -> dict[str, str]:
    """Return the worker's environment: the user's, and what lets every engine run at full speed."""
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(entry for entry in (here, os.environ.get("PYTHONPATH", "")) if entry)
    return {**TUNED_ENVIRONMENT, "OMP_NUM_THREADS": str(threads), **os.environ, "PYTHONPATH": path}


def _converse(
    process: subprocess.Popen[bytes],
    plan: Plan,
    kind: type[T],
    timeout_s: float,
    on_event: Callable[[Event], None],
    on_pause: Callable[[], None],
    on_edge: Callable[[], None],
    log: Path,
    kills_before: int | None,
    lane: AnyLane,
) -> T:
    assert process.stdin is not None and process.stdout is not None
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + timeout_s
    # A long plan does not fit the pipe: a worker that never reads it must not hold up its parent.
    threading.Thread(target=_tell, args=(process, msgspec.json.encode(plan)), daemon=True).start()
    ended = False
    while True:
        try:
            line = lines.get(timeout=max(0.0, min(POLL_S, deadline - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise WorkerFailedError(
                    f"gave no result within {timeout_s:g} s and was stopped; raise --timeout if it was only slow",
                    tail(log),
                ) from None
            if not ended:
                ended = process.poll() is not None
                continue
            # A child of a dead worker holds the pipe open: its end will not come.
            line = b""
        if not line:
            raise WorkerFailedError(_why_it_died(process.wait(), log, kills_before), tail(log))
        match _parse(line, log):
            case Event() as event:
                on_event(event)
            case Pause():
                waited_s = _wait(lane, "repetition")[1]
                deadline += waited_s
                on_pause()
                _tell(process, f"{waited_s:.3f}".encode())
            case Turn(what):
                goes_on, waited_s = _wait(lane, what)
                deadline += waited_s
                _tell(process, b"" if goes_on else STOP)
            case Edge():
                on_edge()
                _tell(process, b"")
            case Result(result):
                return _convert(result, kind, log)
            case Refusal() as refusal:
                raise _failure(refusal, log)


def _wait(lane: AnyLane, kind: Kind) -> tuple[bool, float]:
    """Wait for the lane's turn; return whether the worker goes on, and how long that took, in seconds."""
    began = time.monotonic()
    goes_on = lane.turn(kind)
    return goes_on, time.monotonic() - began


def _tell(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    # A worker that has died cannot be told; its exit status says more than the broken pipe.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line + b"\n")
        process.stdin.flush()


def _pump(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    """Hand over line by line; an empty one marks the end."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _parse(line: bytes, log: Path) -> Message:
    try:
        return msgspec.json.decode(line, type=Message)
    except msgspec.DecodeError:
        shown = line[:80].decode(errors="replace").strip()
        raise WorkerFailedError(f"broke the protocol: its output began {shown!r}", tail(log)) from None


def _convert(result: msgspec.Raw, kind: type[T], log: Path) -> T:
    try:
        return msgspec.json.decode(result, type=kind)
    except msgspec.DecodeError as error:
        raise WorkerFailedError(f"sent an invalid {kind.__name__}: {error}", tail(log)) from error


def _failure(refusal: Refusal, log: Path) -> ChipassayError:
    if refusal.error == "input":
        return InputError(refusal.reason)
    if refusal.error == "unavailable":
        return UnavailableError(refusal.reason)
    return WorkerFailedError(refusal.reason, tail(log))


def out_of_memory_kills(counters: Path = VMSTAT) -> int | None:
    """Processes the kernel killed for lack of memory since boot, in any cgroup; None where it does not tell."""
    try:
        lines = counters.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _why_it_died(status: int, log: Path, kills_before: int | None) -> str:
    if status == -signal.SIGKILL:
        return f"was killed by signal 9{_who_killed(kills_before, out_of_memory_kills())}"
    if status < 0:
        return f"was killed by signal {-status} ({signal.Signals(-status).name})"
    last = tail(log).strip().rpartition("\n")[2]
    return f"ended without a result, exit status {status}" + (f": {last}" if last else "")


def _who_killed(before: int | None, now: int | None) -> str:
    """Return who sent the signal: the kernel counts its kills, and where it counted none, someone else did."""
    if before is None or now is None:
        return ": most likely the kernel ran out of memory"
    if now > before:
        return " when the kernel killed for lack of memory; free some, use a smaller model, or raise the cgroup's limit"
    return ", and not by the kernel for lack of memory: another program or user sent it"


def tail(log: Path) -> str:
    """Return the last lines of a worker's standard error."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-STDERR_TAIL_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process behind: the worker leads its own session, so its children go with it, and any that left it."""
    strays: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        strays = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in strays:
        with contextlib.suppress(psutil.NoSuchProcess):
            stray.kill()
    process.wait()
    # Standard output is closed by the thread that reads it: closing it here would wait for that thread.
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
