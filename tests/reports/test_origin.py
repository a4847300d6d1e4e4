"""Which part did the work, and where each part of a path comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.errors import InputError
from profiler.chips import load_chips
from reports import origin as origin_module
from reports.comparison import compare
from reports.dependence.study import standing_of
from reports.origin import origin_of, placement, software
from reports.processor import processor_of
from tests.reports.bundles import bundle, cuda_target, h200_bundle, h200_host, kunpeng_bundle


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
    record = replace(record, worker=replace(record.worker, engine=replace(record.worker.engine, device=device)))
    found = processor_of(record, replace(h200_host(), components=parts))
    assert (found.name if found else None) == wanted


def test_equal_accelerators_need_not_be_told_apart():
    gpu = h200_host().components[1]
    record = cuda_target()
    record = replace(record, worker=replace(record.worker, engine=replace(record.worker.engine, device={})))
    assert processor_of(record, replace(h200_host(), components=(gpu, gpu))) == gpu


def test_the_workers_own_inventory_comes_first():
    record = cuda_target()
    other = replace(h200_host(), components=(replace(h200_host().components[1], name="of the node"),))
    record = replace(record, worker=replace(record.worker, inventory=other))
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
    entries = [
        {"device": "cuda:0", "flops_share": 0.9},
        {"device": "cpu", "flops_share": 0.1},
        {"device": "x", "flops_share": 7},
    ]
    record = cuda_target(preparation={"placement": entries})
    _, found = origin(h200_bundle(targets=(record,)))
    assert (found.work_share, found.share_key) == (0.9, "placement")
    assert [one.flops_share for one in placement(record)] == [0.9, 0.1, None]
    assert placement(cuda_target(preparation={"placement": "gone"})) == ()


def test_every_stack_of_the_catalogue_is_known_and_has_a_source():
    for one in software().values():
        assert one.source.startswith("https://") and len(one.country) == 2
        assert one.confidence in ("high", "medium", "low")
    first = {chip.software_stack[0] for chip in load_chips().chips if chip.software_stack and chip.kind != "cpu"}
    assert first - {"cpu"} - set(software()) == set()


@pytest.mark.parametrize(("text", "said"), [
    ("software:\n  - {id: a, names: [x], company: c, country: US, confidence: high}\n", "2: 'a' lacks source"),
    ("software:\n  - {id: a, names: [x], company: c, country: US, confidence: high, source: s}\n"
     "  - {id: b, names: [X], company: c, country: US, confidence: high, source: s}\n", "3: 'X' belongs to 'a' too"),
])  # fmt: skip
def test_a_malformed_entry_is_told_with_its_line(monkeypatch, tmp_path, text, said):
    (tmp_path / "software_origin.yaml").write_text(text)
    monkeypatch.setattr(origin_module, "files", lambda _: tmp_path)
    software.cache_clear()
    with pytest.raises(InputError, match=said):
        software()
    software.cache_clear()
