"""``ort-genai``: onnxruntime-genai's own loop on the very graph that ``onnx-cpu`` runs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.cache import cached_folder
from backends.contract.backend import EngineFacts, Execution, Generation, Progress
from backends.onnx_cpu.export import GRAPH, exported_graph
from backends.qwen.model import ModelSpec
from tests.benchmarks.contenders.peer import Peer, conversion_key, single_sequence

if TYPE_CHECKING:
    import numpy as np

_RECIPE = 1


class OrtGenai(Peer):
    """``Generator`` with its shared past and present buffers."""

    name = "ort-genai"
    summary = "onnxruntime-genai Generator on the same graph"
    precisions = ("float32", "int8", "int4")
    requires = (("onnxruntime_genai", "onnxruntime-genai"),)

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Put a ``genai_config.json`` beside the cached graph."""
        return {"folder": str(_folder(execution, progress))}

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Open the folder; the number of threads stands in its configuration."""
        import onnxruntime_genai

        self._model = onnxruntime_genai.Model(str(_folder(execution, progress)))
        self._capacity = execution.max_tokens
        details = {"threads": execution.threads}
        arithmetic = "float32" if execution.precision == "float32" else "int8"
        return EngineFacts("onnxruntime-genai", onnxruntime_genai.__version__, arithmetic, "float32", details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """``append_tokens`` runs the prompt; ``generate_next_token`` makes one token a call."""
        import onnxruntime_genai

        parameters = onnxruntime_genai.GeneratorParams(self._model)
        length = prompt_ids.shape[1] + output_tokens
        # An end-of-sequence token cannot stop it before min_length. The cache has the same capacity as everyone's.
        parameters.set_search_options(do_sample=False, min_length=length, max_length=self._capacity)
        token_ids: list[int] = []
        token_ns: list[int] = []
        start_ns = time.perf_counter_ns()
        generator = onnxruntime_genai.Generator(self._model, parameters)
        generator.append_tokens(prompt_ids.astype("int32"))
        for _ in range(output_tokens):
            generator.generate_next_token()
            token_ids.append(generator.get_next_tokens()[0])
            token_ns.append(time.perf_counter_ns())
        return single_sequence(token_ids, start_ns, token_ns, output_tokens)


def _folder(execution: Execution, progress: Progress) -> Path:
    """The cached export again, as hard links (a graph may not reach outside its folder), with the configuration."""
    graph, _ = exported_graph(execution.model, execution.precision, execution.threads, progress)

    def build(folder: Path) -> None:
        for file in graph.parent.iterdir():
            if file.is_file():
                os.link(file, folder / file.name)
        config = _config(execution.model.spec, execution.threads)
        (folder / "genai_config.json").write_text(json.dumps(config, indent=1))

    key = conversion_key(execution.model, execution.precision, _RECIPE, ("onnxruntime-genai", "onnxruntime"))
    return cached_folder("peers/ort-genai", f"{key}-{execution.threads}", build)[0]


def _config(spec: ModelSpec, threads: int) -> dict[str, Any]:
    decoder = {
        "session_options": {"log_id": "bench", "intra_op_num_threads": threads, "provider_options": []},
        "filename": GRAPH,
        "head_size": spec.head_dim,
        "hidden_size": spec.hidden_size,
        "num_attention_heads": spec.attention_heads,
        "num_hidden_layers": spec.layers,
        "num_key_value_heads": spec.kv_heads,
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "position_ids": "position_ids",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    last = spec.vocab_size - 1
    model = {
        "type": spec.architecture,
        "bos_token_id": last,
        "eos_token_id": last,
        "pad_token_id": last,
        "context_length": spec.max_positions,
        "vocab_size": spec.vocab_size,
        "decoder": decoder,
    }
    return {"model": model, "search": {"do_sample": False, "past_present_share_buffer": True}}
