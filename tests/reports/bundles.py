"""Realistic run bundles, generated deterministically: two CPU engines on one KVM guest, as the main job writes them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

from backends.contract.backend import EngineFacts
from backends.contract.compiled import Compiled, CompiledGraph
from backends.contract.workload import Workload
from backends.qwen.model import Model, ModelSpec
from profiler.chips import load_chips
from profiler.inventory.origin import with_origin
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.metrics.modelled import modelled_metrics
from profiler.records.bundle import Bundle, ceilings_file, target_file
from profiler.records.ceilings import Ceilings, CeilingSample
from profiler.records.codec import encode
from profiler.records.host import Component, Host
from profiler.records.index import BUNDLE_SCHEMA, BundleIndex, WorkloadRecord
from profiler.records.parity import ParityScore
from profiler.records.quantity import Quantity
from profiler.records.readings import TARGET, EnergyReading, PowerSample, Reading
from profiler.records.reference import ReferenceRecord
from profiler.records.target import (
    RECORD_SCHEMA,
    Examined,
    ExamineReport,
    Failed,
    Failure,
    Measured,
    MemoryReading,
    Repetition,
    Spoiler,
    TargetRecord,
    Unavailable,
    WorkerReport,
)
from tests.outcomes import changed

QWEN3_06B = ModelSpec(
    name="qwen3-0.6b", architecture="qwen3", hidden_size=1024, intermediate_size=3072, layers=28, attention_heads=16,
    kv_heads=8, head_dim=128, vocab_size=151936, tied_embeddings=True, rope_theta=1e6, rms_norm_eps=1e-6,
    max_positions=40960, hub_id="Qwen/Qwen3-0.6B",
)  # fmt: skip
PROMPT_TOKENS, OUTPUT_TOKENS = 128, 64
READ_BANDWIDTH = 28.6e9
GEMM_PEAK = 1.34e11
NO_ENERGY = "no meter: this KVM guest has no RAPL (/sys/class/powercap is empty)"


def digest_of(text: str) -> str:
    """A stand-in content digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def host(chip: str = "AMD EPYC 7B13", vendor: str | None = "AMD", country: str | None = "US") -> Host:
    """A KVM guest that hides its firmware."""
    return Host(
        fingerprint=digest_of(f"host {chip}"),
        components=(
            Component("cpu", chip, vendor, country, {"cores": 2, "threads": 2, "isa": "avx2 fma"}, "/proc/cpuinfo"),
            Component("memory", "DRAM", details={"bytes": 8_335_249_408}, source="/proc/meminfo", note="maker unread"),
            Component("hypervisor", "KVM", details={"guest": True}, source="cpuid leaf 0x40000000"),
            Component("os", "Debian GNU/Linux 12", details={"kernel": "6.1.0-32-amd64"}, source="/etc/os-release"),
        ),
        unread={
            "memory modules": "dmidecode needs root; /sys/firmware/dmi/tables is not readable",
            "firmware": "the hypervisor does not pass it on",
        },
    )


def repetitions(
    ttft_s: float, tpot_s: float, count: int, seed: int, output_tokens: int = OUTPUT_TOKENS
) -> tuple[Repetition, ...]:
    """One warm-up and ``count`` repetitions whose token times jitter by about 1 %, with a rare slow token."""
    rng = random.Random(seed)
    made = []
    for index in range(count + 1):
        pace = rng.gauss(1.0, 0.006) * (1.15 if index == 0 else 1.0)
        at_ns = ttft_s * 1e9 * pace
        token_ns = [round(at_ns)]
        for token in range(1, output_tokens):
            slow = 1.35 if rng.random() < 0.01 else 1.0
            at_ns += tpot_s * 1e9 * pace * rng.gauss(1.0 + 0.0006 * token, 0.012) * slow
            token_ns.append(round(at_ns))
        spoilers = (Spoiler("cpu_steal", 0.071, 0.05, "cores"),) if index == 2 else ()
        tokens = (tuple((7 * token) % 1000 for token in range(output_tokens)),)
        made.append(Repetition(10**12 * (index + 1), tuple(token_ns), tokens, index == 0, spoilers))
    return tuple(made)


def parity(passed: bool = True, positions: int = 16) -> ParityScore:
    """A score well inside, or well outside, the thresholds."""
    agree = 1.0 if passed else 0.62
    kl, error = (2.1e-11, 4.1e-5) if passed else (0.084, 1.93)
    return ParityScore(
        positions, agree, kl, error, passed,
        {"top1_agreement_min": 0.99, "kl_mean_max": 1e-4, "max_abs_logit_error_max": 0.05} if passed
        else {"top1_agreement_min": 0.75, "kl_mean_max": 0.03, "max_abs_logit_error_max": 1.5},
        (True,) * positions, (kl,) * positions, (error,) * positions, OUTPUT_TOKENS if passed else 3,
    )  # fmt: skip


def ceilings(
    read_b_s: float = READ_BANDWIDTH, gemm_flop_s: dict[str, float] | None = None, device: str = "cpu"
) -> Ceilings:
    """Limits of a device, by default of the guest's processor, sampled before and after every repetition."""
    peaks = gemm_flop_s or {"float32": GEMM_PEAK}
    rng = random.Random(7)
    at_ns = [10**12 * (index + 1) - 5 * 10**8 for index in range(12)]
    read = tuple(CeilingSample(at, 2.7e8, round(2.7e8 / read_b_s * 1e9 * rng.gauss(1, 0.004))) for at in at_ns)
    gemm = {
        name: tuple(CeilingSample(at, 7.2e9, max(1, round(7.2e9 / peak * 1e9 * rng.gauss(1, 0.004)))) for at in at_ns)
        for name, peak in peaks.items()
    }
    how = "median of samples beside the repetitions, each the fastest of 3 passes"
    read_ci = (read_b_s * 0.9965, read_b_s * 1.0035)
    return Ceilings(
        2, Quantity(read_b_s, "B/s", "measured", f"summing 256 MiB of float32: {how}", 12, read_ci),
        {name: Quantity(peak, "FLOP/s", "measured", f"1536x1536x1536 {name} product: {how}", 12)
         for name, peak in peaks.items()},
        read, gemm, device,
    )  # fmt: skip


def target(
    backend: str, precision: str, ttft_s: float, tpot_s: float, *, count: int = 7, seed: int = 1, passed: bool = True,
    model_digest: str = "", workload_digest: str = "", file_bytes: int = 410_000_000, arithmetic: str = "float32",
    cache: str = "float32", accelerator: str | None = None, under: Ceilings | None = None,
    device: dict[str, str] | None = None, energy: EnergyReading | None = None, preparation: dict | None = None,
) -> TargetRecord:  # fmt: skip
    """A target that ran to its end; ``under`` are the ceilings of its device."""
    runs = repetitions(ttft_s, tpot_s, count, seed)
    weights = QWEN3_06B.weight_bytes(precision)
    memory = MemoryReading(round(weights * 1.24) + file_bytes, weights + 310_000_000, file_bytes)
    engine = {
        "torch-cpu": ("PyTorch", "2.13.0"),
        "onnx-cpu": ("ONNX Runtime", "1.24.1"),
        "cuda": ("PyTorch", "2.13.0"),
    }.get(backend, (backend, "1"))
    worker = WorkerReport(
        engine=EngineFacts(
            *engine, arithmetic=arithmetic, cache_precision=cache, details={"attention": "sdpa"}, device=device or {}
        ),
        pid=4242, load_s=6.4, repetitions=runs, warmup_steady=True,
        stop_reason="the 95 % interval is within 2 %", parity=parity(passed),
        memory=memory, packages={"numpy": "2.4.6", engine[0].lower().replace(" ", ""): engine[1]},
        environment={"OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    readings = (Reading(TARGET, energy, "" if energy else NO_ENERGY),)
    measured = Measured(worker, readings=readings, preparation=preparation or {})
    context = Context(QWEN3_06B, PROMPT_TOKENS, precision, under or ceilings())
    return TargetRecord(
        schema=RECORD_SCHEMA, id=f"{backend}@{precision}", backend=backend, device="", precision=precision,
        threads=2, model_digest=model_digest or digest_of("model"),
        workload_digest=workload_digest or digest_of("workload"),
        outcome=changed(measured, metrics=compute_metrics(measured, context)), accelerator=accelerator,
    )  # fmt: skip


def broken_target(backend: str, outcome: Failed | Unavailable, precision: str = "float32") -> TargetRecord:
    """A target without figures."""
    return replace(target(backend, precision, 1.0, 0.1), outcome=outcome)


FAILED = broken_target("onnx-cpu", Failed(Failure(
    "the worker was killed by signal 9 while loading", "free memory, or take a smaller model",
    "loading weights: 310/311\nTraceback (most recent call last):\n  File \"worker.py\", line 7\nMemoryError",
)), "int8")  # fmt: skip
UNAVAILABLE = broken_target("cuda", Unavailable("no NVIDIA driver: libnvidia-ml.so.1 is missing", "install the driver"))


def bundle(
    path: Path | str = "/runs/main", *, targets: tuple[TargetRecord, ...] | None = None, on: Host | None = None,
    model_name: str = "qwen3-0.6b", model_digest: str = "", workload_name: str = "chat", workload_digest: str = "",
    output_tokens: int = OUTPUT_TOKENS, unfinished: tuple[str, ...] = (), with_ceilings: bool = True,
    limits: dict[str, Ceilings] | None = None, created: str = "2026-11-23T21:40:07Z",
) -> Bundle:  # fmt: skip
    """A run of the main job; by default every kind of outcome appears once."""
    if targets is None:
        targets = (
            target("torch-cpu", "float32", 1.42, 0.1835, seed=11, file_bytes=180_000_000),
            target("onnx-cpu", "float32", 1.15, 0.0921, seed=12),
            target("onnx-cpu", "int4", 1.31, 0.0247, seed=13, passed=False),
            FAILED,
            UNAVAILABLE,
        )
    model = Model(replace(QWEN3_06B, name=model_name), model_digest or digest_of("model"))
    workload = WorkloadRecord(
        workload_name, workload_digest or digest_of("workload"), "hash", 1, PROMPT_TOKENS, output_tokens,
        (tuple((13 * token) % 1000 for token in range(PROMPT_TOKENS)),),
    )  # fmt: skip
    targets = tuple(replace(one, model_digest=model.digest, workload_digest=workload.digest) for one in targets)
    ids = tuple(one.id for one in targets) + unfinished
    index = BundleIndex(
        schema=BUNDLE_SCHEMA, chipassay_version="0.1.0", created=created,
        state="interrupted" if unfinished else "complete",
        command=f"chipassay profile --model {model_name} --workload {workload_name} "
        + " ".join(f"--target {one}" for one in ids) + " --out runs/main",
        model=model, model_facts={"parameters": 596_049_920.0, "weight_bytes_float32": 2_384_199_680.0},
        workload=workload, target_ids=ids, files={},
    )  # fmt: skip
    reference = ReferenceRecord(
        ((1, 2, 3),), tuple(range(16)), "reference.npz", digest_of("reference"), "PyTorch 2.13.0 float32", False
    )
    known = (limits or {"cpu": ceilings()}) if with_ceilings else {}
    return Bundle(Path(path), index, on or host(), known, reference, targets)


# What follows is made up: no such accelerator was measured. It has the shape of real records, for tests only.

H200_LIMITS = {"bfloat16": 6.6e14}


def known_chip(chip_id: str, kind: str = "cpu", **details: object) -> Component:
    """A component that the catalogue names exactly, as the inventory writes it."""
    chip = load_chips().get(chip_id)
    bare = Component(kind, chip.name, chip.vendor, chip.designer_country, dict(details), "a test")
    return with_origin(replace(bare, name=chip.aliases[0] if chip.aliases else chip.name), load_chips())


def h200_host() -> Host:
    """A made-up server: one processor whose standing is open, one NVIDIA H200."""
    gpu = known_chip("nvidia-h200-sxm", "accelerator", pci_address="00000000:3B:00.0", total_bytes=150_754_820_096,
                     index=0, power_limit_w=700.0)  # fmt: skip
    return Host(digest_of("h200 server"), (known_chip("amd-epyc-7763"), gpu), {})


def kunpeng_host() -> Host:
    """A made-up server with a processor that no rule of the catalogue's horizon restricts."""
    return Host(digest_of("kunpeng server"), (known_chip("huawei-kunpeng-920-6426"),), {})


def power(record_seed: int = 3, idle_w: float = 76.0, busy_w: float = 412.0) -> EnergyReading:
    """A meter that saw idle, then all repetitions of :func:`repetitions`, then idle."""
    rng, joules, at, samples = random.Random(record_seed), 0.0, 10**12 - 10**10, []
    spans = [(10**12 * (index + 1), 10**12 * (index + 1) + 4 * 10**8) for index in range(8)]
    for begin, end in spans:
        for begun, ended, watts in ((at, begin, idle_w), (begin, end, busy_w)):
            step = (ended - begun) // 8
            for tick in range(8):
                samples.append(PowerSample(begun + tick * step, joules))
                joules += watts * rng.gauss(1, 0.02) * step / 1e9
        at = end
    samples.append(PowerSample(at + 10**10, joules + idle_w * 10))
    begin = samples[0].at_ns
    return EnergyReading("nvml", "cuda:0 board", 0.001, (begin, begin + 3 * 10**9), (at + 10**9, at + 4 * 10**9),
                         tuple(samples))  # fmt: skip


def cuda_target(
    precision: str = "bfloat16", ttft_s: float = 0.0061, tpot_s: float = 0.00185, **changes
) -> TargetRecord:
    """A made-up run on ``cuda:0``."""
    record = target(
        "cuda", precision, ttft_s, tpot_s, seed=21, arithmetic=precision, cache=precision, accelerator="cuda:0",
        device={"name": "NVIDIA H200", "pci_address": "0000:3B:00.0"},
        **{"energy": power(), "under": h200_ceilings(), **changes},
    )  # fmt: skip
    return replace(record, id=f"cuda:0@{precision}", device="0")


def h200_ceilings() -> Ceilings:
    """Made-up limits of the made-up H200."""
    return ceilings(4.1e12, H200_LIMITS, "cuda:0")


def h200_bundle(path: str = "/runs/h200", *, with_cpu: bool = False, **changes) -> Bundle:
    """A made-up bundle with one accelerator target, and one of the host's open processor if asked."""
    targets = (cuda_target(),)
    if with_cpu:
        targets += (target("torch-cpu", "float32", 0.31, 0.021, seed=31, under=ceilings(1.6e11, {"float32": 2.1e12})),)
    limits = {"cuda:0": h200_ceilings(), "cpu": ceilings(1.6e11, {"float32": 2.1e12})}
    return bundle(path, **{"targets": targets, "on": h200_host(), "limits": limits,
                           "created": "2026-11-23T10:00:00Z", **changes})  # fmt: skip


def kunpeng_bundle(path: str = "/runs/kunpeng", **changes) -> Bundle:
    """A made-up bundle of an unrestricted processor."""
    under = ceilings(9.4e10, {"float32": 1.5e12})
    targets = (target("torch-cpu", "float32", 0.42, 0.0381, seed=41, under=under),)
    return bundle(path, **{"targets": targets, "on": kunpeng_host(), "limits": {"cpu": under},
                           "created": "2026-11-23T11:00:00Z", **changes})  # fmt: skip


def modelled_target(
    name: str = "tpu-mlir:bm1684x", precision: str = "float16", chip_id: str = "sophgo-bm1684x", *,
    times: bool = True, passed: bool | None = True, layers: int = QWEN3_06B.layers,
) -> TargetRecord:  # fmt: skip
    """A made-up answer of a vendor's tools, with the shape of tpu-mlir's; or of nncase's, which gives no times."""
    backend, _, device = name.partition(":")

    def graph(part: str, phases: tuple[str, ...], duration_s: float, dram: int, weights: int, working: int):
        return CompiledGraph(
            f"{phases[0]}_{part}", part, phases, layers if part == "layer" else 1, compile_s=2.3, simulate_s=31.0,
            artefact_bytes=weights + 5_400_000, duration_s=duration_s if times else None,
            cycles=round(duration_s * 1e9) if times else None, dram_bytes=dram if times else None,
            weight_bytes=weights if times else None, working_bytes=working if times else None,
            max_abs_error=1.7e-2 if passed else 0.9, cosine=0.9999993 if passed else 0.963, reference_abs_max=11.5,
            rewrites={"finite_mask": 1, "reduce_axes_to_attribute": 4}, details={"cores": 1},
        )  # fmt: skip

    graphs = (
        graph("layer", ("prefill",), 935e-6, 57_300_000, 31_460_000, 3_100_000),
        graph("layer", ("decode",), 610e-6, 38_000_000, 31_460_000, 1_400_000),
        graph("head", ("prefill", "decode"), 5.2e-3, 312_000_000, 311_200_000, 620_000),
    )
    gaps = ("the embedding look-up on the host is not in the times",)
    if not times:
        gaps = ("nncase 2.11.0 gives no time, no cycle and no memory plan", *gaps)
    compiled = Compiled(
        "tpu-mlir" if times else "nncase", "1.30.2" if times else "2.11.0", chip_id, precision, layers, graphs,
        timing="the compiler's static schedule" if times else "", simulator="the vendor's cmodel",
        parity_scope="one layer with the ends", gaps=gaps, packages={"onnx": "1.14.1"},
    )  # fmt: skip
    score = None if passed is None else parity(passed, positions=3)
    workload = Workload("chat", (tuple(range(PROMPT_TOKENS)),), OUTPUT_TOKENS)
    return TargetRecord(
        schema=RECORD_SCHEMA, id=f"{name}@{precision}", backend=backend, device=device, precision=precision,
        threads=2, model_digest=digest_of("model"), workload_digest=digest_of("workload"), chip_id=chip_id,
        outcome=Examined(
            ExamineReport(compiled, (), score, host()), modelled_metrics(compiled, QWEN3_06B, workload)
        ),
    )  # fmt: skip


def modelled_bundle(path: str = "/runs/modelled", *, measured: bool = True, **changes) -> Bundle:
    """Two measured targets, and three of which only vendors' tools were asked; one of these computed wrongly."""
    targets = (
        modelled_target(),
        modelled_target("nncase:k230", "float32", "canaan-k230", times=False),
        modelled_target("tpu-mlir:bm1690", "int4", "", passed=False),
    )
    ran = (target("torch-cpu", "float32", 1.42, 0.1835, seed=11), target("onnx-cpu", "float32", 1.15, 0.0921, seed=12))
    return bundle(path, **{"targets": (*ran, *targets) if measured else targets, **changes})


def write_bundle(made: Bundle, folder: Path) -> Path:
    """Put ``made`` on disk as ``profile`` does, digests included."""
    (folder / "targets").mkdir(parents=True)
    contents = {"host.json": encode(made.host), "reference.npz": b"logits"}
    for device, found in made.ceilings.items():
        contents[ceilings_file(device)] = encode(found)
    if made.reference:
        reference = replace(made.reference, sha256=hashlib.sha256(b"logits").hexdigest())
        contents["reference.json"] = encode(reference)
    for record in made.targets:
        contents[target_file(record.id)] = encode(record)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    contents["bundle.json"] = encode(replace(made.index, files=files))
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder
