"""The targets ``cuda``, ``npu``, ``mlu``, ``musa`` and ``xpu``: one backend for every device type of PyTorch."""

from __future__ import annotations

import functools
import importlib.util
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from backends.common.errors import UnavailableError
from backends.contract.backend import (
    Availability,
    Backend,
    DeviceMemory,
    EngineFacts,
    Execution,
    Generation,
    Progress,
    Trial,
)
from backends.contract.workload import Workload
from backends.qwen.families import Architecture
from backends.qwen.model import ModelSpec
from backends.torch_device.discovery import Device, find_device
from backends.torch_device.kinds import KINDS, DeviceKind, load_device_module
from backends.torch_device.linears import FORMATS

if TYPE_CHECKING:
    import numpy as np

    from backends.qwen.held import HeldWeights
    from backends.torch_device.plain import PlainRunner
    from backends.torch_device.runner import Runner

HALF = ("bfloat16", "float16")

RECORDED = ("qwen2", "qwen3")
"""Families with a decoder whose steps can be recorded; all others run through transformers' modules."""

CEILING_BYTES = 4_000_000_000
"""Memory of the probe that measures the device's ceilings, and of both processes' contexts."""

PREFILL_TOKENS_AT_ONCE = 16384
"""A batch is prefilled in groups of rows of about so many tokens: more cost memory and gain no speed."""

ENGINE_BYTES = 1_500_000_000
"""Kernels, workspaces and the allocator's slack."""


class TorchAccelerator(Backend):
    """PyTorch on a device of one type: recorded steps where a decoder is written, tokens timed by the device."""

    kind: ClassVar[DeviceKind]
    _runner: Runner | PlainRunner
    precisions = ("bfloat16", "float16", "float32", "int8", "int4", "float8")
    architectures = get_args(Architecture)

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Return whether PyTorch, queried in another process, sees the device."""
        found = find_device(cls.kind, device)
        return Availability(True) if isinstance(found, Device) else found

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """Refuse types that the device lacks, going by its kind and compute capability."""
        found = find_device(cls.kind, device)
        assert isinstance(found, Device)
        return refusal(cls.kind.type, found, precision)

    @classmethod
    def accelerator(cls, device: str) -> str:
        """``cuda:0`` for the target ``cuda:0``, and for ``cuda``."""
        return f"{cls.kind.type}:{device or 0}"

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Weight-only formats multiply in bfloat16."""
        return {"int8": "bfloat16", "int4": "bfloat16", "float8": "float8_e4m3fn"}.get(precision, precision)

    @classmethod
    def free_memory_bytes(cls, device: str) -> int | None:
        """Return the free memory at the time of the query."""
        found = find_device(cls.kind, device)
        return found.free_bytes if isinstance(found, Device) else None

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Weights, KV cache, the largest activations, the engine, and the probe beside it."""
        element, cached = 4 if precision == "float32" else 2, cache_precision(precision)
        if spec.architecture in RECORDED:
            weights = spec.decode_weight_bytes(precision)
            if precision in FORMATS or not spec.tied_embeddings:
                weights += element * spec.embedding_parameters
        else:
            weights = spec.weight_bytes(cached)
        cache = spec.kv_bytes_per_token(cached) * workload.total_tokens * workload.batch
        cache += 2 * spec.state_bytes(cached) * workload.batch
        at_once = workload.batch * workload.prompt_tokens
        if spec.architecture in RECORDED:
            at_once = min(at_once, max(PREFILL_TOKENS_AT_ONCE, workload.prompt_tokens))
        width = 4 * spec.channel_width + 8 * spec.hidden_size + 4 * spec.attention_width
        logits = 3 * workload.batch * spec.vocab_size
        return weights + cache + element * (at_once * width + logits) + ENGINE_BYTES + CEILING_BYTES

    @classmethod
    def held_key(cls, execution: Execution) -> str:
        """Return what torchao's weights depend on, for the families whose linear layers are quantised."""
        if execution.precision not in FORMATS or execution.model.spec.architecture not in RECORDED:
            return ""
        packages = "-".join(version(package) for package in ("torch", "torchao"))
        return f"torchao-{execution.precision}-{execution.model.digest[:24]}-{packages}"

    @classmethod
    def held_weights(cls, execution: Execution, progress: Progress) -> HeldWeights:
        """Return what torchao's formats keep of the linear layers."""
        from backends.torch_device.dequantised import held_weights

        return held_weights(execution.model, execution.precision)

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Make the weights on the device, choose how to execute a step, and record it where a decoder is written.

        Raises:
            UnavailableError: The family has no decoder here, and its plain path not this precision.
        """
        import torch

        spec, precision = execution.model.spec, execution.precision
        recorded = spec.architecture in RECORDED
        if not recorded and precision in FORMATS:
            raise UnavailableError(
                f"{self.name} quantises {' and '.join(RECORDED)} only, not {spec.architecture}, the architecture of "
                f"{spec.name}; use {self.name}@bfloat16"
            )
        torch.set_num_threads(execution.threads)
        device = self.accelerator(execution.device)
        self._module = load_device_module(device)
        self._module.set_device(device)
        # Float32 means float32, never TF32.
        torch.set_float32_matmul_precision("highest")
        return self._recorded(execution, device, progress) if recorded else self._plain(execution, device, progress)

    def _plain(self, execution: Execution, device: str, progress: Progress) -> EngineFacts:
        import torch

        from backends.torch_device.plain import WAY, PlainRunner

        runner = PlainRunner(
            execution.model, execution.precision, execution.max_tokens, device=device, module=self._module,
            progress=progress,
        )  # fmt: skip
        self._runner = runner
        details = {
            "path": WAY,
            "attention": "scaled_dot_product_attention",
            "graph": "none: the family has no decoder that can be recorded",
            "tokens timed by": runner.timed_by,
            **({"experts": runner.experts} if execution.model.spec.experts else {}),
            **_runtime(torch),
        }
        return EngineFacts(
            engine="torch",
            version=str(torch.__version__),
            arithmetic=self.arithmetic(execution.precision),
            cache_precision=cache_precision(execution.precision),
            details=details,
            weights_digest=runner.weights_digest,
            device=_identity(self._module, device),
        )

    def _recorded(self, execution: Execution, device: str, progress: Progress) -> EngineFacts:
        import torch

        from backends.torch_device.paths import PLAIN, compiled_path, why_not_compiled
        from backends.torch_device.recording import can_record
        from backends.torch_device.runner import Runner
        from backends.torch_device.weights import build_decoder, step_weight_bytes

        decoder, digest = build_decoder(execution.model, execution.precision, device, progress)
        progress("recording the decode step")
        uncompiled = why_not_compiled(device)
        self._runner = Runner(
            decoder,
            execution.batch,
            execution.max_tokens,
            device=device,
            module=self._module,
            graph=self.kind.graph,
            paths=(PLAIN,) if uncompiled else (PLAIN, compiled_path()),
            prefill_tokens=PREFILL_TOKENS_AT_ONCE,
        )
        details = {
            "path": "own decoder",
            "attention": "scaled_dot_product_attention in prefill",
            "graph": self.kind.graph if can_record(self._module, self.kind.graph) else "none: this build has no graphs",
            "tokens timed by": self._runner.timed_by,
            "compiler": uncompiled or "torch.compile, a layer at a time",
            **_runtime(torch),
        }
        return EngineFacts(
            engine="torch",
            version=str(torch.__version__),
            arithmetic=self.arithmetic(execution.precision),
            cache_precision=cache_precision(execution.precision),
            details=details,
            step_weight_bytes=step_weight_bytes(decoder),
            weights_digest=digest,
            device=_identity(self._module, device),
        )

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Greedy decoding; the host queues every step and reads the tokens when the last one is there."""
        tokens, start_ns, token_ns, gap_ns = self._runner.generate(prompt_ids, output_tokens)
        return Generation(tuple(map(tuple, tokens)), start_ns, token_ns, gap_ns)

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Logits at ``positions``, read from the recorded work that :meth:`generate` replays."""
        import numpy as np

        return np.stack(self._runner.score(prompt_ids, forced_ids, positions), axis=1)

    def trials(self) -> tuple[Trial, ...]:
        """Return those of the decode step, and of every prompt length so far."""
        return self._runner.trials

    def device_memory(self) -> DeviceMemory | None:
        """The allocator's high-water marks, where the device's module keeps them."""
        try:
            return DeviceMemory(self._module.max_memory_allocated(), self._module.max_memory_reserved())
        except (AttributeError, RuntimeError):
            return None


def cache_precision(precision: str) -> str:
    """Return the type of the KV cache at ``precision``."""
    return precision if precision in (*HALF, "float32") else "bfloat16"


def refusal(kind: str, device: Device, precision: str) -> str:
    """Return why a device cannot run ``precision``, or ""; an unknown capability refuses nothing."""
    name = device.name
    if precision in FORMATS:
        wanted = FORMATS[precision]
        if importlib.util.find_spec("torchao") is None:
            return f"{precision} weights need torchao; pip install 'chipassay[quantised]'"
        if kind not in wanted.types:
            return f"{precision} is offered on {', '.join(wanted.types)} only, not on {kind} ({name}); use bfloat16"
        least, what = wanted.capability, precision
    elif precision == "bfloat16":
        least, what = (8, 0), "bfloat16"
    else:
        return ""
    if kind == "cuda" and device.capability is not None and device.capability < least:
        has = ".".join(map(str, device.capability))
        return f"{name} has compute capability {has}, {what} needs {'.'.join(map(str, least))}; use float16 or float32"
    return ""


def _identity(module: Any, device: str) -> dict[str, str]:
    """Name and PCI address, for the meter that must read this device and no other."""
    found: dict[str, str] = {}
    if hasattr(module, "get_device_name"):
        found["name"] = str(module.get_device_name(device))
    properties: Any = module.get_device_properties(device) if hasattr(module, "get_device_properties") else None
    if hasattr(properties, "pci_bus_id") and hasattr(properties, "pci_device_id"):
        domain = getattr(properties, "pci_domain_id", 0)
        found["pci_address"] = f"{domain:04x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
    return found


def _runtime(torch: Any) -> dict[str, str]:
    versions = {"cuda_runtime": torch.version.cuda, "hip_runtime": getattr(torch.version, "hip", None)}
    return {name: str(version) for name, version in versions.items() if version}


@functools.cache
def backend_of(kind: DeviceKind) -> type[TorchAccelerator]:
    """Return the backend of one kind of device; its target has the name of the kind."""
    members = {"name": kind.type, "kind": kind, "summary": kind.summary, "__doc__": f"{kind.makers}: {kind.summary}."}
    return type(kind.type.capitalize(), (TorchAccelerator,), {"__module__": __name__, **members})


def __getattr__(name: str) -> type[TorchAccelerator]:
    """Return what an entry point names: ``Npu``, the backend of the kind ``npu``."""
    kind = KINDS.get(name.lower())
    if kind is None or name != name.capitalize():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return backend_of(kind)
