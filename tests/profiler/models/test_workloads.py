"""Workloads are token ids: deterministic, distinct per row, and identified by a digest."""

import dataclasses

import pytest

from backends.common.errors import InputError
from backends.contract.workload import Workload
from backends.qwen.checkpoint import read_checkpoint
from backends.qwen.synthetic import synthetic_model
from profiler.models.presets import presets
from profiler.models.workloads import ORDINARY_TOKENS, image_size, make_workload, workload_entries
from tests.backends.qwen.families import TINY


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
    names = [name for name, entry in workload_entries().items() if not entry.image]
    rows = {make_workload(name, model, prompt_tokens=8).prompt_ids for name in names}
    assert len(rows) == len(names)


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


@pytest.fixture(scope="module")
def seeing():
    return synthetic_model(TINY["qwen3_vl"])


def test_a_picture_stands_between_its_tokens_after_the_first_of_the_text(seeing):
    workload = make_workload("vision", seeing, 6, 2, batch=2, image=(300, 200))
    begin, place, end = seeing.spec.image_tokens
    image = workload.image
    assert (image.width, image.height) == (320, 224)
    assert image.tokens == 320 * 224 // 16**2
    for row in workload.prompt_ids:
        assert row.count(place) == image.tokens
        assert row[image.start - 1] == begin
        assert set(row[image.start : image.start + image.tokens]) == {place}
        assert row[image.start + image.tokens] == end
        assert len(row) == 6 + image.tokens + 2
    assert {row[0] for row in workload.prompt_ids} == {
        row[0] for row in make_workload("vision", seeing, 6, 2, 2).prompt_ids
    }


def test_the_size_of_a_picture_is_part_of_the_digest(seeing):
    sizes = {make_workload("vision", seeing, 6, 2, image=size).digest() for size in ((256, 256), (512, 128))}
    assert len(sizes) == 2, "both take as many tokens"


def test_a_model_of_text_is_told_that_it_takes_no_picture(model):
    for name, image in (("vision", None), ("chat", (64, 64))):
        with pytest.raises(InputError, match="tiny takes no pictures: qwen3 has no vision tower; use"):
            make_workload(name, model, image=image)


@pytest.mark.parametrize("text", ["", "10", "0x5", "10x", "99999x2", "axb", "-1x2"])
def test_what_is_no_size_of_a_picture_is_told(text):
    with pytest.raises(InputError, match="an image size is WIDTHxHEIGHT"):
        image_size(text)
    assert image_size(" 1024X768 ") == (1024, 768)


def test_a_longer_thought_leaves_the_answer_its_length(model):
    entry = workload_entries()["reasoning"]
    assert make_workload("reasoning", model).thinking_tokens == entry.thinking_tokens > 0
    longer = make_workload("reasoning", model, thinking_tokens=1000)
    assert longer.output_tokens - longer.thinking_tokens == entry.output_tokens - entry.thinking_tokens
    assert longer.digest() != make_workload("reasoning", model, output_tokens=longer.output_tokens).digest()
    with pytest.raises(InputError, match="20 tokens of thought leave no answer within 20 output tokens of chat; lower"):
        make_workload("chat", model, output_tokens=20, thinking_tokens=20)


def test_a_conversation_counts_every_turn(model):
    workload = make_workload("agent", model, 100, 4, batch=2, turns=3, prefix_cache=True)
    added = workload_entries()["agent"].turn_tokens
    assert [len(rows) for rows in workload.conversation.later_ids] == [2, 2]
    assert {len(ids) for rows in workload.conversation.later_ids for ids in rows} == {added}
    assert len({ids for rows in workload.conversation.later_ids for ids in rows}) == 4
    assert workload.total_tokens == 100 + 3 * 4 + 2 * added
    assert workload.conversation.prefix_cache
    assert not make_workload("agent", model, 100, 4).conversation.prefix_cache
    digests = {make_workload("agent", model, 100, 4, prefix_cache=cache).digest() for cache in (True, False)}
    assert len(digests) == 2
    with pytest.raises(InputError, match="chat has one turn; --turns and --prefix-cache are for"):
        make_workload("chat", model, turns=3)
