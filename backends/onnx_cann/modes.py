"""Which mode of the CANN provider runs a model: tried before anything is timed, all of it recorded."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from backends.common.errors import WorkerError
from backends.contract.backend import Trial
from backends.contract.trials import choose, try_one
from backends.onnx_cann.session import MODES, open_session, placed_nodes
from backends.portable.decoder import DECODE, PREFILL, Place, PortableDecoder

STEPS = 8
"""Tokens generated in one run of a trial, if the cache has room for them."""

SINGLE = "single operator"
"""The mode of last resort: it leaves part of the graph on the host's processor and copies back and forth."""


class SamePartitionError(Exception):
    """A mode hands the same nodes to CANN as one that was tried: there is nothing to compare."""


def fastest(folder: Path, device: int, threads: int) -> tuple[PortableDecoder, tuple[Trial, ...]]:
    """The graphs in the faster of the graph modes, or kernel by kernel where neither runs; and the trials.

    Raises:
        WorkerError: If no mode runs; with every reason.
    """
    trials: list[Trial] = []
    running: dict[str, PortableDecoder] = {}
    for mode in MODES:
        if mode == SINGLE and running:
            break
        if mode != SINGLE and (reason := too_large(folder)):
            trials.append(Trial(_WORK, mode, False, None, 0.0, reason))
            continue
        ready = functools.partial(_make_ready, folder, device, mode, threads, running)
        trials.append(try_one(_WORK, mode, ready))
        if trials[-1].duration_s is None:
            running.pop(mode, None)
    try:
        chosen, judged = choose(trials)
    except RuntimeError as error:
        raise WorkerError(f"no mode of the CANN provider ran the model: {error}") from error
    return running[chosen], judged


_WORK = "prefill and decode steps"


def too_large(folder: Path) -> str:
    """Why CANN cannot be given a graph of ``folder`` whole, or nothing."""
    beside = [path for name in (PREFILL, DECODE) if (path := folder / f"{name}.data").is_file()]
    if not beside:
        return ""
    size = max(path.stat().st_size for path in beside)
    return (
        f"a graph has {size / 1e9:.2f} GB of weights, and the provider hands it to CANN as one protobuf message, which "
        "holds 2.15 GB; use float16, a smaller model, or --layers"
    )


def _make_ready(
    folder: Path, device: int, mode: str, threads: int, running: dict[str, PortableDecoder]
) -> Callable[[], float]:
    decoder = PortableDecoder(folder, lambda path: open_session(path, device, mode, threads), Place("cann", device))
    for other, known in running.items():
        if _partition(known) == _partition(decoder):
            raise SamePartitionError(f"hands CANN what {other} mode does; not timed")
    running[mode] = decoder
    batch, tokens = (int(size) for size in decoder.prefill.get_inputs()[0].shape)
    prompt = np.zeros((batch, tokens), np.int64)
    steps = min(STEPS, decoder.capacity - tokens)

    def run() -> float:
        began = time.perf_counter()
        decoder.generate(prompt, steps)
        return time.perf_counter() - began

    run()
    return run


def _partition(decoder: PortableDecoder) -> tuple[object, ...]:
    return placed_nodes(decoder.prefill), placed_nodes(decoder.decode)
