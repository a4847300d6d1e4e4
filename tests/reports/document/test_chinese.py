"""No English sentence in a Chinese report: what a bundle recorded in English is marked as a quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from backends.contract.backend import Trial
from backends.contract.workload import Conversation
from backends.qwen.images import Image
from profiler.devices.metering.faults import FROZEN
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.models.presets import presets
from profiler.records.bundle import read_bundle
from profiler.records.host import Component
from profiler.records.readings import MeterFault
from profiler.records.target import Spoiler, Turn
from reports.document.language import words
from reports.document.model import Code, Document, Figure
from reports.document.sections import catalogue
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from tests.outcomes import altered
from tests.reports.bundles import (
    bundle,
    digest_of,
    h200_bundle,
    host,
    kunpeng_bundle,
    modelled_bundle,
    modelled_target,
    power,
    target,
)
from tests.reports.document.test_depth import sampled_target
from tests.reports.document.test_experts import mixture_bundle
from tests.reports.metered import S, metered_target, reading
from tests.reports.placed import placed_bundles

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).parents[1] / "recorded" / "two_engines"
QUOTED = re.compile(r"“[^”]*”")
CODE = re.compile(r"`[^`]*`|https?://\S+|chipassay [a-z]+(?: --?[\w-]+)*")
ENGLISH_RUN = re.compile(r"[A-Za-z][a-z']*(?:[ ,;:]+[A-Za-z][a-z']*){3,}")
"""Four words in a row: shorter ones are names, units and identifiers."""


def recorded():
    return compare([read_bundle(RECORDED)])


def dependence():
    code = bundle("/runs/code", workload_name="code", workload_digest=digest_of("w2"), output_tokens=32)
    chips = ("huawei-ascend-910b3", "nvidia-h200-sxm", "rockchip-rk3576", "nvidia-h20-96gb")
    return compare([h200_bundle(with_cpu=True), kunpeng_bundle(), code], project_on=chips)


def boards():
    made = bundle(targets=(modelled_target(precision="int4"),))
    model = replace(made.index.model, spec=presets()["qwen2.5-1.5b"].spec)
    return compare([replace(made, index=replace(made.index, model=model))])


def metered():
    fault = MeterFault(FROZEN, 2000 * S, 2005 * S, "the meter stood still although it was read (for 5.0 s)")
    watched = metered_target(energy=reading(faults=(fault,)))
    plain = target("torch-cpu", "float32", 1.42, 0.18, energy=power())
    trials = (
        Trial("decode step", "plain; sdpa, masked", False, 0.005, 0.4),
        Trial("decode step", "compiled", True, 0.004, 21.0),
        Trial("decode step", "plain; flash, used length", False, None, 0.02, "RuntimeError: no kernel image"),
    )
    runs = tuple(replace(run, spoilers=(Spoiler("cpu_steal", 0.3, 0.05, "cores"),)) for run in plain.worker.repetitions)
    disturbed = altered(plain, worker=replace(plain.worker, repetitions=runs, trials=trials))
    return compare([bundle(targets=(watched, disturbed, *bundle().targets[2:]))])


def machine():
    """A machine whose parts have every kind of detail."""
    details = {
        "caches": [{"level": 1, "type": "data", "size_bytes": 32768, "instances": 2}], "numa_nodes": [0, 1],
        "packages": {"chipassay": "1", "torch": "2.9"}, "modules": [{"size_bytes": 1 << 34, "type": "DDR5"}],
        "virtual": False, "extensions": [f"e{at}" for at in range(20)], "mig_devices": [{"name": "1g.10gb"}],
        "chip": {"status": "ambiguous", "candidates": ["a", "b"], "foundry": "TSMC", "foundry_country": "TW",
                 "foundry_country_alt": ["US"]},
    }  # fmt: skip
    parts = (replace(host().components[0], details=details), Component("accelerator", "x", details={"chip": {}}))
    few = target("torch-cpu", "float32", 1, 0.1, count=1)
    return compare(
        [bundle(on=replace(host(), components=parts), targets=(few,), with_ceilings=False, unfinished=("y",))]
    )


def inputs():
    """One run with all that a workload may hold: a picture, a thought before the answer, a second turn."""
    plain = bundle()
    work = replace(
        plain.index.workload, image=Image(256, 256, 4, 64, digest_of("picture")), thinking_tokens=16,
        conversation=Conversation((((1, 2, 3),),), True),
    )  # fmt: skip
    spec = presets()["qwen3-vl-2b"].spec

    def with_inputs(record):
        if not record.measured:
            return record
        runs = tuple(
            replace(run, image_ns=run.token_ns[0] // 4, turns=(Turn(run.start_ns, run.token_ns, run.token_ids),))
            for run in record.worker.repetitions
        )
        record = altered(record, worker=replace(record.worker, repetitions=runs))
        context = Context.of(spec, work, record.precision, plain.ceilings["cpu"], None)
        return altered(record, metrics=compute_metrics(record.measured, context))

    index = replace(plain.index, workload=work, model=replace(plain.index.model, spec=spec))
    return compare([replace(plain, index=index, targets=tuple(map(with_inputs, plain.targets)))])


CASES = {
    "inputs": inputs,
    "recorded": recorded, "dependence": dependence, "boards": boards, "metered": metered, "machine": machine,
    "modelled": lambda: compare([modelled_bundle()]),
    "modelled alone": lambda: compare([modelled_bundle(measured=False)]),
    "mixture": lambda: compare([mixture_bundle()]),
    "placed": lambda: compare(placed_bundles()), "nothing": lambda: compare([bundle(targets=(), unfinished=("x",))]),
    "sampled": lambda: compare([bundle(targets=(sampled_target(slow=1.5), sampled_target(passed=False)))]),
    "unread": lambda: compare([h200_bundle()], unread=[("/runs/bad", "/runs/bad: no such folder")]),
}  # fmt: skip


def texts(shown: object) -> Iterator[str]:
    """Every text of a document; output of tools and commands is not the report's."""
    if isinstance(shown, str):
        yield shown
    elif isinstance(shown, Figure):
        yield from (shown.title, shown.key)
        for drawing in shown.draw():
            yield from re.findall(r">([^<>]+)<", str(drawing))
    elif isinstance(shown, tuple):
        for one in shown:
            yield from texts(one)
    elif is_dataclass(shown) and not isinstance(shown, Code):
        for field in fields(shown):
            if field.name not in ("formats", "kind", "name", "unread", "anchors", "terms", "term", "more"):
                yield from texts(getattr(shown, field.name))


@pytest.fixture(scope="module")
def made() -> dict[str, Document]:
    return {name: catalogue.document(judge(case()), words("zh")) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_chinese_report_holds_no_english_sentence(made, name):
    left = {run for text in texts(made[name]) for run in ENGLISH_RUN.findall(CODE.sub("", QUOTED.sub("", text)))}
    assert left == set()


def test_the_cases_reach_every_section(made):
    shown = {section.name for document in made.values() for part in document.parts for section in part.sections}
    names = {make.__name__ for make in catalogue.SECTIONS}
    assert len(shown) == len(names), f"{sorted(shown)} of {sorted(names)}"


def test_a_quotation_is_marked_in_chinese_and_not_in_english():
    assert words("zh").quoted("no such meter") == "“no such meter”"
    assert words("en").quoted("no such meter") == "no such meter"
    assert words("zh").quoted("cmodel") == "cmodel"
