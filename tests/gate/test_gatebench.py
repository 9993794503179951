"""GateBench in small: nights repeat, truth is as planted, and every rule can be right and wrong."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from gatebench.baselines import baselines
from gatebench.nights import FALSE, GAINS, plant_nights
from gatebench.ours import OurGate
from gatebench.plots import draw_kinds, draw_scores
from gatebench.rule import AddsTwoHundredths, as_zeros
from gatebench.score import Share, score, score_on

from selftune.records import Outcome

OURS = OurGate()


class Never:
    title = "never"

    def promotes(self, night) -> bool:
        return False


class Always:
    title = "always"

    def promotes(self, night) -> bool:
        return True


def of_kind(kind: str, items: int = 160, each: int = 12):
    return [planted for planted in plant_nights(items, each, seed=1) if planted.kind == kind]


def test_equal_seeds_give_equal_nights_and_others_do_not() -> None:
    first, again, other = ([one.night.candidate for one in plant_nights(48, 1, seed)] for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("kind", "gain"), [("no change", 0.0), *GAINS.items()])
def test_a_night_holds_the_gain_that_was_planted(kind: str, gain: float) -> None:
    seen = [
        fmean(as_zeros(one.night.candidate)) - fmean(as_zeros(one.night.champion)) for one in of_kind(kind, each=40)
    ]
    assert fmean(seen) == pytest.approx(gain, abs=0.02)


def test_a_rule_that_never_promotes_misses_all_and_one_that_always_does_errs_on_all_else() -> None:
    never, always = (score(rule, 48, 2, seed=1) for rule in (Never(), Always()))
    assert (never.false_promotions.hits, never.missed_gains.hits) == (0, 2 * len(GAINS))
    assert (always.false_promotions.hits, always.missed_gains.hits) == (2 * len(FALSE), 0)


def test_what_is_asked_anew_is_counted() -> None:
    lucky = of_kind("lucky seed", items=48, each=1)
    plain = score_on(Always(), 48, lambda: of_kind("lucky seed", items=48, each=1)).spent
    OURS.promotes(lucky[0].night)
    assert lucky[0].spent == plain + 2 * 48


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("judge outage", Outcome.INVALID),
        ("wrong weights served", Outcome.INVALID),
        ("quantisation loss", Outcome.REJECT),
        ("exam learnt by heart", Outcome.REJECT),
    ],
)
def test_our_gate_names_what_happened(kind: str, outcome: Outcome) -> None:
    said = Counter(OURS.outcome(one.night, one.night.champion, one.night.candidate) for one in of_kind(kind))
    assert said[Outcome.PROMOTE] <= 1
    assert said[outcome] >= 11


def test_our_gate_promotes_a_large_gain_and_no_lucky_seed() -> None:
    assert sum(OURS.promotes(one.night) for one in of_kind("gain of 0.20")) >= 10
    assert sum(OURS.promotes(one.night) for one in of_kind("lucky seed")) <= 1


def test_adding_two_hundredths_falls_for_the_lucky_seed() -> None:
    assert sum(AddsTwoHundredths().promotes(one.night) for one in of_kind("lucky seed", items=48)) >= 6


def test_every_baseline_can_be_right_and_wrong() -> None:
    for rule in baselines():
        found = score(rule, 160, 4, seed=2)
        assert 0 < found.false_promotions.hits < found.false_promotions.n
        assert found.missed("gain of 0.20").hits < 4


def test_the_drawings_name_every_rule_and_every_kind() -> None:
    scores = [score(rule, 48, 1, seed=1) for rule in (Never(), Always())]
    drawn = draw_scores(scores) + draw_kinds(scores, 48)
    assert all(name in drawn for name in ("never", "always", *GAINS, *FALSE))
    assert drawn.count("</svg>") == 2


def test_a_share_is_told_with_its_interval() -> None:
    assert str(Share(hits=0, n=20)) == "0% [0, 16]"
