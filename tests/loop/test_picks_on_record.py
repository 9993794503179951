"""Picks on record: a candidate that was picked before brings its picks along, and a person's pace is read off them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.gate.config import AlphaOverNights
from selftune.gate.picks.base import Choice, Picks
from selftune.loop.deciding.picks import choice_of, pace_of
from selftune.loop.plan import Plan
from selftune.records import Arm, BlindPair, Statement, StatementKind
from selftune.testing import fake_build

PICKED = Picks(choices=(Choice.CANDIDATE,))


def plan_with(picked) -> SimpleNamespace:
    return SimpleNamespace(
        champion=fake_build(),
        evaluation=SimpleNamespace(suite=None),
        judge_identity=None,
        policy=SimpleNamespace(alpha_over_nights=AlphaOverNights.EACH_NIGHT),
        picked=picked,
        lived=lambda champion, candidate: (),
    )


def evidence_of(candidate, picked):
    return Plan.evidence(plan_with(picked), None, candidate, {Arm.CHAMPION: None}, ())


def test_a_candidate_that_was_built_before_brings_what_was_picked_of_it():
    asked = []
    new = fake_build("tuned")

    def picked(*builds):
        asked.append(builds)
        return PICKED

    assert evidence_of(new, picked).picks == PICKED
    assert asked == [(fake_build(), new)]


def test_without_a_candidate_nothing_was_picked():
    assert evidence_of(None, lambda old, new: PICKED).picks == Picks()


def said_at(*seconds: int) -> list[Statement]:
    return [
        Statement(
            salt="s", author="a", author_is_model=False, subject="b", kind=StatementKind.PICK, text="left",
            said_at=f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00:00",
        )
        for second in seconds
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [((), None), ((5,), None), ((0, 10, 30), 15.0), ((0, 10, 4000, 4010), 10.0), ((0, 4000), None)],
)
def test_a_person_s_pace_is_the_middle_of_what_picks_took_and_a_break_is_none(seconds, pace):
    assert pace_of(said_at(*seconds)) == pace


@pytest.mark.parametrize(
    ("side", "candidate_left", "choice"),
    [
        ("left", True, Choice.CANDIDATE),
        ("left", False, Choice.CHAMPION),
        ("right", True, Choice.CHAMPION),
        ("right", False, Choice.CANDIDATE),
        ("tie", True, Choice.TIE),
    ],
)
def test_a_side_means_whose_answer_stood_there(side, candidate_left, choice):
    pair = BlindPair(
        salt="s", interaction_id="i", champion_build_id="b", candidate_build_id="c", champion_answer="x",
        candidate_answer="y", candidate_left=candidate_left, seed=1,
    )  # fmt: skip
    assert choice_of(pair, side) is choice
    assert pair.sides == (("y", "x") if candidate_left else ("x", "y"))
