"""Asks ``msopmodeling`` for the latency of operators: one JSON file in, one out, in its own environment.

It has two models. ``eng``, the engineering model, simulates tiles, pipes and caches, and is fitted to profiles in
places. ``theo`` is the theoretical limit: what bandwidth and arithmetic allow at best. Each knows operators that the
other lacks, so both are asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.common.errors import WorkerError
from backends.toolchains import ToolEnvironment
from backends.vendors.huawei.operations import Call

MODELS = ("eng", "theo")

DATA_TYPES = {"bfloat16": "BF16", "float16": "FLOAT16"}
"""Our precisions in the tool's words. It has others; fused attention on the chip has not."""

TIMEOUT_S = 1200.0
INPUT, OUTPUT = "operators.json", "latencies.json"


@dataclass(frozen=True, slots=True)
class Latency:
    """The tool's answer for one call. ``model`` is empty, and ``latency_s`` None, where neither model has it.

    ``limit_s`` is the theoretical limit where that is known; ``said`` is why a model gave nothing, by its name.
    """

    call: Call
    model: str
    latency_s: float | None
    limit_s: float | None
    said: dict[str, str]


def ask(
    environment: ToolEnvironment, chip: str, precision: str, calls: Iterable[Call], folder: Path
) -> dict[Call, Latency]:
    """The latency of every call on ``chip`` (``910B1``), each asked for once.

    Raises:
        WorkerError: If the tool dies, hangs, or its answer cannot be read; with the line that explains it.
    """
    wanted = list(dict.fromkeys(calls))
    (folder / INPUT).write_text(json.dumps(requests(wanted, precision)))
    program = environment.folder / "bin" / "msopmodeling"
    command: list[str | Path] = [program, "-i", folder / INPUT, "-o", folder / OUTPUT, "-s", chip]
    done = environment.run(command, cwd=folder, timeout_s=TIMEOUT_S)
    # It ends with status 1 when any operator is unknown to it, with the answers for all others written.
    if done.stopped or done.status not in (0, 1) or not (folder / OUTPUT).is_file():
        raise WorkerError(f"msopmodeling gave no latencies: {done.summary()}")
    try:
        answers = json.loads((folder / OUTPUT).read_text())
    except ValueError as error:
        raise WorkerError(f"msopmodeling's answer is no JSON ({error}): {done.summary()}") from error
    return read_answers(wanted, answers)


def requests(calls: Sequence[Call], precision: str) -> list[dict[str, Any]]:
    """The tool's input: every call once for each of its models."""
    kind = DATA_TYPES[precision]
    return [
        {
            "op_name": call.operator,
            "input_shapes": call.inputs,
            "output_shapes": call.outputs,
            "input_precision": [kind] * len(call.inputs),
            "output_precision": [kind] * len(call.outputs),
            "backend_type": model,
        }
        for call in calls
        for model in MODELS
    ]


def read_answers(calls: Sequence[Call], answers: object) -> dict[Call, Latency]:
    """Pick the engineering model's latency, or else the theoretical limit, of the tool's output.

    Raises:
        WorkerError: If an answer is missing, or is neither a latency above zero nor an error.
    """
    if not isinstance(answers, dict):
        raise WorkerError(f"msopmodeling answered with a {type(answers).__name__}, not with an object of operators")
    found: dict[Call, Latency] = {}
    for number, call in enumerate(calls):
        latency_s: dict[str, float] = {}
        said: dict[str, str] = {}
        for offset, model in enumerate(MODELS):
            answer = answers.get(f"OP_{number * len(MODELS) + offset}")
            latency = _read(answer, f"{call.operator} {list(call.inputs)} ({model})")
            if isinstance(latency, float):
                latency_s[model] = latency
            else:
                said[model] = latency
        model = next((model for model in MODELS if model in latency_s), "")
        found[call] = Latency(call, model, latency_s.get(model), latency_s.get("theo"), said)
    return found


def _read(answer: object, what: str) -> float | str:
    """Seconds, or why there is none."""
    if not isinstance(answer, dict):
        raise WorkerError(f"msopmodeling gave no answer for {what}")
    if "error" in answer:
        return next(iter(str(answer["error"]).strip().splitlines()), "an error without a text")
    microseconds = answer.get("latency")
    if isinstance(microseconds, bool) or not isinstance(microseconds, int | float):
        raise WorkerError(f"msopmodeling gave no latency for {what}: {str(microseconds)[:60]!r}")
    if not math.isfinite(microseconds) or microseconds <= 0:
        raise WorkerError(f"msopmodeling gave {microseconds:g} us for {what}: no latency is that")
    return microseconds * 1e-6
