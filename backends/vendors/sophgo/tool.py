"""Compiles and simulates the graphs of one model with tpu-mlir, and reads the files it writes beside them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.common.errors import WorkerError
from backends.contract.compiled import CompiledGraph
from backends.toolchains import ToolRun
from backends.vendors.base.layerwise import Arrays, Probe, VendorTool
from backends.vendors.sophgo.chips import PRECISIONS, Chip
from backends.vendors.sophgo.commands import Commands
from backends.vendors.sophgo.final_mlir import CompiledOperator, read_operators
from backends.vendors.sophgo.model_info import ModelInfo, read_model_info
from backends.vendors.sophgo.schedule import Schedule, read_schedule
from backends.vendors.sophgo.verdict import validated_tensors

SIMULATED_FLOPS_MAX = 6e9
"""The simulator of bm1684x does about 3e7 a second on one core: what is larger than this takes more than minutes."""


@dataclass(frozen=True, slots=True)
class CompiledFiles:
    """What became of one graph."""

    onnx: Path
    info: ModelInfo
    schedule: Schedule
    operators: tuple[CompiledOperator, ...]


class TpuMlirTool(VendorTool):
    """One chip at one precision.

    Inputs and outputs of layers have the chip's own 16-bit type, as the vendor's deployments of language models have
    them: else the cache would be read in float32. Logits come out in float32.
    """

    rewrites = ("reduce_axes_to_attribute", "finite_mask", "older_ir_version")

    def __init__(self, commands: Commands, chip: Chip, precision: str) -> None:
        self._commands, self._chip, self._precision = commands, chip, precision
        self.compiled: dict[str, CompiledFiles] = {}

    @property
    def version(self) -> str:
        """The compiler's version, as the models it compiled have it."""
        return next(iter(self.compiled.values())).info.compiler

    def compile(self, graph: Path, name: str, probe: Probe) -> CompiledGraph:
        """Transform, deploy, and read what the compiler wrote beside its model."""
        folder = graph.with_suffix("")
        folder.mkdir()
        _save(folder / "input.npz", probe.inputs[name][0])
        transformed = self._commands.transform(graph, name, folder, "input.npz")
        types = [] if self._precision == "float32" else ["--quant_input"]
        if types and "logits" not in probe.outputs[name][0]:
            types.append("--quant_output")
        deployed = self._commands.deploy(
            name,
            folder,
            chip=self._chip.name,
            quantize=PRECISIONS[self._precision],
            cores=self._chip.cores,
            types=types,
        )
        info = read_model_info(self._commands.info(name, folder))
        self._require_type(info)
        profiles = sorted(folder.glob("compiler_profile_*.txt"), key=lambda path: int(path.stem.rpartition("_")[2]))
        schedule = read_schedule([path.read_text(errors="replace") for path in profiles])
        operators = read_operators(_only(folder, "*_final.mlir").read_text(errors="replace"))
        self.compiled[name] = CompiledFiles(graph, info, schedule, operators)
        return CompiledGraph(
            name,
            "layer",
            (),
            1,
            compile_s=transformed.duration_s + deployed.duration_s,
            artefact_bytes=(folder / f"{name}.bmodel").stat().st_size,
            duration_s=schedule.duration_s,
            cycles=schedule.cycles,
            dram_bytes=schedule.dram_bytes,
            weight_bytes=info.weight_bytes,
            working_bytes=info.instruct_bytes + info.runtime_bytes,
            details=_details(schedule, info, transformed, deployed),
        )

    def _require_type(self, info: ModelInfo) -> None:
        """Refuse another type than the one asked for: the compiler may change it silently."""
        wanted = "float16" if self._precision in ("int8", "int4") else self._precision
        other = {tensor.kind for tensor in info.inputs} - {wanted}
        if other:
            raise WorkerError(
                f"tpu-mlir was asked for {PRECISIONS[self._precision]} for {self._chip.name} and compiled inputs of "
                f"{', '.join(sorted(other))}: it computes in another type than asked"
            )

    def simulate(self, name: str, inputs: Arrays) -> Arrays:
        """The outputs by their names in the ONNX graph."""
        onnx = self.compiled[name].onnx
        folder = onnx.with_suffix("")
        _save(folder / "simulator_input.npz", inputs)
        found = folder / "simulated.npz"
        found.unlink(missing_ok=True)
        self._commands.simulate(name, folder, "simulator_input.npz", found.name)
        return _by_onnx_name(_load(found), onnx)

    def unsimulated(self, name: str) -> str:
        """A prefill of a long prompt or a large model would take the simulator hours."""
        flops = self.compiled[name].schedule.flops
        if flops <= SIMULATED_FLOPS_MAX:
            return ""
        limit = f"{SIMULATED_FLOPS_MAX / 1e9:g} GFLOP"
        return f"its {flops / 1e9:.1f} GFLOP are more than the simulator does in minutes, {limit}"


def _details(schedule: Schedule, info: ModelInfo, transformed: ToolRun, deployed: ToolRun) -> dict[str, Any]:
    return {
        "frequency_hz": round(schedule.frequency_hz),
        "cores": schedule.cores,
        "flops": schedule.flops,
        "dram_bandwidth_usage": schedule.dram_usage,
        "tensor_unit_cycles": schedule.tensor_cycles,
        "dma_cycles": schedule.dma_cycles,
        "tensor_unit_cycles_by_operator": schedule.operator_cycles,
        "transform_s": transformed.duration_s,
        "deploy_s": deployed.duration_s,
        "tensors_validated_by_the_compiler": validated_tensors(transformed.output),
        "compiler_peak_resident_bytes": max(transformed.peak_resident_bytes, deployed.peak_resident_bytes),
        "input_types": {tensor.name: tensor.kind for tensor in info.inputs},
        "kernel_bytes": info.kernel_bytes,
        "instruct_bytes": info.instruct_bytes,
        "host_bytes": info.host_bytes,
    }


def _save(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _load(path: Path) -> Arrays:
    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WorkerError(f"the simulator's {path.name} cannot be read: {error}") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WorkerError(f"tpu-mlir wrote {len(found)} files {pattern} where it writes one: a version we do not know?")
    return found[0]


def _by_onnx_name(arrays: Arrays, onnx: Path) -> Arrays:
    """The simulator names an output after the ONNX value, the operator that made it, and a cast at the end."""
    import onnx_ir as ir

    found: Arrays = {}
    for value in ir.load(onnx).graph.outputs:
        producer = value.producer()
        assert producer is not None and value.shape is not None
        stem = f"{value.name}_{producer.op_type}"
        array = next((array for key, array in arrays.items() if key == stem or key.startswith(f"{stem}_")), None)
        shape = tuple(int(size) for size in value.shape)
        if array is None or array.size != np.prod(shape):
            gave = ", ".join(f"{key} {list(array.shape)}" for key, array in arrays.items())
            raise WorkerError(f"the simulator gave no output {value.name} {list(shape)}, only {gave or 'nothing'}")
        found[str(value.name)] = array.reshape(shape)
    return found
