"""Backends that misbehave on purpose."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from backends.common.errors import InputError, WorkerError
from backends.contract.backend import Availability, Backend, CompilerPath, EngineFacts, Generation, WorkerCommand
from backends.contract.compiled import Compiled, CompiledGraph, Examination
from tests.backends.torch_device.host import HostAccelerator


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
        scratch = Path(os.environ["SLEEPY_PID_FILE"] + ".tmp")
        scratch.write_text(str(os.getpid()))
        scratch.replace(os.environ["SLEEPY_PID_FILE"])
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
        Path(os.environ["GREEDY_CGROUP"], "cgroup.procs").write_text(str(os.getpid()))
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
        os.write(1, b"written to descriptor 1\n")
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
            raise RuntimeError("CUDA error: GPU is lost\nCompile with TORCH_USE_CUDA_DSA to enable assertions.")
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
    def worker(cls, device, program):
        command = (os.environ["ELSEWHERE_PYTHON"], "-m", program.module)
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
    cycles: ClassVar = {"prefill": 4_000_000, "decode": 500_000, "head": 2_000_000}

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
            name,
            "whole",
            (),
            1,
            compile_s=0.5,
            artefact_bytes=1000,
            cycles=cycles,
            duration_s=cycles and cycles / 1e9,
            dram_bytes=cycles and 10 * cycles,
            weight_bytes=5000 if "head" in name else 2000,
            working_bytes=300,
        )

    def unsimulated(self, name):
        return ""

    def simulate(self, name, inputs):
        session = self.sessions[name]
        found = dict(zip([out.name for out in session.get_outputs()], session.run(None, inputs), strict=True))
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

        from backends.vendors.base.layerwise import compile_and_simulate

        tool = _Tool(execution.device)
        with tempfile.TemporaryDirectory() as folder:
            found = compile_and_simulate(tool, execution, workload, Path(folder), progress)
        timed = execution.device != "untimed"
        compiled = Compiled(
            "test-tool",
            "9.1",
            self.chip(execution.device),
            execution.precision,
            execution.model.spec.layers,
            found.graphs,
            timing="a made-up schedule" if timed else "",
            simulator="ONNX Runtime",
            parity_scope="the model cut to its first layer",
            gaps=("the host's part is not in the times",) if timed else ("test-tool gives no times",),
        )
        return Examination(compiled, (), found.logits, found.expected)
