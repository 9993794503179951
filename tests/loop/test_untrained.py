"""A candidate without training: none where no prompt is better, and out of service once its words are taken back."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.app.prompting import lines_of_search, rows_of_search
from selftune.builds.prompts import PromptLayout, prompted
from selftune.errors import (
    BelowTriggerError,
    BudgetError,
    ConfigError,
    JudgeMissingError,
    NothingBetterError,
    UsageError,
    WithdrawnError,
)
from selftune.judges.config import Judging
from selftune.loop.config import PromptSection, TrainingSection
from selftune.loop.deciding.untrained import find_prompted, prompt_on_ladder
from selftune.loop.incoming.taking_back import refuse_withdrawn, withdrawn_from_prompt
from selftune.loop.lessons.learnt import last_learnt, last_shown
from selftune.loop.plan import Plan
from selftune.loop.planning import choose_recipe
from selftune.loop.prompts.stage import search_prompt
from selftune.loop.prompts.wishes import make_prompt_search, trains, without_training
from selftune.loop.runner import go_until
from selftune.records import (
    Arm,
    Dataset,
    DatasetKind,
    Decision,
    Interaction,
    JudgeIdentity,
    Message,
    Outcome,
    PromptSearch,
    ShownLessons,
    TriedPrompt,
    Trigger,
)
from selftune.store.consent import NOTHING, tightened
from selftune.testing import fake_build

BASE = fake_build()
SHOWN = ShownLessons(salt="00", text="Asked: Who?\nAnswered: Nola.\n", interaction_ids=("interaction:1",))
FOUND = PromptSearch(
    dataset_id="dataset:1", build_id=BASE.id, judge=JudgeIdentity(name="checks", version="1"), rubric_digest="rubric:1",
    tried=(TriedPrompt(name="nothing", round=1, mean=0.5, n=8), TriedPrompt(name="3 lessons", round=1, mean=0.75, n=8)),
    name="3 lessons", instruction=None, shown=SHOWN, gain=0.25, interval=(0.05, 0.45), before=0.5, n=12,
    prompt_tokens=40, answers=28,
)  # fmt: skip


def plan_that(found: PromptSearch | Exception):
    """A plan and an executor whose search ends so."""

    return SimpleNamespace(prompts=SimpleNamespace(base=BASE), bare_base=BASE), Steps(found)


class Steps:
    """Takes each step at once, but for the search, which has ended already."""

    def __init__(self, found: PromptSearch | Exception) -> None:
        self._found = found
        self.heard: list[str] = []
        self.observer = SimpleNamespace(told=self.heard.append)

    def __call__(self, stage, inputs, config):
        if stage is not search_prompt:
            return stage(inputs, config, None)
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def test_what_was_found_stands_before_the_base_with_the_search_that_found_it():
    made = find_prompted(*plan_that(FOUND), "a dataset")
    assert (made.files, made.shown, made.search_id, made.run_id) == (BASE.files, SHOWN, FOUND.id, None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gain": -0.01, "interval": (-0.2, 0.2)}, r"-0\.010 \[-0\.200, \+0\.200\] on 12 questions"),
        ({"gain": 0.0, "interval": (-0.2, 0.2)}, r"\+0\.000"),
        (
            {"name": "nothing", "shown": None, "gain": None, "interval": None},
            "of 2 that were tried, the base without one",
        ),
        ({"gain": None, "interval": None, "ended": "the money is used up"}, "the money is used up"),
    ],
)
def test_a_prompt_that_is_not_better_is_no_candidate_and_the_figure_says_why(changes, why):
    worse = replace(FOUND, **changes)
    with pytest.raises(NothingBetterError, match=why):
        find_prompted(*plan_that(worse), "a dataset")
    assert prompt_on_ladder(*plan_that(worse), "a dataset", prompted(BASE, PromptLayout(instruction="Obey."))) is None


def test_too_few_lessons_to_search_by_leave_the_ladder_without_its_lowest_rung():
    plan, step = plan_that(BelowTriggerError("too few.", next_step="Collect more."))
    assert prompt_on_ladder(plan, step, "a dataset", None) is None


@pytest.mark.parametrize("kind", [JudgeMissingError, BudgetError])
def test_a_judge_that_can_score_nothing_new_costs_a_trained_night_no_more_than_the_search(kind):
    plan, steps = plan_that(kind("the judge is away.", next_step="Call it."))
    control = prompted(BASE, PromptLayout(instruction="Obey."))
    assert prompt_on_ladder(plan, steps, "a dataset", control).prompt == "Obey."
    assert steps.heard == ["No prompt was searched for: the judge is away."]
    with pytest.raises(kind):
        find_prompted(plan, steps, "a dataset")


@pytest.mark.parametrize("layout", [PromptLayout(instruction="Obey."), PromptLayout(shown=SHOWN)])
def test_where_nobody_searches_the_control_is_the_rung_built_so_that_it_can_be_released(layout):
    plan, step = plan_that(FOUND)
    plan.prompts = None
    made = prompt_on_ladder(plan, step, "a dataset", prompted(BASE, layout))
    assert made.prompt == prompted(BASE, layout).prompt
    assert prompt_on_ladder(plan, step, "a dataset", None) is None


def test_without_training_no_lesson_in_a_prompt_is_a_control_of_learning_it():
    plan = SimpleNamespace(
        champion=BASE, others=((Arm.BASE, BASE),), bare_base=BASE, seed=0, shows_lessons=True, recipe=None
    )
    arms = [arm for arm, _ in Plan.arms_against(plan, fake_build(system_prompt="Obey."), SimpleNamespace(train=()))]
    assert arms == [Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE]


def test_recipe_none_trains_nothing_and_says_so_to_who_asks_for_training(project):
    assert trains(project.config)
    untrained = without_training(project)
    assert untrained.config.training == TrainingSection(recipe="none")
    assert choose_recipe(untrained, None, None) is None
    with pytest.raises(UsageError, match="nothing is trained here"):
        go_until(untrained, "train")


def test_a_search_is_made_of_the_project_s_own_judge_and_words(project):
    config = replace(
        project.config,
        prompt=PromptSection(answers=50, shown=1, budget_usd=0.5),
        evaluation=replace(project.config.evaluation, prompt_only="Obey."),
    )
    wanted = make_prompt_search(replace(project, config=config), Judging(budget_usd=9.0), BASE)
    assert (wanted.answers, wanted.shown, wanted.own) == (50, 1, "Obey.")
    assert wanted.grader.judging.budget_usd == 0.5
    none = replace(config, prompt=PromptSection(answers=0))
    assert make_prompt_search(replace(project, config=none), Judging(), BASE) is None


def test_what_a_prompt_showed_counts_as_shown_and_not_as_learnt(project):
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=7, config_digest="c", card=""
    )
    found = replace(FOUND, dataset_id=dataset.id)
    made = prompted(BASE, PromptLayout(shown=SHOWN, search_id=found.id))
    decided = Decision(
        outcome=Outcome.REJECT, reason="because", checks=(), arms=(), policy="small", policy_digest="p",
        build_id=made.id, run_id=None,
    )  # fmt: skip
    project.store.save([dataset, found, made], event="made by a test")
    assert last_shown(project.store) is None, "nothing was decided yet"
    project.store.save([decided], event="made by a test")
    assert last_shown(project.store) == dataset
    assert last_learnt(project.store) is None


def said() -> Interaction:
    return Interaction(
        salt="1", conversation="c", task_id="c", trigger=Trigger.USER, source="s", position="1",
        messages=(Message(role="user", content="Who?"), Message(role="assistant", content="Nola.")),
    )  # fmt: skip


def test_a_prompt_with_words_that_were_taken_back_goes_into_no_service(project):
    one = said()
    made = prompted(BASE, PromptLayout(shown=replace(SHOWN, interaction_ids=(one.id,))))
    project.store.save([one], event="said")
    assert withdrawn_from_prompt(made, project.store) == ()
    refuse_withdrawn(made, project.store)
    project.store.save([tightened(one, NOTHING, salt="2")], event="taken back")
    assert withdrawn_from_prompt(made, project.store) == (one.id,)
    assert withdrawn_from_prompt(BASE, project.store) == ()
    with pytest.raises(WithdrawnError, match="took back"):
        refuse_withdrawn(made, project.store)


def test_words_that_nobody_can_find_any_more_count_as_taken_back(project):
    assert withdrawn_from_prompt(prompted(BASE, PromptLayout(shown=SHOWN)), project.store) == SHOWN.interaction_ids


def test_the_search_is_told_with_what_it_does_not_show():
    assert list(rows_of_search(FOUND)) == [("1", "nothing", "0.500", "8"), ("1", "3 lessons", "0.750", "8")]
    told = "\n".join(lines_of_search(FOUND))
    assert "12 questions that had no part in the search: 0.500 without it, +0.25 [+0.05, +0.45] with it" in told
    assert "40 tokens more" in told
    nothing = replace(FOUND, gain=None, interval=None, before=None)
    assert "No prompt did better" in "\n".join(lines_of_search(nothing))


def test_a_prompt_that_says_nothing_is_never_built():
    with pytest.raises(ConfigError, match="the prompt is empty"):
        find_prompted(*plan_that(replace(FOUND, shown=None)), "a dataset")
