"""A local checkpoint is the model it holds: same dimensions, same weights, and a digest of every byte."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from backends.qwen.checkpoint import read_checkpoint, read_spec
from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy that may be changed."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "tiny-qwen3")


def test_dimensions_are_read_from_the_config(tiny_model, write_checkpoint, tmp_path):
    folder = write_checkpoint(tmp_path / "tiny", tiny_model)
    assert read_spec(folder) == tiny_model.spec


def test_head_dim_and_tying_have_the_defaults_of_the_architecture(folder, make_spec):
    config = json.loads((folder / "config.json").read_text())
    del config["head_dim"], config["tie_word_embeddings"]
    (folder / "config.json").write_text(json.dumps(config))
    spec = read_spec(folder)
    assert (spec.head_dim, spec.tied_embeddings) == (64 // 4, False)


def test_the_rotary_base_is_read_in_the_old_place_too(folder):
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    (folder / "config.json").write_text(json.dumps(config))
    assert read_spec(folder).rope_theta == 1e6


def test_a_checkpoint_computes_what_its_weights_compute(tiny_model, write_checkpoint, tmp_path, load, make_workload_of):
    workload = make_workload_of()
    prompt = np.asarray(workload.prompt_ids)
    model = read_checkpoint(write_checkpoint(tmp_path / "tiny", tiny_model))
    assert model.weights_kind == "checkpoint"
    runs = [load(TorchCpu, each, "float32", workload).generate(prompt, 10).token_ids for each in (model, tiny_model)]
    assert runs[0] == runs[1]


def test_weights_of_a_checkpoint_are_copied_not_mapped(tiny_checkpoint, build_network):
    network = build_network(read_checkpoint(tiny_checkpoint), "float32")
    first = torch.nn.utils.parameters_to_vector(network.parameters())
    pointers = {parameter.data_ptr() for parameter in network.parameters()}
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if "model.safetensors" in line]
    spans = [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in mapped]
    assert torch.isfinite(first).all()
    assert not any(low <= pointer < high for pointer in pointers for low, high in spans)


def test_the_digest_is_reproducible_and_changes_with_a_single_byte(folder, tiny_checkpoint):
    before = read_checkpoint(folder).digest
    assert before == read_checkpoint(tiny_checkpoint).digest
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert read_checkpoint(folder).digest != before


def test_the_digest_changes_with_a_dimension(folder):
    before = read_checkpoint(folder).digest
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 10_000.0
    (folder / "config.json").write_text(json.dumps(config))
    assert read_checkpoint(folder).digest != before


def test_a_checkpoint_in_several_files_is_read_by_its_index(folder):
    before = read_checkpoint(folder)
    split_in_two(folder)
    after = read_checkpoint(folder)
    assert after.spec == before.spec
    (folder / "leftover.safetensors").write_bytes(b"not named by the index")
    assert read_checkpoint(folder).digest == after.digest


def test_reading_a_checkpoint_opens_no_connection(tiny_checkpoint, monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("went to the network"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked for an address"))
    assert read_checkpoint(tiny_checkpoint).spec.name == "tiny-qwen3"


def test_a_checkpoint_and_the_synthetic_model_it_was_written_from_have_different_digests(tiny_checkpoint, make_spec):
    assert read_checkpoint(tiny_checkpoint).digest != synthetic_model(make_spec()).digest


def split_in_two(folder):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, members in parts.items():
        save_file({name: tensors[name] for name in members}, folder / file)
    index = {"weight_map": {name: file for file, members in parts.items() for name in members}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
