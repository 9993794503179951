"""The six judged files of a real campaign are told apart as they should be (`SELFTUNE_FIELD_DATA`)."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from selftune.app.refereeing import Wishes, compare_files

pytestmark = pytest.mark.needs("field-data")
JUDGED = Path(os.environ.get("SELFTUNE_FIELD_DATA", ".")) / "foundry/judged"
FILES = {
    "outage": "eval-orpo-v3b-judged-20260326-083716.json",
    "v3b": "eval-orpo-v3b-judged-20260326-final.json",
    "v4 GGUF": "eval-orpo-v4-judged-20260327-215302.json",
    "SFT v2": "eval-qwen3-sft-v2-judged-20260330-080742.json",
    "v1": "eval-qwen3-v1-judged-20260329-215556.json",
    "v3": "eval-qwen3-v3-lr8e6-judged-20260330-125201.json",
}


def verdict_of(champion: str, candidate: str, **wishes):
    paths = [str(JUDGED / FILES[name]) for name in (champion, candidate)]
    return compare_files(*paths, Wishes(**{"max_unscored": 0.2, **wishes}))


@pytest.mark.parametrize(
    ("champion", "candidate", "outcome", "difference"),
    [
        ("v3b", "v1", "better", 4.07),
        ("v1", "v4 GGUF", "worse", -5.88),
        ("v3b", "v4 GGUF", "worse", -1.38),
        ("v3", "v1", "better", 0.71),
        ("v1", "SFT v2", "worse", -6.1),
    ],
)
def test_the_shipped_truths(champion, candidate, outcome, difference):
    found = verdict_of(champion, candidate)
    assert found.outcome == outcome
    assert found.difference == pytest.approx(difference, abs=0.05)
    back = verdict_of(candidate, champion)
    assert back.difference == pytest.approx(-found.difference)
    assert back.outcome == {"better": "worse", "worse": "better"}[outcome]


@pytest.mark.parametrize("name", FILES)
def test_a_file_against_itself_is_never_better(name):
    assert verdict_of(name, name).outcome == ("invalid" if name == "outage" else "inconclusive")


@pytest.mark.parametrize(("name", "first"), list(product(FILES, (True, False))))
def test_anything_against_an_outage_is_invalid_and_every_row_is_named(name, first):
    found = verdict_of("outage", name) if first else verdict_of(name, "outage")
    arm = found.champion if first else found.candidate
    assert found.outcome == "invalid"
    assert (arm.mean, len(arm.unscored)) == (None, 36)


def test_too_many_without_a_score_by_default():
    assert verdict_of("v3b", "v1", max_unscored=None).outcome == "invalid"
    assert verdict_of("v3", "v1", max_unscored=None).outcome == "better"


def test_the_collapse_of_the_quantised_file_is_told_as_it_was():
    """F1: 31 scored rows average 2.98 by the weights; 1.74 counts parse errors and missing overalls as zeros."""
    arm = verdict_of("v1", "v4 GGUF").candidate
    assert arm.mean == pytest.approx(2.98, abs=0.005)
    assert (arm.n, len(arm.unscored)) == (31, 5)
    assert arm.stated_mean == pytest.approx(1.74, abs=0.005)


def test_two_heaps_are_seen_where_a_mode_switched_on_for_some_prompts():
    assert verdict_of("v3b", "v1").champion.bimodality.two_heaps
    assert not verdict_of("v3b", "v1").candidate.bimodality.two_heaps
