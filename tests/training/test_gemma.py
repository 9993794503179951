"""Gemma 3, whose layers take turns: trained by the back-end that takes turns with them, and refused to the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.builds.tiny import TURNS, make_tiny_model
from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.config import Recipe
from selftune.training.rows import RowMaker, load_tokenizer
from selftune.training.stage import train

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("train")
RECIPE = Recipe(
    name="gemma", backend="trl", max_steps=2, batch_size=2, lora_rank=2, least_supervised=0.01, logit_prompts=1
)


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("gemma") / "base", family="gemma3_text", pre=TURNS, hidden=64)


def test_a_turn_ends_with_the_token_that_the_template_writes(gemma: Path) -> None:
    tokenizer = load_tokenizer(gemma)
    row = RowMaker(tokenizer, "last_answer").make(conversations(1)[0])
    learnt = [token for token, on in zip(row.tokens, row.supervised, strict=True) if on]
    assert tokenizer.convert_ids_to_tokens(learnt[-1]) == "<end_of_turn>" == tokenizer.eos_token


def test_trl_trains_it_and_packed_is_refused_by_name(gemma: Path, tmp_path: Path) -> None:
    lessons = dataset_of(conversations(4))
    run = train(lessons, RECIPE, make_context(tmp_path / "trl", gemma))
    assert run.status is RunStatus.FINISHED
    with pytest.raises(UsageError, match="layers of gemma3_text take turns"):
        train(lessons, replace(RECIPE, backend="packed"), make_context(tmp_path / "packed", gemma))
