"""Which depths are chosen, on presets and on memories of every size."""

from dataclasses import replace

import pytest

from backends.common.errors import InputError, MemoryFitError
from backends.contract.registry import parse_target
from backends.qwen.synthetic import synthetic_model
from profiler.depth import choice
from profiler.depth.choice import Depths, at_depth, choose_depths, pattern
from profiler.models.presets import find_preset, presets
from profiler.models.workloads import make_workload
from profiler.run import request as requests
from profiler.run.request import Request


def request_of(name, target="torch-cpu", command="chipassay profile --layers auto"):
    model = synthetic_model(find_preset(name).spec)
    targets = (parse_target(target, None),)
    return Request(model, make_workload("smoke", model), targets, 2, 1.0, 0.02, 60.0, command)


def test_whole_periods_after_the_head_make_every_preset():
    for preset in presets().values():
        head, period = pattern(preset.spec)
        layers = preset.spec.all_layers()
        assert (len(layers) - head) % period == 0
        assert all(layers[at] == layers[at + period] for at in range(head, len(layers) - period)), preset.name
    assert pattern(find_preset("qwen3-0.6b").spec) == (0, 1)
    assert pattern(find_preset("qwen3.5-35b-a3b").spec) == (0, 4)
    assert pattern(find_preset("qwen3.8-flash-next").spec)[0] > 0  # its n-gram layers count with the ends


@pytest.mark.parametrize(
    ("name", "free_gb", "expected"),
    [
        ("qwen3-0.6b", 24, Depths((1, 9), 14)),
        ("qwen3.5-0.8b", 24, Depths((4, 8), 12)),
        ("qwen3-235b-a22b", 18, Depths((0, 1))),
        ("qwen3-235b-a22b", 35, Depths((1, 2), 0)),
        ("qwen3.5-35b-a3b", 24, Depths((0, 4))),
    ],
)
def test_depths_are_those_that_fit(monkeypatch, name, free_gb, expected):
    monkeypatch.setattr(requests, "available_bytes", lambda: free_gb * 10**9)
    found = choose_depths(request_of(name))
    assert found == expected
    for depth in found.all:
        assert requests.shortage(parse_target("torch-cpu", None), at_depth(request_of(name), depth)) is None


def test_one_period_that_does_not_fit_is_one_line(monkeypatch):
    monkeypatch.setattr(requests, "available_bytes", lambda: 4 * 10**9)
    with pytest.raises(
        MemoryFitError, match=r"one period of qwen3\.5-35b-a3b in memory, 4 layers.*4\.0 GB are free; u"
    ) as error:
        choose_depths(request_of("qwen3.5-35b-a3b"))
    assert "\n" not in str(error.value)


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(InputError, match="one layer already"):
        choose_depths(request_of("qwen3-0.6b", "tpu-mlir:bm1684x"))
    one = request_of("qwen3-0.6b")
    short = replace(one, model=synthetic_model(one.model.spec.with_layers(1)))
    with pytest.raises(InputError, match="too few to extend"):
        choose_depths(short)
    with pytest.raises(InputError, match="checkpoint is run whole"):
        choose_depths(replace(one, model=replace(one.model, checkpoint="/somewhere")))


def test_a_depth_is_the_same_request_of_fewer_layers():
    cut = at_depth(request_of("qwen3-0.6b"), 3)
    assert cut.model == synthetic_model(find_preset("qwen3-0.6b").spec.with_layers(3))
    assert cut.command == "chipassay profile --layers 3" and cut.one_by_one
    assert choice.at_depth(request_of("qwen3-0.6b", command="x --layers=auto"), 3).command == "x --layers=3"
