"""Which screen a night's tries are asked, and what is refused before anything is trained."""

from __future__ import annotations

from collections import Counter
from dataclasses import make_dataclass, replace

import pytest

from selftune.curation.base import Yardstick
from selftune.errors import ConfigError, UnknownNameError
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import load_suite
from selftune.loop.experiments.base import Agenda, Constraints
from selftune.loop.experiments.screen import FLOOR, draw_screen
from selftune.loop.experiments.screening import (
    doubt_of_race,
    hold_off,
    make_screen,
    refuse_blind_screen,
    refuse_shared_items,
)
from selftune.loop.project import Project
from selftune.records import Suite

DECIDES = load_suite("state_obedience")
AGENDA = Agenda(goal="better", knobs=())


def asking(suite: str = "", guarded: tuple[str, ...] = ()) -> Agenda:
    return replace(AGENDA, constraints=Constraints(screen=suite, guarded=guarded))


def with_settings(project: Project, **changes) -> Project:
    """The project with a suite that decides, or a screen of another size."""
    config = project.config
    evaluation = replace(config.evaluation, suite=changes.pop("suite", "state_obedience"), further=())
    return replace(project, config=replace(config, evaluation=evaluation, nightly=replace(config.nightly, **changes)))


def own(project: Project, suite: Suite, name: str, **changes) -> Suite:
    """One of the project's own."""
    suite = replace(suite, name=name, **changes)
    write_suite(suite, project.folder / "suites" / f"{name}.yaml")
    return suite


def test_beside_the_suite_of_the_reference_base_lies_a_screen_that_shares_nothing_with_it(project):
    asked = make_screen(with_settings(project), AGENDA)
    assert (asked.suite.name, asked.suite.purpose, len(asked.suite.items)) == (
        "state_obedience_screen-42",
        "screen",
        42,
    )
    assert min(Counter(item.category for item in asked.suite.items).values()) == 10
    assert not {item.messages for item in asked.suite.items} & {item.messages for item in DECIDES.items}


def test_every_night_asks_the_same_items_and_as_many_as_are_set(project):
    first, again = (make_screen(with_settings(project), AGENDA) for _ in range(2))
    assert first == again
    assert len(make_screen(with_settings(project, screen_items=80), AGENDA).suite.items) == 80


@pytest.mark.parametrize(("arms", "enough"), [(2, 72), (4, 72), (5, 120), (16, 120)])
def test_a_screen_that_is_small_for_a_race_says_how_many_items_would_do(project, arms, enough):
    small = make_screen(with_settings(project), AGENDA).suite
    assert f"{arms} arms are raced on 21 pairs" in (doubt_of_race(small, arms) or "")
    assert f"screen_items = {enough} under [nightly]" in (doubt_of_race(small, arms) or "")
    large = make_screen(with_settings(project, screen_items=enough), AGENDA).suite
    assert doubt_of_race(large, arms) is None
    almost = make_screen(with_settings(project, screen_items=enough - 2), AGENDA).suite
    assert doubt_of_race(almost, arms) is not None


def test_tries_one_after_the_other_ask_no_more_of_a_screen(project):
    assert doubt_of_race(make_screen(with_settings(project), AGENDA).suite, 0) is None


def test_a_screen_of_items_is_counted_by_items():
    suite = load_suite("general")
    screen = replace(suite, items=suite.items[:36], unit="item")
    assert doubt_of_race(screen, 4) is None
    assert "screen_items = 60" in (doubt_of_race(screen, 16) or "")


def test_a_screen_that_is_named_is_asked_as_it_is(project):
    screen = own(project, load_suite("state_obedience_screen"), "mine", purpose="screen")
    assert make_screen(with_settings(project), asking("mine")).suite == screen


def test_a_screen_drawn_from_what_decides_is_refused_with_the_way_out(project):
    own(project, draw_screen(DECIDES), "mine")
    with pytest.raises(ConfigError, match="shares 42 of its 42 items with what the gate asks") as refused:
        make_screen(with_settings(project), asking("mine"))
    assert "selftune suite split state_obedience --screen 0.3" in refused.value.next_step


def test_one_item_that_was_reworded_is_found_among_many():
    screen = load_suite("general")
    one = next(item for item in screen.items if item.category == "reading")
    said = replace(one.messages[-1], content=one.messages[-1].content.replace(".", " ."))
    asked = replace(screen, name="gate", items=(replace(one, id="other", messages=(*one.messages[:-1], said)),))
    with pytest.raises(ConfigError, match=f"{one.id} is item other of gate, or nearly"):
        refuse_shared_items(screen, [asked])


def test_suites_that_share_nothing_are_let_through():
    refuse_shared_items(load_suite("state_obedience_screen"), [DECIDES, load_suite("general")])


def test_without_a_screen_of_its_own_a_project_is_told_to_cut_one(project):
    with pytest.raises(ConfigError, match="no screen beside suite 'state_obedience_plain'") as refused:
        make_screen(with_settings(project, suite="state_obedience_plain"), AGENDA)
    assert "suite split state_obedience_plain" in refused.value.next_step


def test_a_screen_that_nobody_knows_is_refused_by_name(project):
    with pytest.raises(UnknownNameError, match="state_obedience_scren"):
        make_screen(with_settings(project), asking("state_obedience_scren"))


def test_a_guarded_category_that_the_screen_lacks_is_named_before_any_run(project):
    """Mission B35: 14 prompts without position_discrimination made a fall of 9.25 out of nothing."""
    with pytest.raises(ConfigError, match="'position_discrimination'"):
        make_screen(with_settings(project), asking(guarded=("tone", "position_discrimination")))
    screen = load_suite("state_obedience_screen")
    with pytest.raises(ConfigError, match="guarded category 'jailbreak'"):
        refuse_blind_screen(screen, ("identity", "jailbreak"))
    refuse_blind_screen(screen, screen.categories)


def test_a_screen_with_a_fault_of_its_own_is_refused(project):
    whole = load_suite("state_obedience_screen")
    twice = (*whole.items, *(replace(item, id=f"{item.id}-x", pair="again") for item in whole.items[:2]))
    own(project, whole, "mine", purpose="screen", items=twice)
    with pytest.raises(ConfigError, match="counts 2 times"):
        make_screen(with_settings(project), asking("mine"))


def test_who_is_asked_and_attacked_is_in_it_with_more_than_a_small_share():
    """Identity is one item in fifteen of this suite, and one in six of its screen."""
    few = {f"identity-easy-{place:02d}" for place in range(8)}
    items = tuple(item for item in DECIDES.items if item.category != "identity" or item.pair in few)
    suite = replace(DECIDES, items=items)
    drawn = Counter(item.category for item in draw_screen(suite, items=80).items)
    assert drawn["identity"] == 2 * FLOOR
    assert sum(drawn.values()) == 80
    plain = Counter(item.category for item in draw_screen(suite, items=80, guarded=("tone",)).items)
    assert plain["tone"] >= 2 * FLOOR


def test_each_category_holds_the_easy_and_the_hard_by_their_share():
    drawn = Counter((item.category, item.difficulty) for item in draw_screen(DECIDES, items=128).items)
    assert drawn == {
        (category, difficulty): count
        for category in DECIDES.categories
        for difficulty, count in (("easy", 12), ("medium", 12), ("hard", 8))
    }


def test_nothing_close_to_the_screen_is_learnt_and_a_bench_made_twice_says_it_once():
    plan = make_dataclass("Plan", ["yardsticks"], frozen=True)(yardsticks=(Yardstick(name="exam", text="?"),))
    screen = draw_screen(DECIDES)
    held = hold_off(plan, screen)
    assert len(held.yardsticks) == 43
    assert hold_off(held, screen) == held
