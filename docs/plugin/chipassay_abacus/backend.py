"""``abacus:N``: the backend. It runs the model with NumPy and calls the result an Abacus's.

chipassay imports this module in every command, so the engine (here :mod:`chipassay_abacus.decoder`) is imported in
methods that only the worker calls.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from backends.contract.backend import Availability, Backend, EngineFacts, Execution, Generation, Progress
from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec

if TYPE_CHECKING:
    import numpy as np


class Abacus(Backend):
    """One Abacus board."""

    name = "abacus"
    summary = "Abacus A1 through NumPy"
    precisions = ("float32",)

    @classmethod
    def probe(cls, device: str) -> Availability:
        """Available where the board's tool is installed."""
        if device and not device.isdecimal():
            return Availability(False, f"abacus has no device {device!r}", "name a number, such as abacus:0")
        if shutil.which("abacus-smi") is None:
            return Availability(False, "abacus-smi is not on PATH", "install the driver of the Abacus")
        return Availability(True)

    @classmethod
    def accelerator(cls, device: str) -> str:
        """Return the device that meters and monitors read while the target runs."""
        return f"abacus:{device or 0}"

    @classmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Return the bytes of weights, KV cache, attention scores and logits."""
        cache = spec.kv_bytes_per_token(precision) * workload.total_tokens * workload.batch
        scores = 12 * workload.batch * spec.attention_heads * workload.prompt_tokens**2
        logits = 4 * workload.batch * workload.output_tokens * spec.vocab_size
        return spec.weight_bytes(precision) + cache + scores + logits + 300_000_000

    @classmethod
    def unmeasured_ceilings(cls, device: str) -> str:
        """Return why no ceiling is measured: otherwise PyTorch would measure one on the same device."""
        return "PyTorch does not drive the Abacus"

    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Read every weight into memory."""
        import numpy as np

        from backends.qwen.weights import weight_reader
        from chipassay_abacus.decoder import Decoder

        progress("reading weights")
        read, model = weight_reader(execution.model), execution.model
        self._decoder = Decoder(model.spec, read, execution.batch, execution.max_tokens)
        return EngineFacts("numpy", np.__version__, "float32", "float32", device={"name": "Abacus A1"})

    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Decode greedily; take the time whenever a token is known."""
        tokens: list[list[int]] = []
        token_ns: list[int] = []
        start_ns = time.perf_counter_ns()
        logits = self._decoder.start(prompt_ids)
        while True:
            chosen = logits.argmax(-1)
            tokens.append(chosen.tolist())
            token_ns.append(time.perf_counter_ns())
            if len(tokens) == output_tokens:
                return Generation(tuple(zip(*tokens, strict=True)), start_ns, tuple(token_ns))
            logits = self._decoder.step(chosen[:, None])

    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Return teacher-forced logits through the same two steps as :meth:`generate`."""
        import numpy as np

        every = [self._decoder.start(prompt_ids)]
        every += [self._decoder.step(forced_ids[:, at - 1 : at]) for at in range(1, max(positions) + 1)]
        return np.stack([every[at] for at in positions], axis=1)
