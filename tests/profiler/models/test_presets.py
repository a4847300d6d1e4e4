"""The catalogue of presets is checked when loaded."""

import pytest

from backends.common.errors import InputError
from profiler.models.presets import load_presets, presets

GOOD = """schema: chipassay.models/1
presets:
  - name: small
    hub_id: Qwen/Small
    architecture: qwen3
    hidden_size: 64
    intermediate_size: 128
    layers: 2
    attention_heads: 4
    kv_heads: 2
    head_dim: 16
    vocab_size: 512
    tied_embeddings: true
    rope_theta: 1000000.0
    rms_norm_eps: 1.0e-6
    max_positions: 512
    published: {parameters_b: 0.1, non_embedding_parameters_b: 0.1}
    sources:
      - {what: config.json, where: https://example.org, note: read}
"""


def test_the_shipped_catalogue_has_every_dense_model_of_the_design():
    sizes = {"qwen2.5": "0.5 1.5 3 7 14 32 72", "qwen3": "0.6 1.7 4 8 14 32"}
    wanted = {f"{family}-{size}b" for family, all_sizes in sizes.items() for size in all_sizes.split()}
    assert wanted <= set(presets())
    for preset in presets().values():
        assert preset.sources and preset.spec.hub_id


def test_a_good_entry_is_read():
    preset = load_presets(GOOD, "models.yaml")["small"]
    assert (preset.spec.hidden_size, preset.spec.tied_embeddings, preset.published.parameters_b) == (64, True, 0.1)
    assert preset.sources[0].where == "https://example.org"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("models/1", "models/9", r"models\.yaml:1: schema: must be 'chipassay.models/1', found 'chipassay.models/9'"),
        ("hidden_size: 64", "hidden_size: wide", r"models\.yaml:6: hidden_size: Expected `int`, got `str`"),
        ("    head_dim: 16\n", "", r"models\.yaml:3: head_dim: is missing from 'small'"),
        ("head_dim", "head_dimm", r"models\.yaml:11: unknown field 'head_dimm': did you mean 'head_dim'"),
        (
            "architecture: qwen3",
            "architecture: llama",
            r"models\.yaml:5: architecture: unknown value 'llama'",
        ),
        ("kv_heads: 2", "kv_heads: 3", r"models\.yaml:9: attention_heads: must be a multiple of kv_heads"),
        ("    head_dim: 16\n", "    head_dim: 16\n    head_dim: 32\n", r"models\.yaml:12: 'head_dim' stands twice"),
        ("presets:", "models:", r"models\.yaml:2: unknown field 'models'"),
        (
            "- {what: config.json, where: https://example.org, note: read}",
            "[]",
            r"models\.yaml:18: sources: 'small' has no source",
        ),
        ("where: https://example.org, ", "", r"models\.yaml:19: where: is missing"),
        ("published: {parameters_b: 0.1, ", "published: {", r"models\.yaml:17: parameters_b: is missing"),
    ],
)
def test_a_mistake_names_file_line_and_field(old, new, message):
    assert old in GOOD
    with pytest.raises(InputError, match=message) as error:
        load_presets(GOOD.replace(old, new), "models.yaml")
    assert "\n" not in str(error.value)


def test_a_name_given_twice_is_refused_at_its_second_place():
    again = GOOD + GOOD.partition("presets:\n")[2]
    with pytest.raises(InputError, match=r"models\.yaml:20: name: 'small' appears twice"):
        load_presets(again, "models.yaml")
