"""One night of an arm: who is asked is settled when it begins, and a night that was cut goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from study_worlds import BASE, PLAN, SCENARIOS, SERVE, release_of

from selftune.errors import SelftuneError, WaitingForPersonError
from selftune.failpoints import VARIABLE
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.executor import Silent
from selftune.loop.runner import CycleReport, Halted
from selftune.loop.study.plan import StudyArm
from selftune.loop.study.running import (
    BEGAN,
    COMPLETE,
    HALTED,
    NO_TRAINING,
    PROMOTED,
    Coming,
    live_through,
    nights_of,
    prompts_in,
)
from selftune.records import Arm, Decision, Interaction, Outcome, Statement, StatementKind, Trigger
from selftune.testing import fake_build

NEXT = fake_build("better")


def coming(arm=StudyArm.NEVER_TRAINS, number=1):
    return Coming(plan=PLAN, arm=arm, number=number, date=f"2026-01-{number:02d}", simulated=True)


def decided(outcome):
    return Decision(
        outcome=outcome, reason="so it was", checks=(), arms=((Arm.CHAMPION, "evaluation:1"),), policy="p",
        policy_digest="d", build_id=NEXT.id, run_id=None,
    )  # fmt: skip


def test_real_prompts_are_replayed_each_once_and_only_words_that_may_be_learnt_from(arm, tmp_path):
    lines = [
        {"messages": [{"role": "user", "content": words}, {"role": "assistant", "content": "So."}]}
        for words in ("Why?", "How?", "Why?")
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(json.dumps(line) for line in lines))
    found = prompts_in(arm, str(log))
    assert [messages[-1].content for messages in found] == ["Why?", "How?"]
    strict = replace(arm, config=replace(arm.config, capture=replace(arm.config.capture, consent=ConsentLevel.KEEP)))
    assert prompts_in(strict, str(log)) == ()
    assert arm.store.count(Interaction) == 0


class Cycle:
    """A cycle that promotes, or ends as it was told to; counts how often it went round."""

    def __init__(self, outcome=Outcome.PROMOTE, *, halted=None):
        self.outcome, self.halted, self.rounds = outcome, halted, 0

    def __call__(self, project, observer):
        self.rounds += 1
        if self.halted is not None:
            return CycleReport(generation=1, decision=None, release=None, halted=self.halted, timings=())
        decision, released = decided(self.outcome), None
        project.store.save([NEXT, decision], event="made by a test")
        if self.outcome is Outcome.PROMOTE:
            released = release_of(NEXT, "v1.1", 1, decision.id)
            project.store.save([released], event="made by a test")
        return CycleReport(generation=1, decision=decision, release=released, halted=None, timings=())


def live(arm, night, cycle=None, approve=None):
    return live_through(arm, night, SCENARIOS, Silent(), approve, cycle=cycle or Cycle())


def test_an_arm_that_never_trains_is_asked_judged_and_measured_and_goes_round_no_cycle(arm):
    cycle = Cycle()
    night = live(arm, coming(), cycle)
    assert (night.ended_by, night.version, night.n, cycle.rounds) == (NO_TRAINING, "v1.0", PLAN.probe_pairs, 0)
    assert night.score == 0
    said = [one for _, one in arm.store.each(Interaction)]
    assert [one.trigger for one in said].count(Trigger.MOTIVATOR) == PLAN.goals
    assert [one.trigger for one in said].count(Trigger.SIMULATED) == PLAN.prompts
    assert len(list(arm.store.verdicts())) == PLAN.prompts + PLAN.goals
    assert night.goals_by == "drawn from a seed"
    events = [entry.event for entry in arm.store.history()]
    assert events.count(BEGAN) == events.count(COMPLETE) == 1


def test_every_arm_is_measured_by_the_same_questions_in_a_night_and_by_others_in_the_next(arm):
    first, second = live(arm, coming()), live(arm, coming(number=2))
    assert first.probe_digest != second.probe_digest
    assert [night.number for night in nights_of(arm)] == [1, 2]


@pytest.mark.parametrize(
    ("outcome", "ended"), [(Outcome.PROMOTE, PROMOTED), (Outcome.REJECT, "reject"), (Outcome.INVALID, "invalid")]
)
def test_a_night_that_learns_ends_as_its_cycle_does(arm, outcome, ended):
    night = live(arm, coming(StudyArm.LEARNING), Cycle(outcome))
    assert (night.ended_by, night.generation, night.told) == (ended, 0, ("so it was",))
    assert (night.promoted_id is not None) is (outcome is Outcome.PROMOTE)


def test_a_halted_cycle_is_a_night_too_and_says_why(arm):
    halted = Halted(reason="too few lessons", next_step="wait", exit_code=0)
    night = live(arm, coming(StudyArm.LEARNING), Cycle(halted=halted))
    assert (night.ended_by, night.trigger) == (HALTED, "too few lessons")


@pytest.mark.parametrize("place", ["study-measured", "study-turned"])
def test_a_night_that_was_cut_goes_on_and_asks_the_model_it_began_with(arm, place, monkeypatch):
    cycle = Cycle()
    monkeypatch.setenv(VARIABLE, f"{place}=raise")
    with pytest.raises(SelftuneError, match=place):
        live(arm, coming(StudyArm.LEARNING), cycle)
    monkeypatch.delenv(VARIABLE)
    asked = sum(len(served.asked) for served in SERVE.started)
    night = live(arm, coming(StudyArm.LEARNING), cycle)
    assert (night.version, night.ended_by, cycle.rounds) == ("v1.0", PROMOTED, 1)
    assert sum(len(served.asked) for served in SERVE.started) == asked
    measured = arm.store.any_record(night.evaluation_id)
    assert measured.build_id == BASE.id
    assert live(arm, coming(StudyArm.LEARNING, 2), Cycle(Outcome.REJECT)).version == "v1.1"


def test_a_night_that_another_runner_lived_through_beside_us_stands_once(arm):
    def while_another_does(project, observer):
        live(project, coming(StudyArm.LEARNING), Cycle(Outcome.REJECT))
        return CycleReport(generation=1, decision=decided(Outcome.REJECT), release=None, halted=None, timings=())

    live(arm, coming(StudyArm.LEARNING), while_another_does)
    assert [night.number for night in nights_of(arm)] == [1]


def promote_five_times(arm):
    for number in range(1, 6):
        decision = Decision(
            outcome=Outcome.PROMOTE, reason=f"r{number}", checks=(), arms=(), policy="p", policy_digest="d",
            build_id=BASE.id, run_id=None,
        )  # fmt: skip
        release = release_of(BASE, f"v1.{number}", number, decision.id)
        arm.store.save([decision, release], event="made by a test")


def test_where_the_plan_names_nobody_an_open_circuit_breaker_waits_for_a_person(arm):
    promote_five_times(arm)

    def wait(project, observer):
        raise WaitingForPersonError("5 promotions", next_step="selftune approve")

    with pytest.raises(WaitingForPersonError):
        live(arm, coming(StudyArm.LEARNING), wait)
    assert nights_of(arm) == ()


def test_whoever_the_plan_names_is_asked_only_when_the_breaker_is_open_and_stands_in_the_record(arm):
    yes = Statement(
        salt="s", author="simulated person", author_is_model=False, subject="release:x", kind=StatementKind.APPROVAL,
        text="simulated", said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    asked = []

    def approve(project):
        asked.append(1)
        project.store.save([yes], event="approved")
        return yes

    assert live(arm, coming(StudyArm.LEARNING), Cycle(Outcome.REJECT), approve).approval_id is None
    assert not asked
    promote_five_times(arm)
    assert live(arm, coming(StudyArm.LEARNING, 2), Cycle(Outcome.INCONCLUSIVE), approve).approval_id == yes.id
    assert len(asked) == 1
