"""onnxruntime-cann (Huawei): ONNX Runtime with the Ascend provider; chipassay's own worker runs in its environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.toolchains.fittings.contract import ONE_NODE, Fittings

if TYPE_CHECKING:
    from backends.toolchains.environment import ToolEnvironment


class OnnxruntimeCann(Fittings):
    """That the provider is listed proves nothing without CANN: it falls back to the CPU in silence."""

    def check(self, environment: ToolEnvironment, scratch: Path) -> str:
        arguments: list[str | Path] = [Path(__file__).with_name("check.py"), ONE_NODE]
        done = environment.run(
            [environment.python, "-P", *arguments],
            cwd=scratch,
            timeout_s=60.0,
            variables=environment.worker_command().variables,
        )
        provider = self.succeeded(done).output.strip().rpartition("\n")[2]
        return f"one MatMul ran on the {provider}, and chipassay's worker can be imported"
