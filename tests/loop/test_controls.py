"""What training must beat: the base as it is, and the base with a few of the lessons in its prompt."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.loop.config import EvaluationSection
from selftune.loop.measuring.controls import NONE, control_arms, prompt_of_lessons
from selftune.loop.plan import Plan
from selftune.records import Arm, Dataset, DatasetKind, Example, Message, Release
from selftune.testing import fake_build

BASE, TUNED = fake_build(), fake_build("tuned")


def lesson(number: int, *, words: int = 3) -> Example:
    return Example(
        salt=f"{number:04x}",
        interaction_id=f"interaction:{number:064x}",
        judgement_id=None,
        messages=(
            Message(role="system", content="a state that is another one each time"),
            Message(role="user", content=f"question {number}"),
            Message(role="assistant", content=" ".join(["word"] * words)),
        ),
    )


def dataset_of(*lessons: Example) -> Dataset:
    return Dataset(
        kind=DatasetKind.SFT, train=lessons, holdout=(), rejects=(), mixture=(), watermark=0, config_digest="", card=""
    )


def test_the_prompt_shows_short_lessons_and_no_system_messages() -> None:
    prompt = prompt_of_lessons(dataset_of(lesson(1), lesson(2, words=500)), seed=0)
    assert prompt is not None
    assert "question 1" in prompt.text
    assert "question 2" not in prompt.text
    assert "state" not in prompt.text
    assert prompt.interaction_ids == (lesson(1).interaction_id,)


def test_without_a_short_lesson_there_is_no_prompt() -> None:
    assert prompt_of_lessons(dataset_of(lesson(1, words=500)), seed=0) is None
    assert prompt_of_lessons(dataset_of(), seed=0) is None


def test_lessons_shown_stay_where_the_log_grows_elsewhere() -> None:
    few, many = (prompt_of_lessons(dataset_of(*map(lesson, range(count))), seed=0) for count in (30, 31))
    assert few is not None
    assert many is not None
    asked = [{line for line in prompt.text.splitlines() if "question" in line} for prompt in (few, many)]
    assert len(asked[0]) == 3
    assert len(asked[0] & asked[1]) >= 2


@pytest.fixture
def served(project):
    release = Release(
        version="v1.0", generation=0, alias="prod", build_id=BASE.id, build_digest=BASE.digest, model_file="m",
        decision_id=None, replaced=None, reason="", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([BASE, release], event="released")
    return project


@pytest.mark.parametrize(
    ("named", "arms"), [("", [Arm.BASE]), (NONE, [Arm.BASE]), ("Obey.", [Arm.BASE, Arm.PROMPT_ONLY])]
)
def test_a_prompt_that_is_named_is_a_control(served, named: str, arms: list[Arm]) -> None:
    named_so = replace(served, config=replace(served.config, evaluation=EvaluationSection(prompt_only=named)))
    controls = control_arms(named_so)
    assert [arm for arm, _ in controls] == arms
    assert [build.system_prompt for _, build in controls[1:]] == ([named] if len(arms) > 1 else [])


def test_before_the_first_release_there_is_nothing_to_hold_anything_against(project) -> None:
    assert control_arms(project) == ()


@pytest.mark.parametrize(
    ("shows_lessons", "candidate", "arms"),
    [
        (True, TUNED, [Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE, Arm.PROMPT_ONLY]),
        (False, TUNED, [Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE]),
        # Nothing was trained, so that nothing has to beat a prompt.
        (True, None, [Arm.CHAMPION, Arm.BASE]),
    ],
)
def test_lessons_in_a_prompt_are_a_control_of_learning_them(shows_lessons, candidate, arms) -> None:
    plan = SimpleNamespace(
        champion=BASE,
        others=((Arm.BASE, BASE),),
        bare_base=BASE,
        seed=0,
        shows_lessons=shows_lessons,
        recipe="a recipe",
    )
    found = list(Plan.arms_against(plan, candidate, dataset_of(lesson(1))))
    assert [arm for arm, _ in found] == arms
    prompts = [build.prompt for arm, build in found if arm is Arm.PROMPT_ONLY]
    assert all(prompt and "question 1" in prompt for prompt in prompts)
    assert all(build.files == BASE.files for arm, build in found if arm is Arm.PROMPT_ONLY)
