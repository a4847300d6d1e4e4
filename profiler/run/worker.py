"""One task in a separate process: ``python -P -m profiler.run.worker``, a plan in, JSON lines out.

Only the protocol writes to standard output: what an engine prints goes to standard error. When the parent's end
of standard input closes, the parent is gone, and so is the worker.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from backends.common.errors import ChipassayError, in_one_line
from backends.contract.backend import Execution
from profiler.records.bundle import CPU
from profiler.run.plan import HELD, STOP, Edge, Event, Message, Pause, Plan, Refusal, Result, Turn

REPORTED_VARIABLES = ("GLIBC_TUNABLES", "THP_MEM_ALLOC_ENABLE", "OMP_NUM_THREADS", "LD_PRELOAD", "CUDA_VISIBLE_DEVICES",
                      "CUDA_DEVICE_ORDER")  # fmt: skip
"""Environment variables that change how fast an engine runs; recorded with every target."""


PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


class Channel:
    """The two pipes to the parent; standard output is reserved for it before any engine can print."""

    def __init__(self) -> None:
        self._go = threading.Event()
        self._answer = b""
        self._stream: BinaryIO = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(self, message: Message) -> None:
        """Write one line."""
        self._stream.write(msgspec.json.encode(message) + b"\n")

    def pause(self) -> float:
        """Stand still until the parent has measured the machine; return for how many seconds others ran meanwhile."""
        return float(self._wait(Pause()) or 0)

    def edge(self) -> None:
        """Stand still until the parent has read its meters: much shorter than :meth:`pause`."""
        self._wait(Edge())

    def segment(self) -> bool:
        """Stand still until the next turn in a race; False once no more segments are run."""
        return self._wait(Turn("segment")) != STOP

    def alone(self) -> None:
        """Stand still until this worker has the machine for itself."""
        self._wait(Turn("alone"))

    def _wait(self, message: Message) -> bytes:
        """Send ``message`` and return the parent's answer, without its newline."""
        self._go.clear()
        self.send(message)
        self._go.wait()
        return self._answer

    def listen(self) -> None:
        """Let :meth:`pause` return for every line from the parent, and end this process when the parent is gone."""
        # os.read, not the buffered stream: the interpreter could not take that stream's lock when it shuts down.
        while answer := os.read(sys.stdin.fileno(), 4096):
            self._answer = answer.strip()
            self._go.set()
        os._exit(1)


def _die_with_parent() -> None:
    """Let the kernel end this process with the thread that started it: while it is stopped, it cannot end itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> int:
    """Run the plan on standard input; 0 when a result was sent, 1 otherwise."""
    _die_with_parent()
    channel = Channel()
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    threading.Thread(target=channel.listen, daemon=True).start()
    try:
        result = Result(msgspec.Raw(msgspec.json.encode(TASKS[plan.task](plan, channel))))
    except ChipassayError as error:
        channel.send(Refusal(str(error), error.kind))
        return 1
    except OSError as error:
        traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        channel.send(Refusal(f"{where}{error.strerror or error}; free some room or use another folder"))
        return 1
    except MemoryError:
        channel.send(Refusal("out of memory while running; use a smaller model, batch or prompt"))
        return 1
    except Exception as error:  # noqa: BLE001 - any failure of an engine becomes a failed target
        traceback.print_exc()
        channel.send(Refusal(in_one_line(error)))
        return 1
    channel.send(result)
    return 0


def _prepare(plan: Plan, channel: Channel) -> dict[str, Any]:
    from backends.contract.registry import load_running

    backend, execution = load_running(plan.backend), _execution(plan)
    done = backend.prepare(execution, lambda text: channel.send(Event("prepare", text)))
    # A picture needs the tower, which a reference keeps in memory with weights of the model's own.
    key = "" if plan.workload.image else backend.held_key(execution)
    return {**done, HELD: key} if key else done


def _reference(plan: Plan, channel: Channel) -> dict[str, Any]:
    import numpy as np
    import torch

    from backends.qwen.reference import KEEP_ALL, compute_reference
    from backends.torch_device.kinds import load_device_module

    load_device_module(plan.device or CPU)
    reference = compute_reference(
        plan.model,
        plan.workload.prompt_ids,
        plan.workload.output_tokens,
        plan.scored_positions,
        plan.threads,
        lambda text: channel.send(Event("reference", text)),
        plan.device or CPU,
        plan.workload.image,
        KEEP_ALL if plan.device else plan.keep_bytes,
    )
    assert plan.reference_path is not None
    arrays: dict[str, Any] = {
        "tokens": reference.tokens,
        "positions": np.asarray(plan.scored_positions),
        "logits": reference.logits,
    }
    if reference.routing is not None:
        arrays["routing"] = reference.routing
    with Path(plan.reference_path).open("wb") as handle:
        np.savez(handle, **arrays)
    where = f", on {plan.device}" if plan.device else ""
    engine = f"torch {torch.__version__}, transformers, float32, eager{where}"
    return {"engine": engine, "weights_digest": reference.weights_digest}


def _held(plan: Plan, channel: Channel) -> dict[str, Any]:
    """Follow the reference's tokens with the weights that the engine holds."""
    import numpy as np

    from backends.contract.registry import load_running
    from backends.qwen.reference import compute_reference

    def say(text: str) -> None:
        channel.send(Event("held", text))

    assert plan.reference_path is not None and plan.held_path is not None
    weights = load_running(plan.backend).held_weights(_execution(plan), say)
    say("weights against the model's")
    error = weights.error()
    with np.load(plan.reference_path) as reference:
        tokens = reference["tokens"]
    reference = compute_reference(
        plan.model, plan.workload.prompt_ids, plan.scored_positions[-1] + 1, plan.scored_positions, plan.threads, say,
        keep_bytes=plan.keep_bytes, forced_ids=tokens, weights=weights,
    )  # fmt: skip
    with Path(plan.held_path).open("wb") as handle:
        np.savez(handle, logits=reference.logits, weight_error=error, weight_error_max=weights.form.error_max)
    return {"weight_error": error}


def _measure(plan: Plan, channel: Channel) -> Any:
    import numpy as np

    from backends.contract.registry import load_running
    from profiler.host.memory import read_memory
    from profiler.inventory import take_inventory
    from profiler.records.target import EnergyWindow, Segment, WorkerReport, counted
    from profiler.run.energy_windows import make_windows
    from profiler.run.parity import judge, read_held, score
    from profiler.run.repetition import OVERTIME, RACE_OVERTIME, measure
    from profiler.run.segments import can_segment, run_segments

    assert plan.reference_path is not None
    backend = load_running(plan.backend)()
    began = time.perf_counter()
    engine = backend.load(_execution(plan), lambda text: channel.send(Event("load", text)))
    load_s = time.perf_counter() - began

    channel.send(Event("parity", f"{len(plan.scored_positions)} positions against the float32 reference"))
    with np.load(plan.reference_path) as reference:
        tokens, expected = reference["tokens"], reference["logits"]
    prompt = np.asarray(plan.workload.prompt_ids, dtype=np.int64)
    logits = backend.score(prompt, tokens, list(plan.scored_positions))

    overtime = RACE_OVERTIME if plan.race else OVERTIME
    done = measure(backend, plan.workload, plan.budget_s, plan.precision_wanted, channel.send, channel.pause, overtime)
    memory, device_memory = read_memory(), backend.device_memory()
    segments: tuple[Segment, ...] = ()
    if plan.race:
        if can_segment(type(backend), plan.workload):
            channel.send(Event("race", "segments in turn with the other targets"))
            segments = run_segments(backend, plan.workload, channel.segment)
        channel.alone()
    windows: tuple[EnergyWindow, ...] = ()
    if plan.energy_window_s is not None:
        windows = make_windows(
            backend, plan.workload, done.repetitions, plan.energy_window_s, channel.edge, channel.send
        )
    return WorkerReport(
        engine=engine,
        pid=os.getpid(),
        load_s=load_s,
        repetitions=done.repetitions,
        warmup_steady=done.warmup_steady,
        stop_reason=done.stop_reason,
        parity=judge(
            score(
                logits, expected, plan.precision, counted(done.repetitions)[0].token_ids[0], tuple(tokens[0].tolist())
            ),
            logits,
            plan.precision,
            read_held(plan.held_path),
            backend.arithmetic(plan.precision),
            mixture=plan.model.spec.experts is not None,
            recurrent=plan.model.spec.delta is not None,
            hidden_reason=plan.hidden_reason,
        ),
        memory=memory,
        packages=_packages(),
        environment={name: os.environ[name] for name in REPORTED_VARIABLES if name in os.environ},
        inventory=take_inventory(engines=False),
        device_memory=device_memory,
        trials=backend.trials(),
        energy_windows=windows,
        operators=backend.operators(),
        expert_use=backend.expert_use(),
        segments=segments,
    )


def _examine(plan: Plan, channel: Channel) -> Any:
    from backends.contract.backend import CompilerPath
    from backends.contract.registry import load_backend
    from profiler.inventory import take_inventory
    from profiler.records.target import ExamineReport
    from profiler.run.parity import score

    path = load_backend(plan.backend)()
    assert isinstance(path, CompilerPath)
    answer = path.examine(_execution(plan), plan.workload, lambda text: channel.send(Event("examine", text)))
    parity = None
    if answer.logits is not None and answer.expected is not None:
        parity = score(answer.logits, answer.expected, plan.precision, (), ())
    return ExamineReport(answer.compiled, answer.operators, parity, take_inventory(engines=False))


def _execution(plan: Plan) -> Execution:
    workload = plan.workload
    return Execution(
        plan.model,
        plan.precision,
        plan.threads,
        workload.batch,
        workload.total_tokens,
        plan.device,
        workload.prompt_tokens,
        workload.image,
    )


def _packages() -> dict[str, str]:
    """Return name and version of every distribution with a module loaded in this process."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    versions: dict[str, str] = {}
    for distribution in distributions():
        tops = (distribution.read_text("top_level.txt") or distribution.name.replace("-", "_")).split()
        if loaded.intersection(tops):
            versions[distribution.name] = distribution.version
    return dict(sorted(versions.items()))


TASKS: dict[str, Callable[[Plan, Channel], Any]] = {
    "prepare": _prepare,
    "reference": _reference,
    "held": _held,
    "measure": _measure,
    "examine": _examine,
}

if __name__ == "__main__":
    sys.exit(main())
