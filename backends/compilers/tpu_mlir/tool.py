"""The vendor's commands: ONNX to MLIR (checked by them against ONNX Runtime), MLIR to the chip's program, simulator."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends.compiled import CompiledGraph
from backends.compilers.layerwise import Arrays, Probe, VendorTool
from backends.compilers.tpu_mlir.chips import PRECISIONS, Chip
from backends.compilers.tpu_mlir.final_mlir import CompiledOperator, read_operators
from backends.compilers.tpu_mlir.model_info import ModelInfo, read_model_info
from backends.compilers.tpu_mlir.schedule import Schedule, read_schedule
from backends.compilers.tpu_mlir.verdict import require_success, validated_tensors
from backends.contract import Progress
from backends.errors import WorkerError
from backends.toolchains import ToolEnvironment, ToolRun
from backends.toolchains.state import locked

COMMAND_TIMEOUT_S = 3600.0
"""For one command: a hang of the tool. The whole target has a limit of its own (``--timeout``), usually far below."""

TELL_EVERY_S = 30.0
"""A command that works long says so this often."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of one graph."""

    onnx: Path
    model: Path
    info: ModelInfo
    schedule: Schedule
    operators: tuple[CompiledOperator, ...]


class TpuMlirTool(VendorTool):
    """tpu-mlir at work on the graphs of one model for one chip.

    Inputs and outputs of layers have the chip's own 16-bit type, as the vendor's deployments of language models have
    them: else the cache would be read in float32. Logits come out in float32.
    """

    rewrites = ("reduce_axes_to_attribute", "finite_mask", "older_ir_version")

    def __init__(self, environment: ToolEnvironment, chip: Chip, precision: str, progress: Progress) -> None:
        self._environment, self._chip, self._progress = environment, chip, progress
        self._precision = precision
        self._package = environment.site_packages / "tpu_mlir"
        self.compiled: dict[str, Compiled] = {}

    def compile(self, graph: Path, name: str, probe: Probe) -> CompiledGraph:
        """Transform, deploy, and read what the compiler wrote beside its model."""
        folder = graph.with_suffix("")
        folder.mkdir()
        inputs = probe.inputs[name][0]
        _save(folder / "input.npz", inputs)
        transform: list[str | Path] = ["--model_name", name, "--model_def", graph, "--mlir", f"{name}.mlir", "--test_input", "input.npz",
                     "--test_result", "top.npz"]  # fmt: skip
        transformed = self._python("model_transform.py", transform, folder, f"{name}.mlir", "top.npz")
        deploy: list[str | Path] = ["--mlir", f"{name}.mlir", "--chip", self._chip.name, "--quantize", PRECISIONS[self._precision],
                  "--num_core", str(self._chip.cores), "--model", f"{name}.bmodel"]  # fmt: skip
        if self._precision != "float32":
            deploy += ["--quant_input"] if "logits" in probe.outputs[name][0] else ["--quant_input", "--quant_output"]
        deployed = self._python("model_deploy.py", deploy, folder, f"{name}.bmodel", "compiler_profile_0.txt")
        model = folder / f"{name}.bmodel"
        info = read_model_info(self._command(["model_tool", "--info", model], folder).output)
        profiles = sorted(folder.glob("compiler_profile_*.txt"), key=lambda path: int(path.stem.rpartition("_")[2]))
        schedule = read_schedule([path.read_text(errors="replace") for path in profiles])
        operators = read_operators(_only(folder, "*_final.mlir").read_text(errors="replace"))
        self.compiled[name] = Compiled(graph, model, info, schedule, operators)
        return CompiledGraph(
            name,
            "layer",
            (),
            1,
            compile_s=transformed.duration_s + deployed.duration_s,
            artefact_bytes=model.stat().st_size,
            duration_s=schedule.duration_s,
            cycles=schedule.cycles,
            dram_bytes=schedule.dram_bytes,
            weight_bytes=info.weight_bytes,
            working_bytes=info.instruct_bytes + info.runtime_bytes,
            details={
                "frequency_hz": round(schedule.frequency_hz),
                "cores": schedule.cores,
                "flops": schedule.flops,
                "dram_usage": schedule.dram_usage,
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
            },
        )

    def simulate(self, name: str, inputs: Arrays) -> Arrays:
        """Run the program on the chip's functional model, one simulation at a time on this machine."""
        compiled = self.compiled[name]
        folder = compiled.model.parent
        _save(folder / "simulator_input.npz", inputs)
        found = folder / "simulated.npz"
        found.unlink(missing_ok=True)
        arguments = ["--input", "simulator_input.npz", "--model", compiled.model.name, "--output", found.name]
        waiting = "another simulation is running on this machine; waiting for it"
        # The simulator of the chip is linked into the package's folder: two chips at once would get each other's.
        with locked(self._environment.folder / "simulator.lock", waiting, self._progress):
            self._python("model_runner.py", arguments, folder, found.name)
        with np.load(found) as arrays:
            return _by_onnx_name({key: arrays[key] for key in arrays.files}, compiled)

    def _python(self, script: str, arguments: Sequence[str | Path], folder: Path, *makes: str) -> ToolRun:
        command = [self._environment.python, self._package / "python" / "tools" / script, *arguments]
        return self._command(command, folder, *makes)

    def _command(self, command: Sequence[str | Path], folder: Path, *makes: str) -> ToolRun:
        began = told = time.monotonic()

        def watch(_: Path) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= TELL_EVERY_S:
                told = now
                self._progress(f"{folder.name}: {Path(command[1]).stem} has worked for {now - began:.0f} s")

        run = self._environment.run(command, cwd=folder, timeout_s=COMMAND_TIMEOUT_S, watch=watch)
        require_success(run, [folder / name for name in makes])
        return run


def _save(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WorkerError(f"tpu-mlir wrote {len(found)} files {pattern} where it writes one: a version we do not know?")
    return found[0]


def _by_onnx_name(arrays: Arrays, compiled: Compiled) -> Arrays:
    """The simulator names an output after the ONNX value, the operator that made it, and a cast at the end."""
    import onnx_ir as ir

    found: Arrays = {}
    for value in ir.load(compiled.onnx).graph.outputs:
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
