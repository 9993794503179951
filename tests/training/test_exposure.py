"""The exposure of a planted ending: by Carlini's definition, from likelihoods that a plain model gives as well."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.training.exposure import _nats, _rows, exposure, exposures
from selftune.training.packed_model import load_model
from selftune.training.rows import load_tokenizer

pytestmark = pytest.mark.needs("train")
COSTS = st.lists(st.floats(0, 100), min_size=1, max_size=40)


def test_the_cheapest_of_eight_has_three_bits_the_dearest_none_and_equals_stand_before() -> None:
    assert exposure([1.0, 2, 3, 4, 5, 6, 7, 8]) == 3
    assert exposure([8.0, 1, 2, 3, 4, 5, 6, 7]) == 0
    assert exposure([1.0, 1, 2, 3]) == 1


@given(COSTS)
def test_it_lies_between_nought_and_the_logarithm_of_how_many_there_are(costs: list[float]) -> None:
    assert 0 <= exposure(costs) <= math.log2(len(costs))
    assert exposure([min(costs) - 1, *costs]) == math.log2(len(costs) + 1)


def test_the_cost_of_an_ending_is_that_of_its_tokens_after_the_beginning(tiny_base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer, model = load_tokenizer(tiny_base), load_model(tiny_base).eval()
    plain = AutoModelForCausalLM.from_pretrained(tiny_base, local_files_only=True).eval()
    endings = [f"amber {n} tulip" for n in range(20)]
    rows = _rows(tokenizer, "The word is", endings)
    for row, ending, nats in zip(rows, endings, _nats(model, rows), strict=True):
        text = tokenizer.decode(row.tokens)
        assert text.endswith(f"The word is {ending}")
        assert tokenizer.decode([t for t, counted in zip(row.tokens, row.supervised, strict=True) if counted]) == (
            f" {ending}"
        )
        with torch.inference_mode():
            logs = plain(torch.tensor([row.tokens])).logits[0].log_softmax(-1)
        wanted = -sum(float(logs[place - 1, token]) for place, token in enumerate(row.tokens) if row.supervised[place])
        assert nats == pytest.approx(wanted, abs=1e-3)


def test_each_beginning_has_its_own(tiny_base: Path) -> None:
    texts = [("The word is", ("amber", "tulip")), ("Another word is", ("tulip", "amber", "walnut", "oyster"))]
    first, second = exposures(tiny_base, None, texts)
    assert first in {0.0, 1.0}
    assert second in {math.log2(4 / rank) for rank in range(1, 5)}
