"""The ladder: the simplest build that is shown not to be inferior is chosen, and nothing else is called so."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.app.campaigns.ladder import ALPHA, MARGIN, RUNGS, SEEDS, World, draw
from selftune.gate.ladder.climb import Rung, climb
from selftune.gate.ladder.stage import Competitor, Ladder, decide
from selftune.gate.policies import load_policy
from selftune.records import BuildOrigin, Outcome
from selftune.testing import fake_build, fake_context

UNITS = tuple(f"u{number}" for number in range(400))
SMALL = load_policy("small")
law = settings(deadline=None, max_examples=40)


def rung(name: str, right: int, **facts) -> Rung:
    return Rung(name=name, scores={unit: float(place < right) for place, unit in enumerate(UNITS)}, **facts)


def on(*rungs: Rung):
    return climb(rungs, alpha=ALPHA, margin=MARGIN)


@pytest.mark.parametrize("place", range(len(RUNGS)))
def test_in_the_world_where_a_rung_is_right_it_is_chosen_in_nine_of_ten_seeds(place):
    chosen = [climb(draw(World(right=place), seed), alpha=ALPHA, margin=MARGIN).chosen for seed in range(SEEDS)]
    assert chosen.count(RUNGS[place]) >= 0.9 * SEEDS


def test_a_rung_that_falls_short_by_the_margin_is_not_called_as_good():
    # 99 % binomial limit of 5 % in 100 tries: 11.
    found = [
        climb(draw(World(right=1, step=MARGIN, units=400), seed), alpha=ALPHA, margin=MARGIN) for seed in range(100)
    ]
    assert sum(one.shown and one.chosen == RUNGS[0] for one in found) <= 11


def test_equal_rungs_leave_the_simplest():
    found = on(rung("prompt", 300), rung("adapter", 300), rung("merged", 300))
    assert (found.chosen, found.shown) == ("prompt", True)
    assert found.reason.startswith("prompt is the simplest that is not inferior")


def test_a_rung_may_gain_nothing_by_a_dearer_one_that_may_not_be_released():
    found = on(rung("prompt", 200), rung("adapter", 300), rung("merged", 390, refused="a category fell"))
    assert found.chosen == "adapter"
    assert {lead.other for lead in found.leads} == {"prompt", "adapter"}


def test_where_nothing_is_shown_the_best_seen_is_taken_and_said_to_be_no_more_than_that():
    found = on(rung("prompt", 296), rung("adapter", 298), rung("merged", 290))
    few = climb(
        [Rung(name=name, scores=dict(list(one.scores.items())[:20])) for name, one in _three(10, 12, 11)],
        alpha=ALPHA,
        margin=MARGIN,
    )
    assert found.n == 400
    assert (few.chosen, few.shown) == ("adapter", False)
    assert few.reason.startswith("Of no rung it is shown")


def _three(*right: int):
    return [(name, rung(name, count)) for name, count in zip(("prompt", "adapter", "merged"), right, strict=True)]


def test_units_that_one_rung_has_no_score_for_count_for_none():
    short = rung("prompt", 300)
    found = on(Rung(name="prompt", scores=dict(list(short.scores.items())[:390])), rung("adapter", 300))
    assert found.n == 390


def test_one_rung_is_chosen_as_it_stands_and_none_where_all_are_refused():
    assert on(rung("adapter", 1)).chosen == "adapter"
    alone = on(rung("prompt", 9, refused="no gain"), rung("adapter", 1))
    assert (alone.chosen, alone.reason) == ("adapter", "No other rung may be released (prompt: no gain).")
    none = on(rung("prompt", 9, refused="no gain"))
    assert (none.chosen, none.reason) == (None, "No rung may be released: prompt: no gain.")


def test_rungs_without_a_common_unit_can_t_be_told_apart():
    found = on(Rung(name="prompt", scores={"a": 1.0}), Rung(name="adapter", scores={"b": 1.0}))
    assert (found.chosen, found.shown) == (None, False)


@pytest.mark.parametrize("rungs", [(), (rung("prompt", 1), rung("prompt", 2))])
def test_a_ladder_without_rungs_or_with_one_name_twice_is_none(rungs):
    with pytest.raises(ValueError, match="a ladder needs rungs"):
        on(*rungs)


@law
@given(st.lists(st.integers(0, 400), min_size=2, max_size=5), st.floats(0.01, 0.2))
def test_what_is_chosen_as_shown_is_truly_within_the_margin_on_the_units_at_hand(right, margin):
    rungs = [rung(str(place), count) for place, count in enumerate(right)]
    found = climb(rungs, alpha=ALPHA, margin=margin)
    means = {one.name: sum(one.scores.values()) / len(UNITS) for one in rungs}
    if found.shown:
        assert means[found.chosen] > max(means.values()) - margin
    else:
        assert means[found.chosen] == max(means.values())


@law
@given(st.lists(st.integers(0, 400), min_size=2, max_size=4))
def test_a_smaller_margin_never_brings_a_simpler_rung(right):
    rungs = [rung(str(place), count) for place, count in enumerate(right)]
    wide, narrow = (climb(rungs, alpha=ALPHA, margin=margin) for margin in (0.2, 0.05))
    if wide.shown and narrow.shown:
        assert int(wide.chosen) <= int(narrow.chosen)


def competing(*gains: float | None, pairs: int = 250) -> Ladder:
    """A prompt and then trained forms, each with such a gain over one champion; None repeats the one before it."""
    suite = worlds.make_suite(pairs)
    chance = random.Random(7)
    champion = worlds.draw_pairs(suite, 0.4, chance)
    right, competitors = champion, []
    for place, gain in enumerate(gains):
        right = right if gain is None else worlds.change_pairs(champion, gain=gain, discordance=0.02, draw=chance)
        evidence = worlds.make_evidence(champion, right, suite)
        competitors.append(Competitor(name=RUNGS[place], evidence=_as_prompt(evidence) if place == 0 else evidence))
    return Ladder(competitors=tuple(competitors), run_id=worlds.make_run().id)


def _as_prompt(evidence):
    build = fake_build(origin=BuildOrigin.PROMPT, system_prompt="Be brief.", parity=evidence.candidate_build.parity)
    arm = replace(
        evidence.candidate,
        build_id=build.id,
        build_digest=build.digest,
        proof=evidence.champion.proof,
    )
    return replace(evidence, candidate=arm, candidate_build=build, run=None)


def chosen_in(ladder: Ladder):
    return decide(ladder, SMALL, fake_context(Path()))


def test_a_prompt_that_does_as_well_as_training_is_released_instead():
    ladder = competing(0.3, None, None)
    decision = chosen_in(ladder)
    assert decision.outcome is Outcome.PROMOTE, decision.reason
    assert decision.build_id == ladder.competitors[0].evidence.candidate_build.id
    assert "prompt is the simplest that is not inferior" in decision.reason


def test_training_that_does_better_than_the_prompt_is_released_in_its_simplest_form():
    ladder = competing(0.1, 0.3, None)
    decision = chosen_in(ladder)
    assert decision.outcome is Outcome.PROMOTE, decision.reason
    assert decision.build_id == ladder.competitors[1].evidence.candidate_build.id
    assert "examples is the simplest" in decision.reason


def test_where_no_rung_may_be_released_the_answer_is_the_last_one_s():
    decision = chosen_in(competing(-0.1, -0.3))
    assert decision.outcome is Outcome.REJECT
    assert "rung" not in decision.reason


def test_the_decision_names_the_night_s_run_and_the_policy_as_declared():
    ladder = competing(0.3, None)
    decision = chosen_in(ladder)
    assert (decision.run_id, decision.policy_digest) == (ladder.run_id, SMALL.digest)


def test_each_rung_is_tested_at_its_share_of_alpha():
    """A gain that one test at alpha shows is not enough where three have their chance."""
    suite = worlds.make_suite(40)
    champion = worlds.draw_pairs(suite, 0.4, random.Random(1))
    lucky = dict(champion)
    for pair in [name for name, was_right in champion.items() if not was_right][:6]:
        lucky[pair] = True
    evidence = worlds.make_evidence(champion, lucky, suite)
    alone = Ladder(competitors=(Competitor(name="merged", evidence=evidence),), run_id="run:1")
    with_others = Ladder(competitors=tuple(Competitor(name=name, evidence=evidence) for name in RUNGS), run_id="run:1")
    assert chosen_in(alone).outcome is Outcome.PROMOTE
    assert chosen_in(with_others).outcome is Outcome.INCONCLUSIVE
