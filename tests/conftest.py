"""What every test shares: a cache folder of its own, and Qwen models small enough to run in milliseconds."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.model import Model, ModelSpec
from backends.synthetic import synthetic_model
from backends.workload import Workload


def pytest_configure(config: pytest.Config) -> None:
    """Keep every library offline, whatever a test imports."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that drives a vendor's toolchain says why it cannot; where the toolchain was promised, it fails instead.

    ``CHIPASSAY_REQUIRE_TOOLCHAINS`` names, with spaces between, those that the caller has installed.
    """
    from backends.toolchains import find_toolchain

    for mark in item.iter_markers("toolchain"):
        (name,) = mark.args
        here = find_toolchain(name).availability()
        if not here.available:
            said = f"no toolchain {name}: {here.reason}; {here.remedy}"
            (pytest.fail if name in os.environ.get("CHIPASSAY_REQUIRE_TOOLCHAINS", "").split() else pytest.skip)(said)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache is never touched; exports and references are shared by the tests of one run."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["CHIPASSAY_CONFIG"] = str(folder / "config")
    before = os.environ.get("CHIPASSAY_CACHE")
    os.environ["CHIPASSAY_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CHIPASSAY_CACHE"]
    else:
        os.environ["CHIPASSAY_CACHE"] = before


TINY = ModelSpec(
    name="tiny",
    architecture="qwen3",
    hidden_size=64,
    intermediate_size=128,
    layers=3,
    attention_heads=4,
    kv_heads=2,
    head_dim=16,
    vocab_size=512,
    tied_embeddings=True,
    rope_theta=1e6,
    rms_norm_eps=1e-6,
    max_positions=512,
)


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., ModelSpec]:
    """A tiny Qwen3 with the given dimensions changed; a ``qwen2`` has an untied head, as the large ones do."""

    def make(**changes: object) -> ModelSpec:
        if changes.get("architecture") == "qwen2":
            changes = {"tied_embeddings": False, **changes}
        return replace(TINY, **changes)

    return make


@pytest.fixture(scope="session", params=["qwen2", "qwen3"])
def tiny_model(request: pytest.FixtureRequest, make_spec: Callable[..., ModelSpec]) -> Model:
    """A tiny model of each architecture, synthetic weights."""
    return synthetic_model(make_spec(architecture=request.param))


@pytest.fixture(scope="session")
def make_workload_of() -> Callable[..., Workload]:
    """A workload of given shape with distinct, reproducible rows."""

    def make(prompt_tokens: int = 12, output_tokens: int = 10, batch: int = 1, vocabulary: int = 512) -> Workload:
        rows = tuple(
            tuple(
                (37 * position * position + 101 * row + 5 * position + 3) % vocabulary
                for position in range(prompt_tokens)
            )
            for row in range(batch)
        )
        return Workload("test", rows, output_tokens)

    return make


@pytest.fixture(scope="session")
def write_checkpoint() -> Callable[..., Path]:
    """Writes a model as a Hugging Face folder: config.json, model.safetensors, and a tokenizer of whole words."""

    def write(folder: Path, model: Model, *, tokenizer: bool = True) -> Path:
        import json

        import torch
        from safetensors.torch import save_file

        from backends.synthetic import fill

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: torch.empty(shape) for name, shape in model.spec.tensor_shapes().items()}
        for name, tensor in tensors.items():
            fill(tensor, model.spec, name, model.seed)
        save_file(tensors, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(model.spec.config_dict()))
        if tokenizer:
            _word_tokenizer(model.spec.vocab_size).save(str(folder / "tokenizer.json"))
        return folder

    return write


def _word_tokenizer(vocab_size: int):
    """Words and punctuation of the shipped prompts get an id each; anything else is id 0."""
    import re

    from tokenizers import Tokenizer, models, pre_tokenizers

    from profiler.workloads import workload_entries

    text = " ".join(entry.prompt for entry in workload_entries().values()) + " ".join(map(str, range(10)))
    words = sorted(set(re.findall(r"\w+|[^\w\s]+", text)))[: vocab_size - 1]
    vocabulary = {"<unk>": 0, **{word: number for number, word in enumerate(words, start=1)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, make_spec: Callable[..., ModelSpec], write_checkpoint: Callable[..., Path]
) -> Path:
    """A tiny Qwen3 checkpoint folder with tokenizer; read only."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-qwen3"
    return write_checkpoint(folder, synthetic_model(make_spec()))


TEST_BACKENDS = '''
"""Backends that misbehave on purpose."""
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from backends.compiled import Compiled, CompiledGraph, Examination
from backends.contract import Availability, Backend, CompilerPath, EngineFacts, Generation, WorkerCommand
from backends.errors import InputError, WorkerError
from tests.backends.accelerator.host import HostAccelerator


class _Base(Backend):
    summary = "for tests"
    precisions = ("float32",)

    @classmethod
    def probe(cls, device):
        return Availability(True)

    @classmethod
    def memory_needed_bytes(cls, spec, precision, workload):
        return 1

    def load(self, execution, progress):
        self.batch = execution.batch
        self.vocabulary = execution.model.spec.vocab_size
        return EngineFacts("test", "1", "float32", "float32")

    def generate(self, prompt_ids, output_tokens):
        start = time.perf_counter_ns()
        ends = []
        for _ in range(output_tokens):
            time.sleep(0.001)
            ends.append(time.perf_counter_ns())
        return Generation(((0,) * output_tokens,) * self.batch, start, tuple(ends))

    def score(self, prompt_ids, forced_ids, positions):
        return np.zeros((self.batch, len(positions), self.vocabulary), np.float32)


class Wrong(_Base):
    """Runs, and computes nothing like the reference."""
    name = "test-wrong"


class Crash(_Base):
    """Takes its process down while loading."""
    name = "test-crash"

    def load(self, execution, progress):
        print("about to abort", file=sys.stderr, flush=True)
        os.abort()


class Sleepy(_Base):
    """Never finishes loading; says which process it is in."""
    name = "test-sleepy"

    def load(self, execution, progress):
        with open(os.environ["SLEEPY_PID_FILE"] + ".tmp", "w") as handle:
            handle.write(str(os.getpid()))
        os.replace(os.environ["SLEEPY_PID_FILE"] + ".tmp", os.environ["SLEEPY_PID_FILE"])
        time.sleep(600)


class Killed(_Base):
    """Killed without a word at the stage its device names, as the kernel does when memory runs out."""
    name = "test-killed"

    @staticmethod
    def _at(stage, device):
        if stage == device:
            print("reached", stage, file=sys.stderr, flush=True)
            os.kill(os.getpid(), 9)

    @classmethod
    def prepare(cls, execution, progress):
        cls._at("prepare", execution.device)
        return {}

    def load(self, execution, progress):
        self.device = execution.device
        self._at("load", self.device)
        return super().load(execution, progress)

    def score(self, prompt_ids, forced_ids, positions):
        self._at("score", self.device)
        return super().score(prompt_ids, forced_ids, positions)

    def generate(self, prompt_ids, output_tokens):
        self._at("generate", self.device)
        return super().generate(prompt_ids, output_tokens)


class Greedy(_Base):
    """Joins the cgroup it is told, and takes memory until it is killed; its parent stays outside."""
    name = "test-greedy"

    def load(self, execution, progress):
        with open(os.environ["GREEDY_CGROUP"] + "/cgroup.procs", "w") as handle:
            handle.write(str(os.getpid()))
        print("joined a small cgroup", file=sys.stderr, flush=True)
        taken = []
        for _ in range(64):
            taken.append(os.urandom(16_000_000))
        raise RuntimeError("the cgroup did not hold it back")


class Noisy(_Base):
    """Prints to standard output in every way an engine can."""
    name = "test-noisy"

    @classmethod
    def prepare(cls, execution, progress):
        print("printed by Python", flush=True)
        os.write(1, b"written to descriptor 1\\n")
        subprocess.run(["echo", "said by a child"], check=True)
        progress("made noise")
        return {"noise": 3}


class Broken(_Base):
    """Raises what no contract foresees."""
    name = "test-broken"

    @classmethod
    def prepare(cls, execution, progress):
        raise RuntimeError("the engine's licence ran out")


class Forged(HostAccelerator):
    """Computes right, with weights it says are others."""
    name = "test-forged"

    def load(self, execution, progress):
        return replace(super().load(execution, progress), weights_digest="f" * 64)


class Lost(HostAccelerator):
    """A device that falls off the bus once it is warm."""
    name = "test-lost"
    runs = 0

    def generate(self, prompt_ids, output_tokens):
        self.runs += 1
        if self.runs > 2:
            raise RuntimeError("CUDA error: GPU is lost\\nCompile with TORCH_USE_CUDA_DSA to enable assertions.")
        return super().generate(prompt_ids, output_tokens)


class Full(HostAccelerator):
    """A device with next to no memory free."""
    name = "test-full"

    @classmethod
    def free_memory_bytes(cls, device):
        return 300_000_000


class Refusing(HostAccelerator):
    """A device without one of the types its backend offers."""
    name = "test-refusing"

    @classmethod
    def refuses(cls, device, precision):
        return "this chip has no float32; use bfloat16" if precision == "float32" else ""


class Unprobed(_Base):
    """Runs, on a device whose ceilings cannot be measured."""
    name = "test-unprobed"

    @classmethod
    def accelerator(cls, device):
        return "cuda:7"


class Absent(_Base):
    """Not available on this machine."""
    name = "test-absent"

    @classmethod
    def probe(cls, device):
        return Availability(False, "the board is not plugged in", "plug it in")


class Elsewhere(HostAccelerator):
    """Measured by a worker of another Python environment, which the user's variables name."""
    name = "test-elsewhere"

    @classmethod
    def worker(cls, device):
        command = (os.environ["ELSEWHERE_PYTHON"], "-m", "profiler.worker")
        return WorkerCommand(command, {"ELSEWHERE": "the vendor's variable"})

    def load(self, execution, progress):
        found = super().load(execution, progress)
        seen = {"prefix": sys.prefix, "variable": os.environ.get("ELSEWHERE", "")}
        return replace(found, details={**found.details, **seen})


class _Tool:
    """ONNX Runtime in place of a vendor's compiler and simulator, with a schedule that is made up and fixed.

    It has what a VendorTool has: to import that one would load PyTorch wherever this module is listed.
    """
    rewrites = ("finite_mask", "older_ir_version")
    cycles = {"prefill": 4_000_000, "decode": 500_000, "head": 2_000_000}

    def __init__(self, device):
        import onnxruntime

        self.device, self.runtime, self.sessions = device, onnxruntime, {}

    def compile(self, graph, name, probe):
        if self.device == "aborts":
            print("tpuc-opt: LLVM ERROR: out of registers", file=sys.stderr, flush=True)
            os.abort()
        if self.device == "refuses":
            raise WorkerError("the compiler refused " + name + ": REGTASK: bit width exceeds the limit")
        assert probe.inputs[name] and probe.outputs[name]
        self.sessions[name] = self.runtime.InferenceSession(str(graph))
        cycles = None if self.device == "untimed" else next(n for key, n in self.cycles.items() if key in name)
        return CompiledGraph(
            name, "whole", (), 1, compile_s=0.5, artefact_bytes=1000, cycles=cycles,
            duration_s=cycles and cycles / 1e9, dram_bytes=cycles and 10 * cycles,
            weight_bytes=5000 if "head" in name else 2000, working_bytes=300,
        )

    def unsimulated(self, name):
        return ""

    def simulate(self, name, inputs):
        session = self.sessions[name]
        found = dict(zip([out.name for out in session.get_outputs()], session.run(None, inputs)))
        if self.device == "wrong" and "head" in name:
            found["logits"] = -found["logits"]
        if self.device == "nan" and "head" in name:
            found["logits"] = np.full_like(found["logits"], np.nan)
        if self.device == "rubbish":
            return {out: np.zeros(3, np.float32) for out in found}
        return found


class Compiler(CompilerPath):
    """Asks the tool above about a chip that is not here; its devices are what can go wrong."""
    name = "test-compiler"
    summary = "a compiler for tests"
    precisions = ("float32", "float16")
    default_precision = "float16"

    @classmethod
    def devices(cls):
        return ("chip", "unlisted", "untimed", "aborts", "refuses", "wrong", "nan", "rubbish")

    @classmethod
    def probe(cls, device):
        if device and device not in cls.devices():
            return Availability(False, "test-compiler knows no chip " + device, "name another")
        return Availability(True)

    @classmethod
    def chip(cls, device):
        if device not in cls.devices():
            raise InputError("test-compiler knows no chip " + device)
        return "" if device == "unlisted" else "sophgo-bm1684x"

    @classmethod
    def memory_needed_bytes(cls, spec, precision, workload):
        return 1

    def examine(self, execution, workload, progress):
        import tempfile
        from pathlib import Path

        from backends.compilers.layerwise import compile_and_simulate

        tool = _Tool(execution.device)
        with tempfile.TemporaryDirectory() as folder:
            found = compile_and_simulate(tool, execution, workload, Path(folder), progress)
        timed = execution.device != "untimed"
        compiled = Compiled(
            "test-tool", "9.1", self.chip(execution.device), execution.precision, execution.model.spec.layers,
            found.graphs, timing="a made-up schedule" if timed else "", simulator="ONNX Runtime",
            parity_scope="the model cut to its first layer",
            gaps=("the host's part is not in the times",) if timed else ("test-tool gives no times",),
        )
        return Examination(compiled, (), found.logits, found.expected)
'''


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with an installed distribution that registers the backends above."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "chipassay_testonly.py").write_text(TEST_BACKENDS)
    info = folder / "chipassay_testonly-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chipassay-testonly\nVersion: 1.0\n")
    classes = (
        "Wrong",
        "Crash",
        "Sleepy",
        "Noisy",
        "Broken",
        "Absent",
        "Forged",
        "Lost",
        "Full",
        "Refusing",
        "Unprobed",
        "Killed",
        "Greedy",
        "Elsewhere",
        "Compiler",
    )
    lines = [f"test-{name.lower()} = chipassay_testonly:{name}" for name in classes]
    lines.append("test-host = tests.backends.accelerator.host:HostAccelerator")
    lines.append("test-unimportable = chipassay_no_such_module:Nothing")
    (info / "entry_points.txt").write_text("[chipassay.backends]\n" + "\n".join(lines) + "\n")
    return folder
