"""The second reference of a target with quantised weights: float32 arithmetic on the weights that its engine holds.

It follows the first reference's tokens, so that the same logits of the target are scored against both. It is kept in
the cache, found by the weights' key, the workload and those tokens.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from backends.common.cache import cached_folder
from backends.common.errors import InputError, UnavailableError
from backends.contract.registry import Target
from profiler.run.request import reference_keeps_bytes
from profiler.run.supervisor import WorkerFailedError
from profiler.run.workers import Workers

FORM = 1
"""Of what the cache keeps; a reference of another form is not found, and computed again."""

FILE = "held.npz"


def held_reference(workers: Workers, target: Target, key: str, reference: Path) -> dict[str, str]:
    """Return where the second reference is, as a plan says it; or why there is none.

    A target whose weights cannot be read back is not lost for it: its logits are then judged by the wide limits that
    leave room for rounding, and its record says so.
    """
    import numpy as np

    with np.load(reference) as arrays:
        followed = hashlib.sha256(arrays["tokens"].tobytes() + arrays["positions"].tobytes()).hexdigest()
    request = workers.request

    def build(folder: Path) -> None:
        plan = workers.plan(
            "held", backend=target.backend, device=target.device, precision=target.precision,
            reference_path=str(reference), held_path=str(folder / FILE), keep_bytes=reference_keeps_bytes(request),
        )  # fmt: skip
        workers.run(plan, dict[str, Any], f"{target.id}.held", target.id)

    logits_bytes = 4 * request.model.spec.vocab_size * len(workers.positions) * request.workload.batch
    name = hashlib.sha256(f"{FORM} {key} {request.workload.digest()} {followed}".encode()).hexdigest()[:32]
    try:
        folder, _ = cached_folder("held", name, build, 2 * logits_bytes)
    except (WorkerFailedError, UnavailableError, InputError) as error:
        workers.progress.done(f"its arithmetic is not judged apart from rounding: {error}", target.id)
        return {"hidden_reason": str(error)}
    return {"held_path": str(folder / FILE)}
