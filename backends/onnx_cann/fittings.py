"""onnxruntime-cann (Huawei): ONNX Runtime with the Ascend provider; chipassay's own worker runs in its environment."""

from __future__ import annotations

from pathlib import Path

from backends.contract.backend import WorkerProgram
from backends.toolchains.environment import ONE_NODE, Fittings, ToolEnvironment


class OnnxruntimeCann(Fittings):
    """That the provider is listed proves nothing without CANN: it falls back to the CPU in silence."""

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        modules = [worker.module, *worker.imports]
        arguments: list[str | Path] = ["-P", Path(__file__).with_name("check.py"), ONE_NODE, *modules]
        run = self.use(environment, arguments, scratch, environment.worker_command(worker).variables)
        provider = run.output.strip().rpartition("\n")[2]
        return f"one MatMul ran on the {provider}, and chipassay's worker can be imported"


FITTINGS = OnnxruntimeCann()
