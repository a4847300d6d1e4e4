"""Workloads are token ids: deterministic, distinct per row, and identified by a digest."""

import dataclasses

import pytest

from backends.common.errors import InputError
from backends.contract.workload import Workload
from backends.qwen.checkpoint import read_checkpoint
from backends.qwen.synthetic import synthetic_model
from profiler.models.presets import presets
from profiler.models.workloads import ORDINARY_TOKENS, make_workload, workload_entries


@pytest.fixture(scope="module")
def model(make_spec):
    return synthetic_model(make_spec(max_positions=4096))


def test_the_five_workloads_of_the_design_are_there():
    assert {"chat", "code", "long-context", "reasoning", "smoke"} <= set(workload_entries())
    for entry in workload_entries().values():
        assert entry.summary and entry.prompt and entry.prompt_tokens > 0 and entry.output_tokens > 0


def test_the_same_request_gives_the_same_tokens(model):
    first, second = (make_workload("chat", model, batch=2) for _ in range(2))
    assert first == second and first.digest() == second.digest()


def test_ids_are_ordinary_tokens_of_the_models_vocabulary(model):
    ids = make_workload("chat", model).prompt_ids[0]
    assert min(ids) >= 0 and max(ids) < model.spec.vocab_size
    assert len(set(ids)) > len(ids) // 3
    full = synthetic_model(presets()["qwen3-0.6b"].spec)
    assert max(make_workload("long-context", full).prompt_ids[0]) < ORDINARY_TOKENS


def test_the_ids_have_not_drifted():
    full = synthetic_model(presets()["qwen3-0.6b"].spec)
    assert make_workload("chat", full).prompt_ids[0][:4] == (143889, 40705, 61531, 92123)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_no_two_rows_are_alike_and_all_are_equally_long(model, batch):
    workload = make_workload("smoke", model, prompt_tokens=9, batch=batch)
    assert workload.batch == batch == len(set(workload.prompt_ids))
    assert {len(row) for row in workload.prompt_ids} == {9} == {workload.prompt_tokens}


def test_lengths_come_from_the_workload_unless_they_are_given(model):
    entry = workload_entries()["smoke"]
    plain = make_workload("smoke", model)
    assert (plain.prompt_tokens, plain.output_tokens) == (entry.prompt_tokens, entry.output_tokens)
    given = make_workload("smoke", model, prompt_tokens=3, output_tokens=2)
    assert (given.prompt_tokens, given.output_tokens, given.total_tokens) == (3, 2, 5)


def test_workloads_differ_in_their_tokens(model):
    rows = {make_workload(name, model, prompt_tokens=8).prompt_ids for name in workload_entries()}
    assert len(rows) == len(workload_entries())


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_ids": ((1, 2, 4),)},
        {"prompt_ids": ((1, 2, 3), (1, 2, 3))},
        {"prompt_ids": ((1, 2),)},
        {"output_tokens": 8},
    ],
)
def test_the_digest_changes_with_any_token_row_or_length(changes):
    base = Workload("x", ((1, 2, 3),), 7)
    assert dataclasses.replace(base, **changes).digest() != base.digest()


def test_the_digest_does_not_depend_on_the_name():
    assert Workload("x", ((1, 2),), 7).digest() == Workload("y", ((1, 2),), 7, "tokenizer").digest()


def test_what_exceeds_the_models_positions_is_refused(make_spec):
    short = synthetic_model(make_spec(max_positions=16))
    assert make_workload("smoke", short, 12, 4).total_tokens == 16
    with pytest.raises(InputError, match="13 prompt and 4 output tokens exceed the 16 positions of tiny; lower"):
        make_workload("smoke", short, 13, 4)


def test_an_unknown_workload_is_told_with_the_nearest_one(model):
    with pytest.raises(InputError, match=r"unknown workload 'chatt': did you mean 'chat'\?"):
        make_workload("chatt", model)


def test_a_checkpoints_tokenizer_gives_the_shipped_prompt(tiny_checkpoint):
    from tokenizers import Tokenizer

    workload = make_workload("chat", read_checkpoint(tiny_checkpoint), 12, 4, batch=2)
    assert workload.token_source == "tokenizer"
    tokenizer = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    words = [tokenizer.id_to_token(token) for token in workload.prompt_ids[1]]
    assert words[:2] == ["2", "."]
    assert "".join(words[2:]) in workload_entries()["chat"].prompt.replace(" ", "").replace("\n", "")
    assert len(set(workload.prompt_ids)) == 2


def test_a_prompt_longer_than_its_text_is_the_text_again(tiny_checkpoint):
    (ids,) = make_workload("smoke", read_checkpoint(tiny_checkpoint), 400, 4).prompt_ids
    period = next(n for n in range(2, 400) if ids[n:] == ids[:-n])
    assert len(ids) == 400 and period < 400


def test_a_checkpoint_without_tokenizer_runs_on_hashed_ids(tmp_path, make_spec, write_checkpoint):
    folder = write_checkpoint(tmp_path / "bare", synthetic_model(make_spec()), tokenizer=False)
    assert make_workload("chat", read_checkpoint(folder), 8, 2).token_source == "hash"


@pytest.mark.parametrize("content", ["", "{", '{"version": "1.0"}'])
def test_a_broken_tokenizer_is_one_line(tmp_path, make_spec, write_checkpoint, content):
    folder = write_checkpoint(tmp_path / "broken", synthetic_model(make_spec()))
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match=r"tokenizer\.json is not a readable tokenizer: .*; download") as error:
        make_workload("chat", read_checkpoint(folder), 8, 2)
    assert "\n" not in str(error.value)
