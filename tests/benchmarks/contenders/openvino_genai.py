"""``openvino``: OpenVINO GenAI's pipeline on the CPU plug-in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.cache import cached_folder
from backends.contract.backend import EngineFacts, Execution, Generation, Progress
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from tests.benchmarks.contenders.peer import ENGINE_BYTES, Peer, conversion_key, single_sequence

if TYPE_CHECKING:
    import numpy as np

_RECIPE = 1
_CACHE_PRECISION = {"bfloat16": "bfloat16"}


class OpenVino(Peer):
    """``LLMPipeline`` with its default (paged) attention, fed token ids: synthetic weights have no tokenizer."""

    name = "openvino"
    summary = "OpenVINO GenAI LLMPipeline"
    precisions = ("float32", "bfloat16", "int8", "int4")
    requires = (("openvino_genai", "openvino-genai"), ("nncf", "nncf"))

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Convert the model unless the cache has it."""
        return {"folder": str(_folder(execution, progress))}

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """The model file is read whole, then laid out anew; bfloat16 is made from the float32 file."""
        stored = spec.weight_bytes("float32" if precision == "bfloat16" else precision)
        return max(stored + spec.embedding_parameters * 4, 2 * spec.weight_bytes(precision)) + ENGINE_BYTES

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Compile for the CPU; arithmetic and cache precision are pinned, so that nothing is quantised silently."""
        import openvino
        import openvino_genai

        folder = _folder(execution, progress)
        cache = _CACHE_PRECISION.get(execution.precision, "float32")
        arithmetic = execution.precision if execution.precision in ("float32", "bfloat16") else "int8"
        hints = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}
        properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": hints[cache],
            "KV_CACHE_PRECISION": hints[cache],
            "INFERENCE_NUM_THREADS": execution.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_MMAP": False,
        }
        tokenizer = openvino_genai.Tokenizer(str(folder))
        # By default a prompt seen before is not run again, which would time an empty prefill from round two on.
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = False
        scheduler.max_num_batched_tokens = execution.max_tokens
        properties["scheduler_config"] = scheduler
        progress("compiling")
        # The pipeline takes its end-of-sequence token from the tokenizer; without one it must be named to be ignored.
        self._unlikely = execution.model.spec.vocab_size - 1
        self._pipeline = openvino_genai.LLMPipeline(str(folder), tokenizer, "CPU", **properties)
        details = {"attention": "paged (default)", "threads": execution.threads, "openvino": openvino.__version__}
        return EngineFacts("openvino-genai", openvino_genai.__version__, arithmetic, cache, details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """A streamer keeps the time of each token."""
        import openvino
        import openvino_genai

        token_ns: list[int] = []

        class Clock(openvino_genai.StreamerBase):  # type: ignore[misc]
            def write(self, token: int | list[int]) -> Any:
                now = time.perf_counter_ns()
                token_ns.extend([now] * (len(token) if isinstance(token, list) else 1))
                return openvino_genai.StreamingStatus.RUNNING

            def end(self) -> None:
                pass

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = output_tokens
        config.min_new_tokens = output_tokens
        config.ignore_eos = True
        config.set_eos_token_id(self._unlikely)
        config.do_sample = False
        config.apply_chat_template = False
        start_ns = time.perf_counter_ns()
        out = self._pipeline.generate(openvino.Tensor(prompt_ids), config, Clock())
        return single_sequence(out.tokens[0], start_ns, token_ns, output_tokens)


def _folder(execution: Execution, progress: Progress) -> Path:
    """The converted model; bfloat16 is the float32 file, rounded by the plug-in when it loads."""
    stored = "float32" if execution.precision == "bfloat16" else execution.precision

    def build(folder: Path) -> None:
        from tests.benchmarks.contenders.openvino_convert import convert

        convert(execution.model, stored, folder, progress)

    key = conversion_key(execution.model, stored, _RECIPE, ("openvino", "nncf", "transformers"))
    return cached_folder("peers/openvino", key, build, execution.model.spec.weight_bytes(stored))[0]
