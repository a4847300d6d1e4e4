"""Every way a checkpoint folder can be wrong is one line that names the file and the cure."""

import json
import shutil

import pytest

from backends.common.errors import InputError
from profiler.models.presets import find_model


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy to be damaged."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


def reconfigure(**changes):
    def damage(folder):
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def without(*keys):
    def damage(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps({key: value for key, value in config.items() if key not in keys}))

    return damage


def retensor(change):
    def damage(folder):
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def write(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def narrow(tensors):
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:60].clone()


def quantise(tensors):
    tensors["model.norm.weight"] = tensors["model.norm.weight"].char()


Q_PROJ = "model.layers.1.self_attn.q_proj.weight"
BAD = {
    "no config": (lambda folder: (folder / "config.json").unlink(), r"is no model folder: it has no config\.json"),
    "broken JSON": (write("config.json", b'{"model_type": '), r"config\.json is not valid JSON"),
    "binary config": (write("config.json", b"\xff\xfe\x00\x01"), r"config\.json is not valid JSON"),
    "JSON that is no mapping": (write("config.json", b"[1, 2]"), r"config\.json must hold a JSON object"),
    "another architecture": (
        reconfigure(model_type="llama"),
        r"config\.json: model_type is 'llama'; chipassay knows qwen2",
    ),
    "no architecture": (without("model_type"), r"config\.json: model_type is None"),
    "a missing dimension": (without("hidden_size"), r"config\.json lacks 'hidden_size'; restore"),
    "a dimension that is no number": (
        reconfigure(hidden_size="wide"),
        r"config\.json has a wrong value: .*hidden_size",
    ),
    "layers that are no number": (reconfigure(num_hidden_layers=None), r"config\.json has a wrong value: .*layers"),
    "no heads": (reconfigure(num_attention_heads=0, head_dim=None), r"config\.json has a wrong value: "),
    "rotary scaling": (
        reconfigure(rope_scaling={"rope_type": "yarn", "factor": 4.0}),
        r"config\.json: rope_parameters says 'default', rope_scaling says 'yarn'",
    ),
    "rotary scaling in the new place": (
        reconfigure(rope_parameters={"rope_type": "linear", "rope_theta": 1e6}),
        r"rotary scaling 'linear' is not supported",
    ),
    "another activation": (reconfigure(hidden_act="gelu"), r"hidden_act is 'gelu'"),
    "no weights": (
        lambda folder: (folder / "model.safetensors").unlink(),
        r"has no model\.safetensors; download the checkpoint again",
    ),
    "a missing tensor": (
        retensor(lambda tensors: tensors.pop(Q_PROJ)),
        rf"lacks 1 tensors \(4,096 weights\), among them {Q_PROJ}",
    ),
    "a wrong shape": (retensor(narrow), r"model\.safetensors: model\.norm\.weight is 60, config\.json says 64"),
    "a quantised tensor": (retensor(quantise), r"model\.norm\.weight is stored as I8; F32, F16, BF16 are read"),
    "weights cut short": (cut_weights, r"model\.safetensors is damaged or cut short .*; download it again"),
    "a garbage header": (write("model.safetensors", b"\xff" * 4096), r"model\.safetensors is damaged or cut short"),
    "empty weights": (write("model.safetensors", b""), r"model\.safetensors is damaged or cut short"),
    "an index of a missing shard": (
        write("model.safetensors.index.json", b'{"weight_map": {"a": "model-00002-of-2.safetensors"}}'),
        r"has no model-00002-of-2\.safetensors; download",
    ),
    "a broken index": (write("model.safetensors.index.json", b"{"), r"index\.json is not a valid safetensors index"),
    "an index without a map": (write("model.safetensors.index.json", b"{}"), r"index\.json is not a valid"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_line_says_what_is_wrong_and_what_to_do(folder, name):
    damage, message = BAD[name]
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        find_model(str(folder), None, 0)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qwen3-0.6", r"unknown model 'qwen3-0.6': did you mean 'qwen3-0.6b' or .*\?"),
        ("zzzzz", r"unknown model 'zzzzz': `chipassay models` lists \d+ presets"),
        ("Qwen3.7-Max", r"qwen3.7-max: .* API only"),
        ("./no/such/folder", r"is not a folder; give a preset \(chipassay models\) or the folder"),
    ],
)
def test_a_model_that_is_neither_preset_nor_folder_is_told(name, message):
    with pytest.raises(InputError, match=message):
        find_model(name, None, 0)


def test_a_preset_is_found_by_its_address_on_the_hub():
    assert find_model("Qwen/Qwen3.5-0.8B", None, 0).spec.name == "qwen3.5-0.8b"


def test_a_preset_is_found_whatever_its_case():
    assert find_model("Qwen3-0.6B", None, 0).spec.name == "qwen3-0.6b"


def test_layers_cut_a_preset_but_not_a_checkpoint(folder):
    assert find_model("qwen3-0.6b", 2, 0).spec.layers == 2
    with pytest.raises(InputError, match="--layers works on presets only"):
        find_model(str(folder), 2, 0)
    with pytest.raises(InputError, match=r"--layers must be 1 to 28 for qwen3-0\.6b, not 29"):
        find_model("qwen3-0.6b", 29, 0)
