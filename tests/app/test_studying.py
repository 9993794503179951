"""A study from outside: which nights are due, whose time they stand in, and the page that is made of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from selftune.app.reporting.month import month_page
from selftune.app.reporting.month_records import ArmOfMonth, gather_arm, gather_month
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.studying import (
    Standing,
    chosen_plan,
    init_study,
    nights_due,
    plan_text,
    refuse_other_time,
    standing_of,
)
from selftune.errors import MissingFileError, UsageError
from selftune.loop.executor import Silent
from selftune.loop.study.plan import StudyArm, load_study
from selftune.loop.study.running import Coming, live_through

sys.path.insert(0, str(Path(__file__).parents[1] / "loop" / "study"))

from study_worlds import PLAN, SCENARIOS, night, nights, open_arm

GENERATIONS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def standing(*done, **changes):
    """A study in which the arms have lived through so many nights."""
    lived = {arm: nights(arm, [0.5] * count) for arm, count in zip(StudyArm, done, strict=True)}
    return Standing(plan=replace(PLAN, **changes), nights=lived)


def due(found, most=None, *, simulated=True, today=date(2026, 1, 9)):
    coming = nights_due(found, most, simulated=simulated, today=lambda: today)
    return [(one.number, one.arm.value) for one in coming]


def arm_of(arm, scores, generations=None):
    return ArmOfMonth(
        arm=arm, nights=nights(arm, scores, generations), generations=(), studied=(), decisions=(), trainings=(),
        approvals=(),
    )  # fmt: skip


def page_of(learning, generations=None, plan=PLAN):
    arms = [
        arm_of(StudyArm.LEARNING, learning, generations),
        arm_of(StudyArm.NEVER_TRAINS, [0.4] * len(learning)),
        arm_of(StudyArm.SHUFFLED, [0.4] * len(learning)),
    ]
    return month_page(gather_month(plan, arms, "2026-01-31T00:00:00+00:00"))


def test_all_arms_live_through_a_night_before_the_next_and_one_that_was_cut_is_finished_first():
    assert due(standing(2, 2, 1), 1) == [(2, "shuffled")]
    assert due(standing(1, 1, 1), 2) == [(n, arm.value) for n in (2, 3) for arm in StudyArm]
    assert due(standing(12, 12, 12)) == []


def test_in_real_time_there_is_one_night_a_day_and_none_is_made_up_for():
    assert due(standing(3, 3, 3), simulated=False) == [(4, arm.value) for arm in StudyArm]
    assert due(standing(3, 3, 3), simulated=False, today=date(2026, 1, 3)) == []


def test_nights_of_both_kinds_of_time_never_stand_in_one_study():
    with pytest.raises(UsageError, match="are not real"):
        refuse_other_time(standing(1, 1, 1), simulated=False)
    refuse_other_time(standing(1, 1, 1), simulated=True)


def test_nobody_simulated_approves_what_happens_in_real_time():
    with pytest.raises(UsageError, match="simulated time alone"):
        refuse_other_time(standing(0, 0, 0, approve="simulated person"), simulated=False)


def test_a_plan_that_was_written_is_read_as_it_was(tmp_path):
    plan = chosen_plan("month", nights=7, seed=3, approve="simulated person")
    (tmp_path / "study.toml").write_text(plan_text(plan))
    assert load_study(tmp_path / "study.toml") == plan


def test_before_the_last_night_the_page_holds_scores_and_no_p_value():
    text = as_markdown(page_of([0.4] * 5))
    assert "**not concluded yet**" in text
    assert "5 of 12 simulated nights" in text
    assert ", p 0." not in text


def test_the_arms_stand_beside_each_other_night_by_night():
    text = as_markdown(page_of([0.4, 0.5]))
    rows = [line.split(" | ")[:3] for line in text.splitlines() if "| 2026-01-0" in line]
    assert [(row[0].lstrip("| "), row[2]) for row in rows] == [
        (number, arm.value) for number in "12" for arm in StudyArm
    ]


def test_what_was_not_shown_stands_before_everything_else():
    text = as_markdown(page_of([0.5, 0.4] * 6, GENERATIONS))
    first = text.index("What was not shown")
    assert text.index("**not shown**") < first < text.index("What the registered rule says")
    assert "decides nothing" in text


def test_a_trend_that_was_shown_comes_with_its_figures_and_what_it_takes_to_see_one():
    rising = [0.4 + 0.1 * one + (0.01 if at % 2 else -0.01) for at, one in enumerate(GENERATIONS)]
    text = as_markdown(page_of(rising, GENERATIONS, replace(PLAN, block=2)))
    assert "**shown**" in text
    assert "4 generations, +0.101 a generation, p 0.0417" in text
    assert "show a step of" in text
    assert "never_trains, 12 nights: 0.400" in text


@pytest.fixture
def arm(tmp_path):
    with open_arm(tmp_path) as opened:
        yield opened


def test_an_arm_is_read_from_its_own_records(arm):
    coming = Coming(plan=PLAN, arm=StudyArm.NEVER_TRAINS, number=1, date="2026-01-01", simulated=True)
    lived = live_through(arm, coming, SCENARIOS, Silent())
    found = gather_arm(arm, StudyArm.NEVER_TRAINS, [lived], "pair")
    (served,) = found.generations
    assert (served.version, served.nights, served.mean.n, served.mean.value) == ("v1.0", 1, PLAN.probe_pairs, 0)
    assert found.studied[0].by_goals == (PLAN.goals, sum(found.studied[0].by_goals[1:]))
    others = [arm_of(one, [0.4]) for one in (StudyArm.LEARNING, StudyArm.SHUFFLED)]
    page = month_page(gather_month(PLAN, [found, *others], ""))
    assert "of it goals set by itself" in as_markdown(page)
    assert "<svg" in as_html(page)
    text = as_markdown(page)
    assert "All three arms begin as that base" in text
    assert "never_trains: 0 of 0 trainings promoted, golden score by generation 0.000." in text
    assert "| generation | distinct-2 | 95 % interval | nights |" in text


def test_a_night_without_a_score_is_told_and_drawn_as_none():
    unscored = [night(StudyArm.LEARNING, 1, None), night(StudyArm.LEARNING, 2, 0.5)]
    learning = replace(arm_of(StudyArm.LEARNING, [0.4, 0.4]), nights=tuple(unscored))
    others = [arm_of(one, [0.4, 0.4]) for one in (StudyArm.NEVER_TRAINS, StudyArm.SHUFFLED)]
    text = as_markdown(month_page(gather_month(PLAN, [learning, *others], "")))
    assert "learning: 1 night without a score." in text
    assert "learning, 2 nights: 0.500" in text


def test_a_study_that_is_not_there_is_a_wrong_name_and_its_next_step_says_how_to_make_one(tmp_path):
    with pytest.raises(MissingFileError) as refused:
        standing_of(tmp_path)
    assert refused.value.exit_code == 2
    assert "selftune study init" in refused.value.next_step


def test_a_study_is_not_made_over_what_lies_there(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        init_study(tmp_path, PLAN, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
