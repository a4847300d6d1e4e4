"""Running a backend on a tiny model, and the float32 reference it is compared with."""

from collections.abc import Callable
from typing import Any

import pytest

from backends.contract.backend import Backend, Execution
from backends.contract.workload import Workload
from backends.qwen.model import Model
from backends.qwen.reference import Reference


def quiet(text: str) -> None:
    """A progress that says nothing."""


@pytest.fixture(scope="session")
def reference_of() -> Callable[[Model, Workload], Reference]:
    """The float32 reference with logits at every output position, computed once per model and workload."""
    from backends.qwen.reference import compute_reference

    known: dict[tuple[str, str], Reference] = {}

    def compute(model: Model, workload: Workload) -> Reference:
        key = model.digest, workload.digest()
        if key not in known:
            known[key] = compute_reference(
                model, workload.prompt_ids, workload.output_tokens, range(workload.output_tokens), 1, quiet
            )
        return known[key]

    return compute


@pytest.fixture(scope="session")
def load() -> Callable[..., Backend]:
    """A backend with the model loaded, ready for ``workload``."""

    def make(kind: type[Backend], model: Model, precision: str, workload: Workload, threads: int = 1) -> Backend:
        execution = Execution(model, precision, threads, workload.batch, workload.total_tokens)
        kind.prepare(execution, quiet)
        backend: Any = kind()
        backend.load(execution, quiet)
        return backend

    return make


@pytest.fixture(scope="session")
def build_network() -> Callable[[Model, str], Any]:
    """transformers' own class with the model's weights."""
    from backends.qwen.torch_model import build_qwen

    return lambda model, precision: build_qwen(model, precision, quiet)


@pytest.fixture(scope="session")
def host_accelerator() -> type[Backend]:
    """The accelerator's backend on the processor."""
    from tests.backends.torch_device.host import HostAccelerator

    return HostAccelerator
