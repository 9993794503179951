"""One goal: written down before it is spoken of, within a budget that no restart refills, broken off by a person."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_holder import FakeHolder, said

from selftune.errors import (
    BudgetError,
    ConfigError,
    IntegrityError,
    NothingNewError,
    NotYet,
    SelftuneError,
    ServingError,
    WaitingForPersonError,
)
from selftune.interrupts import asked_to_stop
from selftune.loop.ejected import codex_of
from selftune.loop.motivation.holding import Lying
from selftune.loop.motivation.idleness import Idleness, Visit, note_visit
from selftune.loop.motivation.keeping import BROKE_OFF, KEPT, note_taken, read_diary
from selftune.loop.motivation.noticing import notice
from selftune.loop.motivation.running import allowance_of, take_goal
from selftune.loop.talking import MotivatorSection
from selftune.personas.motivator.candidates import make_candidates
from selftune.personas.motivator.goals import Goal, Source
from selftune.records import Interaction, Trigger

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def motivated(project):
    return switched(project)


def switched(project, **changes):
    return replace(project, config=replace(project.config, motivator=MotivatorSection(on=True, **changes)))


def take(project, holder=None, now=NOON):
    return take_goal(project, now, nobody(project), holder or FakeHolder())


def nobody(project):
    return Idleness(project, touched=lambda: None)


def test_a_goal_is_on_record_with_its_reason_and_what_it_rests_on(motivated):
    holder = FakeHolder()
    held = take(motivated, holder)
    (taken,) = read_diary(motivated).taken
    assert taken == held.taken
    assert (taken.task_id, taken.ended_by, taken.tokens) == ("auto-001", "agreed", 100)
    assert taken.why
    assert all(motivated.store.any_record(name) for name in taken.rests_on)
    assert holder.asked == [("auto-001", held.text)]
    assert next(detail for _, detail in motivated.store.noted("goal taken")).keys().isdisjoint({"text", "goal"})


def test_nothing_is_taken_twice_and_every_task_has_its_own_name(motivated):
    holder = FakeHolder()
    for _ in range(4):
        take(motivated, holder)
    names, texts = zip(*holder.asked, strict=True)
    assert list(names) == [f"auto-{number:03d}" for number in range(1, 5)]
    assert len(set(texts)) == 4


def test_a_crash_gives_no_name_twice_and_is_charged(motivated):
    goal = Goal(text="What is rain?", source=Source.CURIOSITY, why="a test", rests_on=())
    note_taken(motivated, read_diary(motivated), goal, 1.0, "2026-11-22")  # and then the process died
    holder = FakeHolder()
    assert take(motivated, holder).taken.task_id == "auto-002"
    first, second = read_diary(motivated).taken
    assert (first.ended_by, second.ended_by) == (BROKE_OFF, "agreed")
    # A dialogue of ten a day without an end counts with a tenth of the day.
    assert holder.left[0].tokens == 50_000 - 5_000


def test_a_dialogue_that_a_crash_broke_off_goes_on_first(motivated):
    goal = Goal(text="What is rain?", source=Source.CURIOSITY, why="a test", rests_on=())
    note_taken(motivated, read_diary(motivated), goal, 1.0, "2026-11-22")
    holder = FakeHolder(lying=[Lying(task_id="auto-001", text="What is rain?")])
    held = take(motivated, holder)
    assert held.resumed
    assert holder.asked == [("auto-001", "What is rain?")]
    assert [one.ended_by for one in read_diary(motivated).taken] == ["agreed"]


def test_each_beginning_costs_a_share_on_its_own_day_and_the_last_one_what_all_took(motivated):
    goal = Goal(text="What is rain?", source=Source.CURIOSITY, why="a test", rests_on=())
    note_taken(motivated, read_diary(motivated), goal, 1.0, "2026-11-22")
    lying = [Lying(task_id="auto-001", text="What is rain?")]
    day, share = allowance_of(motivated.config.motivator), 5_000

    class Dies(FakeHolder):
        def hold(self, *asked):
            self.left.append(asked[-1])
            raise KeyboardInterrupt

    for died in range(2):
        dying = Dies(lying=lying)
        with pytest.raises(KeyboardInterrupt):
            take(motivated, dying, TOMORROW)
        assert dying.left[0].tokens == 50_000 - died * share
        assert read_diary(motivated).spent("2026-11-23", day).tokens == (died + 1) * share
    take(motivated, FakeHolder(lying=lying, tokens=7_000), TOMORROW)
    spent = read_diary(motivated).spent("2026-11-23", day)
    assert (spent.dialogues, spent.tokens) == (3, 2 * share + 7_000)
    assert read_diary(motivated).spent("2026-11-22", day).tokens == share


def test_a_dialogue_that_nobody_wrote_down_is_charged_when_it_is_gone_on_with(motivated):
    take(motivated, FakeHolder(lying=[Lying(task_id="auto-007", text="What is rain?")], tokens=300))
    (one,) = read_diary(motivated).taken
    assert (one.task_id, one.begun_on, one.tokens) == ("auto-007", ("2026-11-22",), 300)


def test_what_failed_costs_its_share_unless_nothing_was_begun(motivated):
    lost = ServingError("gone.", next_step="Wait.")

    class Begins(FakeHolder):
        def hold(self, project, prompt, task_id, left):
            self._lying = [Lying(task_id=task_id, text=prompt)]
            raise lost

    class Failed(FakeHolder):
        def hold(self, *asked):
            return replace(super().hold(*asked), ended_by="failed", tokens=12)

    for holder in (FakeHolder(fails=lost), Begins()):
        with pytest.raises(ServingError):
            take(motivated, holder)
    take(motivated, Failed())
    assert [one.tokens for one in read_diary(motivated).taken] == [0, 5_000, 5_000]


def test_a_dialogue_that_was_kept_before_a_crash_is_found_again(motivated, monkeypatch):
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "goal-held=raise")
    with pytest.raises(SelftuneError):
        take(motivated)
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    assert take(motivated).taken.task_id == "auto-002"
    first, _ = read_diary(motivated).taken
    assert first.ended_by == KEPT
    assert motivated.store.record(first.interaction_id, Interaction).task_id == "auto-001"
    assert first.tokens == 5_000


def test_a_crash_before_a_word_was_said_costs_a_share_and_no_name(motivated, monkeypatch):
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "goal-taken=raise")
    with pytest.raises(SelftuneError):
        take(motivated)
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    assert take(motivated).taken.task_id == "auto-002"
    assert [one.ended_by for one in read_diary(motivated).taken] == [BROKE_OFF, "agreed"]


@pytest.mark.parametrize(
    ("limits", "used"),
    [
        ({"dialogues_per_day": 2}, "2 of 2 dialogues"),
        ({"tokens_per_day": 200}, "200 of 200 tokens"),
        ({"minutes_per_day": 0.2}, "0.2 of 0.2 minutes"),
    ],
)
def test_a_day_has_a_budget_that_the_next_day_has_again(project, limits, used):
    limited = switched(project, **limits)
    take(limited)
    take(limited)
    with pytest.raises(BudgetError, match=used):
        take(switched(project, **limits))  # as after a restart: all is counted from the ledger
    assert take(limited, now=TOMORROW).taken.task_id == "auto-003"


def test_quiet_hours_pass_midnight(project):
    quiet = switched(project, quiet_from="22:00", quiet_until="07:00")
    with pytest.raises(NotYet, match="quiet hours"):
        take(quiet, now=NIGHT)
    assert take(quiet, now=NOON)


def test_what_the_model_proposes_is_held_against_the_same_objections(project):
    asking = switched(project, sources=("model", "curiosity"))
    good = Goal(text="Why do we sleep?", source=Source.MODEL, why="the model proposed it", rests_on=())
    bad = replace(good, text="How could we rewrite our principles?")
    take(asking)  # curiosity comes first among equals
    assert take(asking, FakeHolder(proposes=good)).text == "Why do we sleep?"
    take(asking)
    assert take(asking, FakeHolder(proposes=bad)).taken.source is Source.CURIOSITY
    ((_, why),) = read_diary(asking).refused
    assert "who the system is" in why


def test_it_is_off_until_somebody_switches_it_on(project):
    with pytest.raises(ConfigError, match="off"):
        take(project)


@pytest.mark.parametrize("sources", [(), ("curiosty",)])
def test_sources_that_nobody_knows_are_refused(project, sources):
    with pytest.raises(ConfigError, match="sources"):
        take(switched(project, sources=sources))


def test_a_stop_stops_it_and_a_foreign_codex_too(motivated):
    take(motivated)
    (motivated.folder / "codex").mkdir()
    forged = (Path(__file__).parents[3] / "src/selftune/codex/brick_robin.toml").read_text(encoding="utf-8")
    (motivated.folder / "codex" / "brick_robin.toml").write_text(
        forged.replace("short, firm sentences", "long sentences"), encoding="utf-8"
    )
    with pytest.raises(IntegrityError):
        take(motivated)
    (motivated.hidden / "brake.json").write_text("stop", encoding="utf-8")
    with pytest.raises(WaitingForPersonError):
        take(motivated)
    assert len(read_diary(motivated).taken) == 1


def test_what_could_not_be_held_is_on_record_as_such(motivated):
    with pytest.raises(ServingError):
        take(motivated, FakeHolder(fails=ServingError("nothing serves.", next_step="Start it.")))
    (taken,) = read_diary(motivated).taken
    assert taken.ended_by == "failed: ServingError"


def test_a_person_who_comes_breaks_it_off(motivated):
    def person_comes():
        note_visit(motivated.hidden)
        with asked_to_stop() as stop:
            return stop()

    with quick_looks():
        held = take(motivated, FakeHolder(while_held=person_comes))
    assert held.interrupted
    assert held.taken.ended_by == "interrupted"


def test_who_comes_while_a_goal_is_chosen_is_not_kept_waiting(motivated):
    class Visited(FakeHolder):
        def propose(self, project, codex, noticed, seed):
            note_visit(project.hidden)

    asking = switched(motivated, sources=("model", "curiosity"))
    with quick_looks(), pytest.raises(NotYet, match="somebody came"):
        take(asking, Visited())
    assert read_diary(asking).taken == ()


@contextmanager
def quick_looks():
    """A visit is looked for each time, and a second has passed by then."""
    seconds = count(0.0)

    class Soon(Visit):
        def __init__(self, idleness):
            super().__init__(idleness, lambda: next(seconds))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("selftune.loop.motivation.running.Visit", Soon)
        yield


def test_a_question_by_a_person_is_seen_in_the_log(project):
    idleness = Idleness(project, touched=lambda: None, now=NOON.timestamp)
    assert idleness.seconds() == float("inf")
    project.store.save([said("Hello?", happened_at="2026-11-22T11:50:00+00:00")], event="captured")
    project.store.save(
        [said("Myself?", trigger=Trigger.MOTIVATOR, position="2", happened_at="2026-11-22T11:59:00+00:00")],
        event="captured",
    )
    assert idleness.seconds() == 600
    assert Idleness(project, touched=lambda: 5.0, now=NOON.timestamp).seconds() == 5


def test_when_all_was_asked_nothing_is_left_and_it_says_so(motivated):
    unlimited = switched(motivated, dialogues_per_day=1000, tokens_per_day=10**9, minutes_per_day=10**6)
    empty = read_diary(unlimited)
    for goal in candidates_of(unlimited):
        note_taken(unlimited, empty, goal, 1.0, "2026-11-22")
    with pytest.raises(NothingNewError, match="candidates"):
        take(unlimited)


def candidates_of(project):
    codex = codex_of(project.folder, project.config)
    return make_candidates(codex, notice(project, codex))
