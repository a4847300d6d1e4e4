"""The ceilings of an accelerator: copies within its memory, and products of random values.

Values are random, since equal ones draw less power and are faster. Memory is taken for the time of a sample only: the
model needs it meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from profiler.ceilings.candidate import READ, Candidate, Offer, Sampler, choose
from profiler.records.ceilings import CeilingSample

COPY_BYTES = 1024 * 1024 * 1024
GEMM_SIZE = 8192
FLOAT8 = "float8_e4m3fn"
CALLS = 8
"""Calls in one pass: enough that waiting for the device once weighs nothing."""


def accelerator(module: Any, device: str, arithmetic: Sequence[str]) -> dict[str, Sampler]:
    """Choose how to measure an accelerator; ``module`` is PyTorch's for the device's type."""
    wait = functools.partial(module.synchronize, device)
    moved = f"copying {COPY_BYTES >> 20} MiB on the device, read and written"
    found = {READ: _sampler(module, 2.0 * COPY_BYTES * CALLS, [(moved, lambda: _copy(device, wait))], "{library}")}
    for name in arithmetic:
        what = f"{GEMM_SIZE}x{GEMM_SIZE}x{GEMM_SIZE} {name} product by {{library}}"
        found[name] = _sampler(module, 2.0 * GEMM_SIZE**3 * CALLS, _products(name, device, wait), what)
    return found


def _sampler(module: Any, amount: float, offers: Sequence[Offer], what: str) -> Sampler:
    choice = choose(amount, offers)
    library, trials = choice.best.library if choice.best else "", choice.trials
    del choice
    module.empty_cache()
    if not library:
        return Sampler("", None, trials)
    prepare = dict(offers)[library]

    def take() -> CeilingSample:
        candidate = Candidate(library, amount, prepare())
        try:
            candidate.run()
            return candidate.sample()
        finally:
            del candidate
            module.empty_cache()

    return Sampler(what.format(library=library), take, trials)


def _repeated(call: Callable[[], object], wait: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        for _ in range(CALLS):
            call()
        wait()

    return run


def _copy(device: str, wait: Callable[[], object]) -> Callable[[], object]:
    import torch

    source = torch.ones(COPY_BYTES // 4, device=device)
    destination = torch.empty_like(source)
    return _repeated(lambda: destination.copy_(source), wait)


def _products(name: str, device: str, wait: Callable[[], object]) -> list[Offer]:
    """Return the vendor's product with the weight in either order; PyTorch has one way only for float8 and int8."""
    if name == FLOAT8:
        return [("PyTorch scaled product", lambda: _repeated(_scaled(device), wait))]
    if name == "int8":
        return [("PyTorch int8 product", lambda: _repeated(_integers(device), wait))]
    return [
        ("PyTorch product", lambda: _repeated(_floats(name, device, transposed=False), wait)),
        ("PyTorch product, weight transposed", lambda: _repeated(_floats(name, device, transposed=True), wait)),
    ]


def _floats(name: str, device: str, *, transposed: bool) -> Callable[[], object]:
    import torch

    left, right = (torch.randn(GEMM_SIZE, GEMM_SIZE, device=device).to(getattr(torch, name)) for _ in range(2))
    other = right.t() if transposed else right
    return lambda: left @ other


def _scaled(device: str) -> Callable[[], object]:
    import torch

    left, right = (torch.randn(GEMM_SIZE, GEMM_SIZE, device=device).to(torch.float8_e4m3fn) for _ in range(2))
    one = torch.ones((), device=device)
    return functools.partial(torch._scaled_mm, left, right.t(), one, one, out_dtype=torch.bfloat16)


def _integers(device: str) -> Callable[[], object]:
    import torch

    left, right = (torch.randint(-127, 127, (GEMM_SIZE, GEMM_SIZE), dtype=torch.int8, device=device) for _ in range(2))
    return lambda: torch._int_mm(left, right.t())
