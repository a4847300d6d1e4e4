"""Target names, and what is said about names that do not exist."""

import pytest

from backends.common.errors import InputError, UnavailableError
from backends.contract import registry
from backends.contract.registry import (
    Target,
    asked_chip,
    backend_names,
    is_compiler,
    load_backend,
    load_running,
    parse_target,
)


@pytest.fixture
def with_plugins(plugin_folder, monkeypatch):
    """The registry as it is where the test distribution is installed."""
    monkeypatch.syspath_prepend(str(plugin_folder))
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()


@pytest.mark.parametrize(
    ("text", "default", "target"),
    [
        ("torch-cpu", "float32", Target("torch-cpu", "", "float32")),
        ("torch-cpu@bfloat16", "float32", Target("torch-cpu", "", "bfloat16")),
        ("onnx-cpu@int4", "bfloat16", Target("onnx-cpu", "", "int4")),
        ("onnx-cpu:1@int8", "float32", Target("onnx-cpu", "1", "int8")),
    ],
)
def test_a_target_is_backend_device_and_precision(text, default, target):
    assert parse_target(text, default) == target


def test_the_id_always_carries_the_precision():
    assert Target("cuda", "0", "bfloat16").id == "cuda:0@bfloat16"
    assert parse_target("torch-cpu", "float32").id == "torch-cpu@float32"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch-cpuu", r"unknown target 'torch-cpuu': did you mean 'torch-cpu'\? known are .*onnx-cpu"),
        ("onx-cpu@int4", r"did you mean 'onnx-cpu'"),
        ("zzz", r"unknown target 'zzz': known are"),
        ("", r"unknown target ''"),
        ("torch-cpu@int8x", r"unknown precision for torch-cpu 'int8x'"),
        ("onnx-cpu@int44", r"did you mean 'int4'\? known are float32, int4, int8"),
        ("torch-cpu@", r"unknown precision for torch-cpu ''"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_right_one(text, message):
    with pytest.raises(InputError, match=message):
        parse_target(text, "float32")


def test_a_default_precision_the_backend_does_not_offer_is_refused():
    with pytest.raises(InputError, match="unknown precision for onnx-cpu 'bfloat16'"):
        parse_target("onnx-cpu", "bfloat16")


def test_the_builtin_backends_are_found_by_their_entry_points():
    assert {"onnx-cpu", "torch-cpu"} <= set(backend_names())
    for name in ("onnx-cpu", "torch-cpu"):
        assert load_backend(name).name == name
        assert load_backend(name).probe("").available
        assert not load_backend(name).probe("7").available


@pytest.mark.usefixtures("with_plugins")
def test_a_third_party_adds_a_backend_through_its_entry_point():
    assert load_backend("test-wrong").name == "test-wrong"
    assert parse_target("test-wrong", "float32").id == "test-wrong@float32"


@pytest.mark.usefixtures("with_plugins")
def test_a_backend_that_cannot_be_imported_is_unavailable_and_says_which_module():
    with pytest.raises(UnavailableError, match=r"'test-unimportable' \(chipassay_no_such_module:Nothing\)") as error:
        load_backend("test-unimportable")
    assert error.value.exit_code == 3


def test_a_compiler_runs_nothing(with_plugins):
    assert is_compiler("test-compiler") and not is_compiler("torch-cpu")
    assert load_running("torch-cpu").name == "torch-cpu"
    with pytest.raises(InputError, match="test-compiler runs nothing"):
        load_running("test-compiler")


def test_a_compiler_has_a_default_precision_of_its_own(with_plugins):
    assert parse_target("test-compiler:chip", None).precision == "float16"
    assert parse_target("test-compiler:chip", "float32").precision == "float32"
    assert parse_target("torch-cpu", None).precision == "float32"


@pytest.mark.parametrize(
    ("target", "chip"),
    [
        (Target("test-compiler", "chip", "float16"), "sophgo-bm1684x"),
        (Target("test-compiler", "unlisted", "float16"), ""),
        (Target("test-compiler", "no-such-chip", "float16"), ""),
        (Target("torch-cpu", "", "float32"), None),
    ],
)
def test_the_chip_that_a_target_asks_about_is_the_catalogues(with_plugins, target, chip):
    assert asked_chip(target) == chip
