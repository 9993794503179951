"""KTO beyond its losses, which are TRL's (test_golden_losses.py): what it takes, and what each part of it is for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_llama import dataset_of, make_context
from worse_answers import pairs_of, preferences, recipe, thumbs

from selftune.bases.shape import read_shape
from selftune.errors import ConfigError, UsageError
from selftune.records import Dataset, DatasetKind, RunStatus
from selftune.training.machine import needed_bytes
from selftune.training.preferences.kto import crossed, kto_losses
from selftune.training.preferences.pairs import ThumbMaker
from selftune.training.rows import load_tokenizer
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")


def of_thumbs(count: int) -> Dataset:
    """Liked answers as lessons, disliked ones beside them, as curation leaves them."""
    some = thumbs(count)
    plain = dataset_of(tuple(one for one in some if one.rejected is None), DatasetKind.THUMBS)
    return replace(plain, disliked=tuple(one for one in some if one.rejected is not None))


def test_the_loss_is_its_formula_worked_by_hand() -> None:
    import torch

    losses = kto_losses(torch.tensor([3.0, 3.0]), torch.tensor([True, False]), torch.tensor(1.0), 0.5)
    assert losses.tolist() == pytest.approx([1 - 1 / (1 + math.exp(-1)), 1 - 1 / (1 + math.exp(1))])


def test_a_disliked_answer_becomes_a_row_like_a_liked_one(tiny_base: Path) -> None:
    (one,) = thumbs(1)
    maker = ThumbMaker(load_tokenizer(tiny_base))
    liked = maker.make(one)
    disliked = maker.make(replace(one, messages=one.messages[:-1], rejected=one.messages[-1].content))
    assert (liked.liked, disliked.liked) == (True, False)
    assert replace(disliked, liked=True) == liked


def test_each_row_is_crossed_with_the_answer_of_the_one_before_it(tiny_base: Path) -> None:
    rows = pairs_of(tiny_base, 3, recipe("kto", batch_size=3))
    for place, pair in enumerate(crossed(rows)):
        before = rows[place - 1]
        assert pair.rejected is not None
        prompt, answer = pair.tokens[: pair.first_supervised], before.tokens[before.first_supervised :]
        assert pair.rejected.tokens == (*prompt, *answer)
        assert sum(pair.rejected.supervised) == len(answer)


@pytest.mark.parametrize("backend", ["packed", "trl"])
def test_thumbs_are_learnt_by_both_back_ends(backend: str, tmp_path: Path, tiny_base: Path) -> None:
    chosen = recipe("kto", backend=backend, batch_size=3, max_steps=6)
    run = train(of_thumbs(10), chosen, make_context(tmp_path, tiny_base))
    assert (run.status, run.objective, run.examples) == (RunStatus.FINISHED, "kto", 10)
    assert run.curve[0].loss == pytest.approx(0.5, abs=1e-5), "before the first step nothing has moved"
    assert run.curve[-1].loss < 0.5


def test_an_answer_needs_memory_twice_since_it_stands_behind_two_prompts(tiny_base: Path) -> None:
    rows, shape = pairs_of(tiny_base, 3, recipe("kto", batch_size=3)), read_shape(tiny_base)
    thumbs_of, pairs = (needed_bytes(rows, recipe(name, batch_size=3), shape) for name in ("kto", "dpo"))
    # Of three copies of float32 logits for each token more under the loss, as `training_memory_bytes` reckons.
    assert thumbs_of - pairs >= 3 * 4 * shape.vocabulary * sum(sum(row.supervised) for row in rows)


def test_pairs_and_lessons_are_refused_by_kto_and_thumbs_by_sft(tmp_path: Path, tiny_base: Path) -> None:
    context = make_context(tmp_path, tiny_base)
    with pytest.raises(UsageError, match="preference dataset"):
        train(dataset_of(preferences(4), DatasetKind.PREFERENCE), recipe("kto", batch_size=2), context)
    with pytest.raises(UsageError, match="thumbs dataset"):
        train(of_thumbs(4), recipe("sft"), context)


@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"held_out_share": 0.1}, {"beta": 0.0}], ids=str)
def test_what_kto_could_not_be_measured_by_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        recipe("kto", **changes)
