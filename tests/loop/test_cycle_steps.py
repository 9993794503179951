"""Where corrections stand in a cycle: behind the judge, judged themselves, and before anything is chosen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.curation.config import Curation
from selftune.judges.config import Judging
from selftune.loop.cycle import run_cycle, weigh_run
from selftune.loop.lessons.teaching import Teaching
from selftune.loop.plan import Plan
from selftune.records import JudgeIdentity, Judgement, JudgementStatus, RunStatus

TEACHER = Teaching(endpoint="http://127.0.0.1:1/v1", model="fake-teacher")


class Steps:
    """Notes each step; a training that fails ends the cycle at the gate."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, object]] = []

    def __call__(self, stage, inputs, config):
        self.taken.append((stage.__name__, inputs))
        return SimpleNamespace(status=RunStatus.FAILED, outcome=None, name=stage.__name__)


def plan(corrector: Teaching | None):
    return SimpleNamespace(
        sources=("log",), capture=None, judging=None, curation=None, recipe="a recipe", policy=None, evaluation=None,
        corrector=corrector, again=(), further_after=lambda dataset: (),
        corrections=lambda teacher, judgements: f"corrections by {teacher.model}",
        judging_after=lambda judgements: None,
        judged=lambda judgements: "all judged",
        arms_against=lambda candidate, dataset: (),
        evidence=lambda run, candidate, evaluations, further: None,
    )  # fmt: skip


def test_with_a_corrector_its_answers_pass_the_door_and_the_judge_before_lessons_are_chosen():
    steps = Steps()
    run_cycle(plan(TEACHER), steps)
    assert [name for name, _ in steps.taken] == ["capture", "judge", "capture", "judge", "curate", "train", "decide"]
    assert steps.taken[2][1] == ("corrections by fake-teacher",)
    assert steps.taken[4][1] == "all judged"


def test_without_one_nothing_more_is_done():
    steps = Steps()
    run_cycle(plan(None), steps)
    assert [name for name, _ in steps.taken] == ["capture", "judge", "curate", "train", "decide"]


def test_a_run_that_is_there_is_weighed_and_nothing_is_captured_or_trained():
    steps = Steps()
    run = SimpleNamespace(status=RunStatus.FINISHED)
    weighed = plan(None)
    weighed.form, weighed.ladder = None, False
    weigh_run(weighed, steps, run, "its dataset")
    assert [name for name, _ in steps.taken] == ["build", "decide"]
    assert steps.taken[0][1] is run
    steps.taken.clear()
    weigh_run(weighed, steps, SimpleNamespace(status=RunStatus.OUT_OF_TIME), "its dataset")
    assert [name for name, _ in steps.taken] == ["decide"], "the gate says why an unfinished one is none"


def verdict(cost: float) -> Judgement:
    return Judgement(
        salt="s", interaction_id="i", rubric_digest="r", judge=JudgeIdentity(name="j", version="1"),
        status=JudgementStatus.SCORED, overall=3.0, cost_usd=cost,
    )  # fmt: skip


@pytest.mark.parametrize(("budget", "left"), [(None, None), (1.0, 0.4), (0.5, 0.0)])
def test_corrections_are_judged_out_of_what_the_night_s_judging_left(budget, left):
    judging = Judging(budget_usd=budget)
    rest = Plan.judging_after(SimpleNamespace(judging=judging), [verdict(0.25), verdict(0.35)])
    assert rest.budget_usd == (None if left is None else pytest.approx(left))


def test_nothing_is_corrected_that_nobody_could_judge():
    """Neither is the log read for it."""

    def read(judgements):
        raise AssertionError("the log was read")

    broke = SimpleNamespace(judging_after=lambda judgements: Judging(budget_usd=0.0), curation=Curation(), judged=read)
    assert Plan.corrections(broke, TEACHER, []).pairs == ()
