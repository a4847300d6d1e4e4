"""Which part did the work, and where each part of a path comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.common import facts
from backends.common.errors import InputError
from backends.operators import OperatorPlacement
from profiler.chips import load_chips
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.processor import processor_of
from reports.judge.dependence.study import standing_of
from reports.judge.origin import origin_of, placement, software
from tests.outcomes import altered
from tests.reports.bundles import bundle, cuda_target, h200_bundle, h200_host, kunpeng_bundle
from tests.reports.placed import with_operators


def origin(one, at=0):
    comparison = compare([one])
    row = comparison.rows[at]
    found = origin_of(row, standing_of(row, comparison))
    return {part.role: part for part in found.parts}, found


def test_an_accelerator_ran_its_target_and_the_processor_its_own():
    gpu, cpu = compare([h200_bundle(with_cpu=True)]).rows
    assert gpu.chip.name == "NVIDIA H200"
    assert "EPYC" in cpu.chip.name


@pytest.mark.parametrize(("device", "wanted"), [
    ({"pci_address": "0000:3b:00.0"}, "first"),
    ({"pci_address": "00000000:5E:00.0"}, "second"),
    ({"name": "second"}, "second"),
    ({"name": "unheard of"}, None),
    ({}, None),
])  # fmt: skip
def test_among_different_accelerators_address_or_name_decides_and_nothing_is_guessed(device, wanted):
    gpu = h200_host().components[1]
    parts = (
        replace(gpu, name="first"),
        replace(gpu, name="second", details={**gpu.details, "pci_address": "0000:5e:00.0"}),
    )
    record = cuda_target()
    record = altered(record, worker=replace(record.worker, engine=replace(record.worker.engine, device=device)))
    found = processor_of(record, replace(h200_host(), components=parts))
    assert (found.name if found else None) == wanted


def test_equal_accelerators_need_not_be_told_apart():
    gpu = h200_host().components[1]
    record = cuda_target()
    record = altered(record, worker=replace(record.worker, engine=replace(record.worker.engine, device={})))
    assert processor_of(record, replace(h200_host(), components=(gpu, gpu))) == gpu


def test_the_workers_own_inventory_comes_first():
    record = cuda_target()
    other = replace(h200_host(), components=(replace(h200_host().components[1], name="of the node"),))
    record = altered(record, worker=replace(record.worker, inventory=other))
    assert processor_of(record, h200_host()).name == "of the node"


def test_each_part_of_a_path_has_a_country_or_says_that_it_is_not_established():
    parts, found = origin(h200_bundle())
    assert (parts["design"].company, parts["design"].country) == ("NVIDIA", "US")
    assert (parts["fabrication"].company, parts["fabrication"].country) == ("TSMC", "TW")
    assert (parts["memory"].name, parts["memory"].country) == ("HBM3e", None)
    assert (parts["stack"].name, parts["stack"].country) == ("cuda", "US")
    assert parts["fabrication"].sources and parts["fabrication"].confidence == "high"
    assert (found.work_share, found.share_key) == (None, "not_recorded")


def test_designed_in_one_country_and_made_in_another_says_so():
    parts, found = origin(kunpeng_bundle())
    assert (parts["design"].country, parts["fabrication"].country) == ("CN", "TW")
    assert "stack" not in parts
    assert (found.work_share, found.share_key) == (1.0, "host")


def test_an_unknown_chip_keeps_what_the_inventory_read():
    parts, _ = origin(bundle())
    assert (parts["design"].company, parts["design"].country) == ("AMD", "US")
    assert parts["fabrication"].country is None and parts["fabrication"].company is None


def test_recorded_placement_gives_the_share():
    operators = (
        OperatorPlacement("prefill", "MatMul", 9, 400.0, 10.0, "accelerator", "executed", "a run"),
        OperatorPlacement("prefill", "Softmax", 1, 100.0, 30.0, "host", "executed", "a run"),
        OperatorPlacement("decode", "MatMul", 9, 8.0, 4.0, "accelerator", "executed", "a run"),
    )
    record = with_operators(cuda_target(), operators)
    _, found = origin(h200_bundle(targets=(record,)))
    # One prefill and 63 decode steps: of 500 + 63 x 8 operations 100 ran on the host.
    assert found.share_key == "placement"
    assert found.work_share == pytest.approx(1 - 100 / (500 + 63 * 8))
    assert [(one.phase, one.where, one.operators) for one in placement(record)] == [
        ("prefill", "accelerator", 9), ("prefill", "host", 1), ("decode", "accelerator", 9)
    ]  # fmt: skip
    assert [one.flops_share for one in placement(record)] == [0.8, 0.2, 1.0]
    assert [one.bytes_share for one in placement(record)] == [0.25, 0.75, 1.0]


def test_a_run_that_does_not_tell_has_no_share():
    _, found = origin(h200_bundle(targets=(cuda_target(),)))
    assert (found.work_share, found.share_key) == (None, "not_recorded")
    assert placement(cuda_target()) == ()


def test_every_stack_of_the_catalogue_is_known_and_has_a_source():
    for one in software().values():
        assert one.source.startswith("https://") and len(one.country) == 2
        assert one.confidence in ("high", "medium", "low")
    first = {chip.software_stack[0] for chip in load_chips().chips if chip.software_stack and chip.kind != "cpu"}
    assert first - {"cpu"} - set(software()) == set()


HEAD = "schema: chipassay.software-origin/1\nsoftware:\n"


@pytest.mark.parametrize(("text", "said"), [
    (HEAD + "  - {id: a, names: [x], company: c, country: US, confidence: high}\n", "3: source: is missing from 'a'"),
    (HEAD + "  - {id: a, names: [x], company: c, country: US, confidence: high, source: s}\n"
     "  - {id: b, names: [X], company: c, country: US, confidence: high, source: s}\n",
     "4: names: 'X' belongs to 'a' too"),
])  # fmt: skip
def test_a_malformed_entry_is_told_with_its_line(monkeypatch, tmp_path, text, said):
    (tmp_path / "software_origin.yaml").write_text(text)
    monkeypatch.setattr(facts, "files", lambda _: tmp_path)
    software.cache_clear()
    with pytest.raises(InputError, match=said):
        software()
    software.cache_clear()
