"""Pairs as rows, as packs, and beside the reference that is kept of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import dataset_of, example, make_context, write_tiny_base
from worse_answers import job_in, pairs_of, preferences, recipe

from selftune.bases.shape import read_shape
from selftune.errors import NothingToTrainOnError, UsageError
from selftune.records import DatasetKind, RunStatus
from selftune.training.base import Row, TrainingJob
from selftune.training.machine import needed_bytes
from selftune.training.packed_backend import new_learner
from selftune.training.packed_model import costs_of, load_model
from selftune.training.preferences.packs import pack_pairs, sides_of
from selftune.training.preferences.pairs import PairMaker
from selftune.training.preferences.reference import reference_of
from selftune.training.rows import load_tokenizer
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")


def test_both_sides_of_a_pair_are_one_prompt_and_an_answer_that_ends_with_its_stop_token(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    for given, row in zip(preferences(6), pairs_of(tiny_base, 6, recipe("dpo")), strict=True):
        prompt = row.first_supervised
        for side, answer in zip(sides_of(row), (given.messages[-1].content, given.rejected), strict=True):
            assert side.tokens[:prompt] == row.tokens[:prompt]
            assert tokenizer.decode(side.tokens[prompt:]) == f"{answer}<|im_end|>"
            assert side.supervised == (False,) * prompt + (True,) * (len(side.tokens) - prompt)


def test_an_example_without_a_worse_answer_or_with_the_same_one_is_no_pair(tiny_base: Path) -> None:
    maker = PairMaker(load_tokenizer(tiny_base))
    lonely = example(1, ("user", "Hello!"), ("assistant", "Hello."))
    with pytest.raises(ValueError, match="no rejected answer"):
        maker.make(lonely)
    with pytest.raises(ValueError, match="the same"):
        maker.make(replace(lonely, rejected="Hello."))


@pytest.fixture
def merging_base(tmp_path: Path) -> Path:
    """A base whose tokenizer joins the last letter of the prompt with an answer that begins with an h."""
    template = (
        "{% for m in messages %}<|im_start|>{% if m['role'] == 'assistant' %}A{% endif %}{{ m['content'] }}<|im_end|>"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>A{% endif %}"
    )
    base = write_tiny_base(tmp_path / "merging", template=template)
    path = base / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["merges"] = [["A", "h"]]
    tokenizer["model"]["vocab"]["Ah"] = 258
    path.write_text(json.dumps(tokenizer))
    return base


@pytest.mark.parametrize(("chosen", "rejected"), [("hello", "bye"), ("bye", "hello"), ("hello", "hi")])
def test_a_pair_whose_prompt_runs_into_an_answer_is_refused_by_name(
    chosen: str, rejected: str, merging_base: Path
) -> None:
    maker = PairMaker(load_tokenizer(merging_base))
    pair = replace(example(1, ("user", "Hello!"), ("assistant", chosen)), rejected=rejected)
    with pytest.raises(ValueError, match="joins the end of its prompt"):
        maker.make(pair)
    harmless = replace(example(1, ("user", "Hello!"), ("assistant", "bye")), rejected="cheers")
    assert maker.make(harmless).rejected


def test_a_pair_is_too_long_when_its_rejected_answer_is(tmp_path: Path, tiny_base: Path) -> None:
    long = tuple(replace(one, rejected="no " * 100) for one in preferences(3))
    data = dataset_of(long, kind=DatasetKind.PREFERENCE)
    with pytest.raises(NothingToTrainOnError, match="the recipe takes 200"):
        train(data, recipe("orpo", max_length=200), make_context(tmp_path, tiny_base))


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
def test_single_answers_are_refused_by_an_objective_of_pairs(objective: str, tmp_path: Path, tiny_base: Path) -> None:
    with pytest.raises(UsageError, match="sft dataset"):
        train(dataset_of(preferences(3)), recipe(objective), make_context(tmp_path, tiny_base))


def costs(model: Any, rows: list[Row], *, with_prompts: bool = False) -> list[Any]:
    """Costs of each part of each pair: its prompt, its chosen and its rejected answer."""
    import torch

    layout = pack_pairs(rows, with_prompts=with_prompts)
    with torch.inference_mode():
        return list(torch.split(costs_of(model, layout.pack), [count for counts in layout.counts for count in counts]))


def test_the_prompt_of_a_pair_stands_in_its_pack_once(tiny_base: Path) -> None:
    rows = pairs_of(tiny_base, 3, recipe("dpo"))
    layout = pack_pairs(rows).pack
    answers = sum(sum(side.supervised) for row in rows for side in row.sides)
    assert len(layout.tokens) == sum(row.first_supervised for row in rows) + answers
    for row, segment in zip(rows, layout.segments, strict=True):
        prompt, (chosen, rejected) = row.first_supervised, sides_of(row)
        positions = layout.positions[segment.start : segment.stop]
        assert positions == (*range(len(chosen.tokens)), *range(prompt, len(rejected.tokens)))


def test_answers_of_a_pair_and_pairs_of_a_pack_do_not_see_each_other(tiny_base: Path) -> None:
    import torch

    model = load_model(tiny_base).eval()
    first, second, third = pairs_of(tiny_base, 3, recipe("orpo"))
    before = costs(model, [first, second, third], with_prompts=True)
    chosen, rejected = sides_of(second)
    for tokens, changed in ((chosen, 4), (rejected, 5)):
        spoilt = replace(tokens, tokens=(*tokens.tokens[:-4], *(97 for _ in range(4))))
        pair = replace(spoilt, rejected=rejected) if tokens is chosen else replace(chosen, rejected=spoilt)
        after = costs(model, [first, pair, third], with_prompts=True)
        moved = [
            place for place, (one, other) in enumerate(zip(before, after, strict=True)) if not torch.equal(one, other)
        ]
        assert moved == [changed], "only the answer that was spoilt may cost something else"


def test_a_pair_costs_in_a_pack_what_its_sides_cost_alone(tiny_base: Path) -> None:
    import torch

    from selftune.training.batches import pack

    model = load_model(tiny_base).eval()
    rows = list(pairs_of(tiny_base, 3, recipe("dpo")))
    together = [part for part in costs(model, rows) if len(part)]
    with torch.inference_mode():
        alone = [costs_of(model, pack([side])) for row in rows for side in row.sides]
    assert max(float((one - other).abs().max()) for one, other in zip(together, alone, strict=True)) < 1e-4


def _with_one_prompt(base: Path) -> tuple[list[Row], list[Row]]:
    """Three pairs of which two answer one prompt, side by side and with the third between them."""
    one, other = preferences(2)
    again = replace(one, messages=(*one.messages[:-1], replace(one.messages[-1], content="Ask me tomorrow.")))
    make = PairMaker(load_tokenizer(base)).make
    first, second, third = make(one), make(again), make(other)
    return [first, second, third], [first, third, second]


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
def test_pairs_with_one_prompt_learn_alike_side_by_side_and_apart(
    objective: str, tmp_path: Path, tiny_base: Path
) -> None:
    beside, apart = _with_one_prompt(tiny_base)
    shared, alone = pack_pairs(beside).pack, pack_pairs(apart).pack
    assert len(alone.tokens) - len(shared.tokens) == beside[0].first_supervised
    found = []
    for rows in (beside, apart):
        job = replace(
            job_in(tmp_path, tiny_base, recipe(objective), moved=True), rows=tuple(rows), batches=(((0, 1, 2),),)
        )
        learner = new_learner(job, load_model(job.base_folder))
        learner.objective.get_ready(learner.model, job, make_context(tmp_path, tiny_base))
        (loss,) = learner.objective.losses(learner.model, [rows])
        loss.backward()
        found.append((loss.item(), {name: tensor.grad for name, tensor in learner.adapter.items()}))
    (loss, gradients), (expected_loss, expected) = found
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).abs().max() <= 1e-4 * expected[name].abs().max(), name


def test_a_pair_that_is_met_twice_in_a_pass_counts_twice(tiny_base: Path) -> None:
    first, *_ = pairs_of(tiny_base, 1, recipe("orpo"))
    layout = pack_pairs([first, first], with_prompts=True)
    assert layout.shared_by == (2, 2)
    assert [prompt for prompt, *_ in layout.counts] == [first.first_supervised - 1, 0]
    assert sum(map(sum, layout.counts)) == len(layout.pack.targets)


def test_a_reference_is_asked_for_once_and_then_only_for_what_is_new(tmp_path: Path, tiny_base: Path) -> None:
    context = replace(make_context(tmp_path, tiny_base), notes=tmp_path / "notes")
    job = job_in(tmp_path, tiny_base, recipe("dpo", batch_size=1))

    def ask(job: TrainingJob) -> tuple[dict[Row, tuple[float, float]], int]:
        """The reference of a model just loaded, and how many passes that took: one for each pair."""
        passes = []
        model = new_learner(job, load_model(job.base_folder)).model
        model.get_decoder().register_forward_hook(lambda *_: passes.append(1))
        return reference_of(model, job, context), len(passes)

    known, passes = ask(replace(job, batches=(((0,), (1,), (2,)),)))
    assert (set(known), passes) == ({job.rows[0], job.rows[1], job.rows[2]}, 3)
    every, passes = ask(job)
    assert (set(every), passes) == (set(job.rows), len(job.rows) - 3)
    assert ask(job) == (every, 0)
    assert {row: every[row] for row in known} == known
    moved = job_in(tmp_path / "moved", tiny_base, recipe("dpo", batch_size=1), moved=True)
    other, passes = ask(moved)
    assert passes == len(job.rows), "another adapter to begin with is another reference"
    assert other != every


def test_a_reference_whose_last_line_was_cut_short_is_asked_for_again(tmp_path: Path, tiny_base: Path) -> None:
    context = replace(make_context(tmp_path, tiny_base), notes=tmp_path / "notes")
    job = job_in(tmp_path, tiny_base, recipe("dpo"))
    known = reference_of(new_learner(job, load_model(job.base_folder)).model, job, context)
    (book,) = (tmp_path / "notes" / "references").iterdir()
    book.write_text(book.read_text()[:-20])
    again = reference_of(new_learner(job, load_model(job.base_folder)).model, job, context)
    for row, numbers in known.items():
        assert again[row] == pytest.approx(numbers, abs=1e-4)


def test_dpo_goes_on_from_an_adapter_and_may_follow_sft(tmp_path: Path, tiny_base: Path) -> None:
    data = dataset_of(preferences(9), kind=DatasetKind.PREFERENCE)
    plain = dataset_of(tuple(replace(one, rejected=None) for one in preferences(9)))
    first = train(plain, recipe("sft", max_steps=4), make_context(tmp_path, tiny_base))
    context = make_context(tmp_path, tiny_base, records=(first,))
    second = train(data, recipe("dpo", max_steps=4, continue_from=first.id), context)
    assert (second.status, second.stage_history) == (RunStatus.FINISHED, ("sft", "dpo"))
    assert second.curve[0].loss == pytest.approx(0.6931, abs=1e-4), "the reference is the adapter that was gone on from"


def test_orpo_needs_memory_for_the_logits_of_its_prompts(tiny_base: Path) -> None:
    rows = pairs_of(tiny_base, 2, recipe("orpo"))
    shape = read_shape(tiny_base)
    more, less = (needed_bytes(rows, recipe(objective), shape) for objective in ("orpo", "dpo"))
    # Three copies of float32 for each token of the prompts, as `training_memory_bytes` reckons.
    assert more - less == 3 * 4 * shape.vocabulary * sum(row.first_supervised for row in rows)
