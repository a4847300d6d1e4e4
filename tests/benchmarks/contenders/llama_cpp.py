"""``llama.cpp``: through the C functions of ``llama-cpp-python``, on a GGUF file written from the same weights."""

from __future__ import annotations

import importlib.util
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.cache import cached_folder
from backends.contract.backend import Availability, EngineFacts, Execution, Generation, Progress
from backends.qwen.model import Model
from tests.benchmarks.contenders.peer import Peer, conversion_key, single_sequence

if TYPE_CHECKING:
    import numpy as np

_RECIPE = 1
_FILE = "model.gguf"
_QUANTISATION = {"float32": "F32", "bfloat16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}


class LlamaCpp(Peer):
    """``llama_decode`` with a float32 cache (bfloat16 with bfloat16 weights); flash attention as it decides itself."""

    name = "llama.cpp"
    summary = "llama.cpp by llama-cpp-python"
    precisions = ("float32", "bfloat16", "int8", "int4")
    requires = (("llama_cpp", "llama-cpp-python"), ("gguf", "gguf"))

    @classmethod
    def probe(cls, device: str) -> Availability:
        """There are no wheels of llama-cpp-python on the index: it must be compiled."""
        if importlib.util.find_spec("llama_cpp") is None:
            remedy = (
                "CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-deps llama-cpp-python (compiles for a quarter of an hour)"
            )
            return Availability(False, "no build of llama-cpp-python is installed", remedy)
        return super().probe(device)

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Write the GGUF file unless the cache has it."""
        return {"file": str(_file(execution, progress))}

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Weights are read into memory, not mapped; the library repacks quantised ones for this processor."""
        import llama_cpp

        path = _file(execution, progress)
        llama_cpp.llama_backend_init()
        options = llama_cpp.llama_model_default_params()
        options.use_mmap = False
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), options)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = execution.max_tokens
        settings.n_threads = settings.n_threads_batch = execution.threads
        wide = execution.precision == "bfloat16"
        settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_BF16 if wide else llama_cpp.GGML_TYPE_F32
        self._context = llama_cpp.llama_init_from_model(self._model, settings)
        if not self._model or not self._context:
            raise RuntimeError(f"llama.cpp could not load {path}")
        self._vocabulary = execution.model.spec.vocab_size
        details = {"threads": execution.threads, "weights": _QUANTISATION[execution.precision]}
        arithmetic = execution.precision if execution.precision in ("float32", "bfloat16") else "int8"
        cache = "bfloat16" if wide else "float32"
        return EngineFacts("llama.cpp", f"llama-cpp-python {version('llama-cpp-python')}", arithmetic, cache, details)

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """One ``llama_decode`` a step; the largest logit of the last position is the token."""
        import llama_cpp
        import numpy as np

        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        token_ids: list[int] = []
        token_ns: list[int] = []
        start_ns = time.perf_counter_ns()
        step = prompt_ids[0].tolist()
        for _ in range(output_tokens):
            tokens = (llama_cpp.llama_token * len(step))(*step)
            if llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(tokens, len(step))):
                raise RuntimeError("llama_decode failed")
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, -1), (self._vocabulary,))
            token_ids.append(int(logits.argmax()))
            token_ns.append(time.perf_counter_ns())
            step = token_ids[-1:]
        return single_sequence(token_ids, start_ns, token_ns, output_tokens)


def _file(execution: Execution, progress: Progress) -> Path:
    precision = execution.precision

    def build(folder: Path) -> None:
        _write(execution.model, _QUANTISATION[precision], folder / _FILE, progress)

    key = conversion_key(execution.model, precision, _RECIPE, ("gguf",))
    room = execution.model.spec.weight_bytes(precision)
    return cached_folder("peers/llama.cpp", key, build, room)[0] / _FILE


def _write(model: Model, quantisation: str, path: Path, progress: Progress) -> None:
    """Matrices in ``quantisation``, vectors in float32, and no vocabulary: tokens come in as ids."""
    import gguf

    from backends.qwen.torch_model import build_qwen

    spec = model.spec
    writer = gguf.GGUFWriter(path, spec.architecture)
    writer.add_block_count(spec.layers)
    writer.add_context_length(spec.max_positions)
    writer.add_embedding_length(spec.hidden_size)
    writer.add_feed_forward_length(spec.intermediate_size)
    writer.add_head_count(spec.attention_heads)
    writer.add_head_count_kv(spec.kv_heads)
    writer.add_key_length(spec.head_dim)
    writer.add_value_length(spec.head_dim)
    writer.add_layer_norm_rms_eps(spec.rms_norm_eps)
    writer.add_rope_freq_base(spec.rope_theta)
    writer.add_vocab_size(spec.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    architecture = {"qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3}[spec.architecture]
    names = gguf.get_tensor_name_map(architecture, spec.layers)
    network = build_qwen(model, "float32", progress)
    progress("writing the file")
    for name in spec.tensor_shapes():
        values = network.get_parameter(name).detach().numpy()
        kind = gguf.GGMLQuantizationType[quantisation if values.ndim > 1 else "F32"]
        data = gguf.quants.quantize(values, kind)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
