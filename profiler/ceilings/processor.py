"""The ceilings of the host's processor: products of each library at hand, and three ways to read memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from profiler.ceilings.candidate import READ, SMALLEST, Choice, Offer, Sampler, Shape, choose
from profiler.ceilings.libraries import onnx_runtime, pytorch

READ_BYTES = 256 * 1024 * 1024
_COLUMNS = 4096


def processor(threads: int, arithmetic: Sequence[str], shape: Shape) -> dict[str, Sampler]:
    """Choose how to measure read bandwidth (:data:`READ`) and the product in each arithmetic."""
    import torch

    torch.set_num_threads(threads)
    chosen = {READ: choose(float(READ_BYTES), _readers()).sampler()}
    for name in arithmetic:
        chosen[name] = _product(name, shape, threads)
    return chosen


def _readers() -> list[Offer]:
    import torch

    array = torch.ones(READ_BYTES // 4)
    half = array[: array.numel() // 2], array[array.numel() // 2 :]
    matrix, vector = array.view(-1, _COLUMNS), torch.ones(_COLUMNS)

    def ready(run: Callable[[], object]) -> Callable[[], Callable[[], object]]:
        return lambda: run

    return [
        (f"summing {READ_BYTES >> 20} MiB of float32", ready(array.sum)),
        (f"dot product of {READ_BYTES >> 20} MiB of float32", ready(lambda: torch.dot(*half))),
        (f"matrix-vector product of {READ_BYTES >> 20} MiB of float32", ready(lambda: matrix @ vector)),
    ]


def _product(arithmetic: str, shape: Shape, threads: int) -> Sampler:
    """Choose at the largest shape that is short enough: without bfloat16 instructions a processor does 1 GFLOP/s."""

    def best_at(shape: Shape) -> Choice:
        offers = [*pytorch.products(arithmetic, shape), *onnx_runtime.products(arithmetic, shape, threads)]
        return choose(shape.operations, offers)

    small = best_at(SMALLEST)
    if not small.rate:
        return small.sampler()
    affordable = shape.affordable(small.rate)
    return best_at(affordable).sampler(f"{affordable} {arithmetic} product by {{library}}")
