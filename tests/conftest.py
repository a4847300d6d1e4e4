"""What every test shares: a cache folder of its own, and Qwen models small enough to run in milliseconds."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from backends.contract.workload import Workload
from backends.qwen.config import config_dict
from backends.qwen.model import Model, ModelSpec
from backends.qwen.synthetic import synthetic_model


def pytest_configure(config: pytest.Config) -> None:
    """Keep every library offline, whatever a test imports; fail no property because the machine is busy."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    settings.register_profile("chipassay", deadline=None)
    settings.load_profile("chipassay")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser and a vendor's compiler take seconds, whatever they are asked."""
    for item in items:
        if item.get_closest_marker("browser") or item.get_closest_marker("toolchain"):
            item.add_marker("slow")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that drives a vendor's toolchain says why it cannot; where the toolchain was promised, it fails instead.

    ``CHIPASSAY_REQUIRE_TOOLCHAINS`` names, with spaces between, those that the caller has installed.
    """
    from backends.toolchains import availability_of, find_toolchain

    for mark in item.iter_markers("toolchain"):
        (name,) = mark.args
        here = availability_of(find_toolchain(name))
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

        from backends.qwen.synthetic import fill

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: torch.empty(shape) for name, shape in model.spec.tensor_shapes().items()}
        for name, tensor in tensors.items():
            fill(tensor, model.spec, name, model.seed)
        save_file(tensors, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config_dict(model.spec)))
        if tokenizer:
            _word_tokenizer(model.spec.vocab_size).save(str(folder / "tokenizer.json"))
        return folder

    return write


def _word_tokenizer(vocab_size: int):
    """Words and punctuation of the shipped prompts get an id each; anything else is id 0."""
    import re

    from tokenizers import Tokenizer, models, pre_tokenizers

    from profiler.models.workloads import workload_entries

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


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with an installed distribution that registers the backends that misbehave on purpose."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copy(Path(__file__).with_name("chipassay_testonly.py"), folder)
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
    lines.append("test-host = tests.backends.torch_device.host:HostAccelerator")
    lines.append("test-unimportable = chipassay_no_such_module:Nothing")
    (info / "entry_points.txt").write_text("[chipassay.backends]\n" + "\n".join(lines) + "\n")
    return folder
