"""One decoder layer and the head through a vendor's compiler and simulator, beside ONNX Runtime on the same inputs.

Layers are alike, so one represents all: its figures are scaled by the depth. The simulator runs the model cut to its
first layer, which is a whole model: embedding, layer, head. Its logits are compared with
the float32 reference of the same cut, and the export itself is compared first, on ONNX Runtime, before any toolchain
sees it.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Execution, Progress
from backends.contract.compiled import CompiledGraph
from backends.contract.workload import Workload
from backends.portable.attention import rotary_tables
from backends.portable.export import LOWEST, Form, build_graph, check_size, save_graph
from backends.portable.rewrites import apply_rewrites
from backends.qwen.model import Model
from backends.qwen.reference import compute_reference
from backends.qwen.weights import weight_reader

Arrays = dict[str, np.ndarray]
Run = Callable[[str, Arrays], Arrays]
"""Executes the graph of a name: inputs by name to outputs by name."""

DECODE_STEPS = 2
"""Teacher-forced decode steps whose logits are compared, after those of the prefill."""

EXPORT_ERROR_MAX = 1e-3
"""Largest logit error of the export on ONNX Runtime against the float32 reference; correct ones show 1e-5."""


@dataclass(frozen=True, slots=True)
class LayerForms:
    """The graphs of a cut model: a layer in prefill and in decode, and the head on one token."""

    prefill: Form
    decode: Form
    head: Form

    @classmethod
    def of(cls, workload: Workload) -> LayerForms:
        """For a workload: decode steps see a cache with room for all its tokens but the last."""
        past, batch = workload.total_tokens - 1, workload.batch
        return cls(
            Form("prefill", "layer", workload.prompt_tokens, batch=batch),
            Form("decode", "layer", 1, past, batch=batch),
            Form("decode", "head", 1, batch=batch),
        )

    def all(self) -> tuple[Form, Form, Form]:
        """Every form."""
        return self.prefill, self.decode, self.head


@dataclass(frozen=True, slots=True)
class Probe:
    """Inputs of each graph, and its float32 outputs on ONNX Runtime: what a compiler calibrates and is judged with."""

    inputs: dict[str, list[Arrays]]
    outputs: dict[str, list[Arrays]]


class VendorTool(ABC):
    """A vendor's compiler and simulator."""

    rewrites: Sequence[str] = ()
    """Names of the rewrites its graphs need, in their order."""

    @abstractmethod
    def compile(self, graph: Path, name: str, probe: Probe) -> CompiledGraph:
        """Compile the ONNX file ``graph``; ``part``, ``phases``, ``copies`` and ``rewrites`` are filled in later.

        Raises:
            WorkerError: If the tool fails, however it reports that; with the line that explains it.
        """

    @abstractmethod
    def simulate(self, name: str, inputs: Arrays) -> Arrays:
        """Run the compiled graph on the vendor's simulator."""

    def unsimulated(self, name: str) -> str:
        """Why the compiled graph is not simulated, or nothing; ONNX Runtime then computes what follows needs."""
        return ""

    def close(self) -> None:  # noqa: B027 - most hold nothing open
        """End whatever the tool keeps running."""


@dataclass(frozen=True, slots=True)
class Layerwise:
    """What came of it. ``logits``, ``expected``: float32 ``[batch, positions, vocab_size]``."""

    graphs: tuple[CompiledGraph, ...]
    logits: np.ndarray
    expected: np.ndarray
    unsimulated: dict[str, str] = field(default_factory=dict)
    """Graph -> why it was not simulated: its results in the chain are ONNX Runtime's."""


def cut_to_one_layer(model: Model) -> Model:
    """Return the model's first layer with its ends: a model, as ``--layers 1`` makes it."""
    from backends.qwen.synthetic import synthetic_model

    spec = model.spec.with_layers(1)
    if model.checkpoint is None:
        return synthetic_model(spec, model.seed)
    return dataclasses.replace(model, spec=spec)


def compile_and_simulate(
    tool: VendorTool, execution: Execution, workload: Workload, folder: Path, progress: Progress
) -> Layerwise:
    """Export, check, compile and simulate; ``folder`` takes every file.

    Raises:
        InputError: If the workload has no decode step.
        WorkerError: If the export disagrees with the float32 reference, or the vendor's tool fails.
        GraphTooLargeError: If a graph does not fit one ONNX file.
    """
    cut = cut_to_one_layer(execution.model)
    steps = min(DECODE_STEPS, workload.output_tokens - 1)
    if not steps:
        raise InputError(
            "a compiler is asked about a decode step too: use at least 2 output tokens (--output-tokens 2)"
        )
    forms = LayerForms.of(workload)
    for form in forms.all():
        check_size(build_graph(cut, form))
    progress("float32 reference of one layer with the ends")
    reference = compute_reference(
        cut, workload.prompt_ids, steps + 1, range(steps + 1), execution.threads, lambda _: None
    )

    changed: dict[str, dict[str, int]] = {}
    progress("exporting")
    for form in forms.all():
        graph = build_graph(cut, form)
        save_graph(graph, folder / f"{form.name}.portable.onnx")
        changed[form.name] = apply_rewrites(graph, tool.rewrites)
        save_graph(graph, folder / f"{form.name}.onnx")
    rows = weight_reader(cut)("model.embed_tokens.weight")

    progress("checking the export on ONNX Runtime")
    for suffix in (".portable.onnx", ".onnx"):
        # One after the other, so that the sessions of the first are gone: each holds the weights again.
        runtime = _OnnxRuntime(folder, suffix, execution.threads)
        exported = chain(runtime, forms, cut, rows, workload, reference.tokens, steps)
        error = float(np.abs(exported - reference.logits).max())
        if not error <= EXPORT_ERROR_MAX:
            raise WorkerError(
                f"the export ({suffix[1:]}) differs from the float32 reference by {error:.2g} on ONNX Runtime "
                f"(at most {EXPORT_ERROR_MAX:g} is right): no toolchain was asked; please report this"
            )
    probe = Probe(
        {name: list(seen) for name, seen in runtime.inputs.items()},
        {name: list(seen) for name, seen in runtime.outputs.items()},
    )

    graphs: dict[str, CompiledGraph] = {}
    for form in forms.all():
        progress(f"compiling {form.name}")
        graphs[form.name] = tool.compile(folder / f"{form.name}.onnx", form.name, probe)

    compared = _Compared(tool, runtime, progress)
    logits = chain(compared, forms, cut, rows, workload, reference.tokens, steps)
    finished = tuple(
        dataclasses.replace(
            graphs[form.name],
            part="head" if form.part == "head" else "layer",
            phases=("prefill", "decode") if form.part == "head" else (form.phase,),
            copies=1 if form.part == "head" else execution.model.spec.layers,
            rewrites=changed[form.name],
            **compared.closeness.get(form.name, {}),  # not simulated, or no decode step was asked for
        )
        for form in forms.all()
    )
    return Layerwise(finished, logits, reference.logits, compared.unsimulated)


def chain(
    run: Run, forms: LayerForms, cut: Model, rows: np.ndarray, workload: Workload, tokens: np.ndarray, steps: int
) -> np.ndarray:
    """Embedding, layer and head, one after the other: logits ``[batch, steps + 1, vocab_size]``.

    Prefills the prompt, then takes ``steps`` decode steps with the given ``tokens`` (int64 ``[batch, n]``). The
    embedding is a look-up of ``rows``, which the host does on every one of these paths.
    """
    spec = cut.spec
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    past_tokens = forms.decode.past_tokens
    out = run(forms.prefill.name, {"hidden": rows[prompt]})
    logits = [run(forms.head.name, {"hidden": np.ascontiguousarray(out["hidden_out"][:, -1:])})["logits"]]
    cache = {
        kind: np.zeros((workload.batch, spec.kv_heads, past_tokens, spec.head_dim), np.float32)
        for kind in ("key", "value")
    }
    for kind, buffer in cache.items():
        buffer[:, :, : prompt.shape[1]] = out[f"present.0.{kind}"]
    for step in range(steps):
        position = prompt.shape[1] + step
        cos, sin = rotary_tables(spec, np.asarray([position]))
        mask = np.full((1, 1, 1, past_tokens + 1), max(LOWEST, -1e4), np.float32)
        mask[..., :position] = 0
        mask[..., -1] = 0
        past = {f"past.0.{kind}": buffer.copy() for kind, buffer in cache.items()}
        hidden = rows[tokens[:, step : step + 1]]
        out = run(forms.decode.name, {"hidden": hidden, "cos": cos, "sin": sin, "mask": mask, **past})
        for kind, buffer in cache.items():
            buffer[:, :, position] = out[f"present.0.{kind}"][:, :, 0]
        logits.append(run(forms.head.name, {"hidden": out["hidden_out"]})["logits"])
    return np.concatenate(logits, axis=1)


class _OnnxRuntime:
    """The graphs on ONNX Runtime's CPU provider; remembers what went in and came out."""

    def __init__(self, folder: Path, suffix: str, threads: int) -> None:
        self._folder, self._suffix, self._threads = folder, suffix, threads
        self._sessions: dict[str, Any] = {}
        self.inputs: dict[str, list[Arrays]] = {}
        self.outputs: dict[str, list[Arrays]] = {}

    def __call__(self, name: str, inputs: Arrays) -> Arrays:
        import onnxruntime

        if name not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            path = str(self._folder / f"{name}{self._suffix}")
            self._sessions[name] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        session = self._sessions[name]
        outputs = dict(zip([out.name for out in session.get_outputs()], session.run(None, inputs), strict=True))
        self.inputs.setdefault(name, []).append(inputs)
        self.outputs.setdefault(name, []).append(outputs)
        return outputs


class _Compared:
    """The vendor's simulator; each graph's first outputs are compared with ONNX Runtime's for the very same inputs.

    In a chain an early error becomes a later graph's input: judged by what it made of what it got, each graph answers
    for itself alone.
    """

    def __init__(self, tool: VendorTool, runtime: Run, progress: Progress) -> None:
        self._tool, self._runtime, self._progress = tool, runtime, progress
        self.closeness: dict[str, dict[str, Any]] = {}
        """Graph -> ``max_abs_error``, ``cosine``, ``reference_abs_max``, ``simulate_s`` of its first run."""
        self.unsimulated: dict[str, str] = {}

    def __call__(self, name: str, inputs: Arrays) -> Arrays:
        if reason := self._tool.unsimulated(name):
            if name not in self.unsimulated:
                self._progress(f"not simulating {name}: {reason}")
            self.unsimulated[name] = reason
            return self._runtime(name, inputs)
        self._progress(f"simulating {name}")
        began = time.perf_counter()
        found = {key: value.astype(np.float32) for key, value in self._tool.simulate(name, inputs).items()}
        took_s = time.perf_counter() - began
        if name not in self.closeness:
            self.closeness[name] = {**_closeness(found, self._runtime(name, inputs)), "simulate_s": took_s}
        return found


def _closeness(found: Arrays, expected: Arrays) -> dict[str, float]:
    worst, cosine, largest = 0.0, 1.0, 0.0
    for name, wanted in expected.items():
        got, exact = np.asarray(found[name], np.float64).reshape(wanted.shape), wanted.astype(np.float64)
        if not np.isfinite(got).all():
            # The largest double, as parity does: max() and min() would skip what is not a number.
            return {"max_abs_error": sys.float_info.max, "cosine": 0.0, "reference_abs_max": float(np.abs(exact).max())}
        worst = max(worst, float(np.abs(got - exact).max()))
        largest = max(largest, float(np.abs(exact).max()))
        norms = float(np.linalg.norm(got) * np.linalg.norm(exact))
        cosine = min(cosine, float((got * exact).sum()) / norms if norms else 0.0)
    return {"max_abs_error": worst, "cosine": cosine, "reference_abs_max": largest}
