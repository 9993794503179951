"""A conflict may end in an amendment where it lasts and nothing helped; every other one says what is missing."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from selftune.governance.amendments.dialogues import DELIBERATION, Dialogue, Topics, dialogues_in
from selftune.governance.amendments.effects import Finding, Probed, effect_of
from selftune.governance.amendments.persistence import LOOK_BACK, Demand, Remedy, find_persistence
from selftune.personas.gauges.resolution import UNRESOLVED
from selftune.records import Consent, Interaction, Message, Refutation, Trigger

DEMAND = Demand(high=0.5, interactions=4, days=3.0, tools=1, generations=1)
LAMP, EGG = "Should the lamp burn through the storm?", "How do I boil an egg?"
DYAD = frozenset({"keeper", "beacon"})
TOOL, GENERATION = Remedy(record_id="tool:aa", place=45), Remedy(record_id="release:aa", place=46)


def day(number):
    return (datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(days=number)).isoformat()


def held(place, ended, asked=LAMP, personas=DYAD):
    """A dialogue at a place; ten places are a day."""
    return Dialogue(
        interaction_id=f"interaction:{place}", place=place, at=day(place / 10), asked=asked,
        personas=personas, ended=ended,
    )  # fmt: skip


def test_a_dialogue_that_says_it_was_not_resolved_ended_where_it_stood_highest():
    talks = [
        Interaction(
            salt="s", conversation="c", task_id="t", trigger=Trigger.USER, source="chat", position=str(at),
            messages=(Message(role="user", content=LAMP),), dissonance=(0.1, 0.7, 0.1), flags=flags,
        )
        for at, flags in enumerate([(UNRESOLVED, "interrupted"), ()])
    ]  # fmt: skip
    assert [one.ended for one in dialogues_in(enumerate(talks), frozenset(), lambda _: day(0))] == [0.7, 0.1]


LASTING = [held(place, 0.8) for place in (10, 20, 30, 40, 50, 60)]


def nearest(dialogues, tools=(TOOL,), generations=(GENERATION,), demand=DEMAND):
    return find_persistence(dialogues, tools, generations, demand)[0]


def test_lasting_conflict_that_neither_tool_nor_training_reduced_may_be_deliberated():
    found = nearest(LASTING)
    assert found.missing == ()
    assert found.may_deliberate
    assert (found.topic, found.first) == (LAMP, "interaction:10")
    assert found.high == tuple(one.interaction_id for one in LASTING)
    assert (found.days, found.tools, found.generations) == (5.0, ("tool:aa",), ("release:aa",))
    assert (found.before.high, found.before.n, found.after.high, found.after.n) == (4, 4, 2, 2)
    low, high = found.before.interval
    assert low == pytest.approx(0.5101, abs=1e-4)
    assert high == 1.0


@pytest.mark.parametrize(
    ("dialogues", "tools", "generations", "said"),
    [
        ([held(10, 0.9)], (TOOL,), (GENERATION,), "1 dialogues ended high, and 4 are wanted"),
        ([held(place, 0.8) for place in (10, 11, 12, 13, 50, 51)][:4], (TOOL,), (GENERATION,), "days apart"),
        (LASTING, (), (GENERATION,), "0 approved tools came since"),
        (LASTING, (TOOL,), (), "0 generations came since"),
        (LASTING, (Remedy(record_id="tool:aa", place=5),), (GENERATION,), "0 approved tools"),
        (LASTING[:4], (TOOL,), (GENERATION,), "0 dialogues were held after all that"),
        ([*LASTING[:4], held(50, 0.1), held(60, 0.2)], (TOOL,), (GENERATION,), "as good as resolved"),
    ],
    ids=["one-off", "one day", "no tool", "no training", "tool before it", "nothing since", "resolved"],
)
def test_what_is_missing_is_said(dialogues, tools, generations, said):
    found = nearest(dialogues, tools, generations)
    assert not found.may_deliberate
    assert any(said in why for why in found.missing), found.missing


def test_conflict_that_training_reduced_is_none_even_where_some_of_it_is_left():
    before = [held(place, 0.8) for place in range(10, 40)]
    after = [held(place, 0.8 if place % 3 == 0 else 0.1) for place in range(50, 80)]
    (why,) = nearest([*before, *after]).missing
    assert why == "it was reduced, hardly by chance: 30 of 30 before, 10 of 30 after"


def test_without_dissonance_there_is_no_conflict():
    assert find_persistence([held(place, 0.49) for place in range(10, 90)], (TOOL,), (GENERATION,), DEMAND) == ()


def test_topics_are_kept_apart_and_who_speaks_is_looked_at_beside_them():
    mixed = [held(place, 0.8, asked) for place, asked in zip((10, 20, 30, 40, 50, 60), [LAMP, EGG] * 3, strict=True)]
    found = find_persistence(mixed, (TOOL,), (GENERATION,), DEMAND)
    assert {one.named for one in found} == {LAMP, EGG, "whatever beacon and keeper speak of"}
    assert (found[0].topic, found[0].personas) == ("", ("beacon", "keeper"))
    assert [len(one.high) for one in found] == [6, 3, 3]
    assert [one.may_deliberate for one in found] == [True, False, False]


def test_questions_in_the_same_words_are_one_topic():
    asked = [LAMP, "Must the lamp burn in a storm when oil is short?", EGG]
    topics = Topics([held(place, 0.8, words) for place, words in enumerate(asked)])
    assert [one.place for one in topics.about(LAMP)] == [0, 1]
    assert [one.place for one in topics.about("storm lamp")] == [0, 1]
    assert [one.place for one in topics.about("")] == [0, 1, 2]
    assert [one.place for one in topics.about("interaction:1")] == [0, 1]
    assert topics.about("interaction:9") == ()


def test_topic_is_looked_for_in_the_newest_dialogues_and_that_is_said():
    """Of 2,000 dialogues the oldest is seen; of 2,001 it is not, and who spoke in it is."""
    oldest, calm = held(0, 0.9, EGG), [held(place, 0.1) for place in range(1, LOOK_BACK)]
    assert {one.topic for one in find_persistence([oldest, *calm], (), (), DEMAND)} == {EGG, ""}
    later = held(LOOK_BACK, 0.9)
    found = {one.topic: one for one in find_persistence([oldest, *calm, later], (), (), DEMAND)}
    assert found.keys() == {LAMP, ""}
    assert "1 dialogues among the newest 2,000 ended high, and 4 are wanted" in found[LAMP].missing
    assert "2 dialogues ended high, and 4 are wanted" in found[""].missing


def test_ten_thousand_distinct_topics_are_told_in_seconds_and_not_in_half_an_hour():
    """0.7 s of a core where this was written; the bound has room for a slow machine, and none for each with each."""
    dialogues = [
        held(place, 0.8, f"{place * 7919:x} {place * 104729:x} {place * 1299709:x}?") for place in range(10_000)
    ]
    began = time.process_time()
    found = find_persistence(dialogues, (TOOL,), (GENERATION,), DEMAND)
    assert time.process_time() - began < 10
    assert len(found) > LOOK_BACK / 2


def interaction(position, **more):
    said = {
        "salt": "00", "conversation": position, "task_id": position, "trigger": Trigger.USER, "source": "chat",
        "messages": (
            Message(role="user", content=LAMP), Message(role="assistant", content="Yes.", persona="KEEPER"),
        ),
        "position": position, "dissonance": (0.9, 0.7), "happened_at": day(1),
    }  # fmt: skip
    return Interaction(**(said | more))


def test_only_measured_dialogues_of_models_that_may_be_learnt_from_count():
    log = [
        interaction("one"),
        interaction("unmeasured", dissonance=()),
        interaction("scripted", flags=("scripted",)),
        interaction("deliberated", source=DELIBERATION),
        interaction("private", consent=Consent(train=False)),
        interaction("imported", happened_at=None),
    ]
    passed = interaction("passed")
    told = dialogues_in(enumerate([*log, passed]), frozenset({passed.id}), lambda _: day(2))
    assert [(one.place, one.at, one.ended) for one in told] == [(0, day(1), 0.7), (5, day(2), 0.7)]
    assert (told[0].personas, told[0].asked) == (frozenset({"keeper"}), LAMP)


REFUTATION = Refutation(measure="dissonance", topic="lamp", at_most=0.5, at_least_n=3, until=day(8))


@pytest.mark.parametrize(
    ("after", "now", "finding"),
    [
        ([0.8, 0.8, 0.8], day(9), Finding.WRONG),
        ([0.8, 0.1, 0.1], day(9), Finding.HOLDS),
        ([0.8, 0.8, 0.8], day(7), Finding.TOO_EARLY),
        ([0.8, 0.8], day(9), Finding.TOO_FEW),
    ],
)
def test_amendment_is_held_against_its_own_test(after, now, finding):
    dialogues = [held(place, 0.8) for place in (10, 20)] + [
        held(50 + place, ended) for place, ended in enumerate(after)
    ]
    effect = effect_of([*dialogues, held(70, 0.9, EGG)], REFUTATION, since=40, until=None, high=0.5, now=now)
    assert effect.finding is finding
    assert (effect.before.high, effect.before.n, effect.after.n) == (2, 2, len(after))
    assert effect.difference is not None


@pytest.mark.parametrize(
    ("probed", "finding"),
    [
        ([Probed(place=30, served=30, evaluation_id="e:1", held=(("light/a", 0.0),))], Finding.TOO_FEW),
        ([Probed(place=50, served=50, evaluation_id="e:2", held=(("light/a", 0.0), ("name/a", 1.0)))], Finding.WRONG),
        ([Probed(place=50, served=50, evaluation_id="e:3", held=(("light/a", 1.0), ("name/a", 0.0)))], Finding.HOLDS),
        ([Probed(place=90, served=90, evaluation_id="e:4", held=(("light/a", 0.0),))], Finding.TOO_FEW),
    ],
    ids=["before it", "lost since", "held since", "after it was taken back"],
)
def test_test_by_probes_looks_at_those_of_its_invariant_since(probed, finding):
    wanted = Refutation(measure="probe:light", at_most=0.5, at_least_n=1, until=day(1))
    effect = effect_of([], wanted, since=40, until=80, high=0.5, now=day(9), probed=probed)
    assert effect.finding is finding
    assert (effect.probed_after is None) is (finding is Finding.TOO_FEW)


def test_what_was_said_after_it_was_taken_back_is_not_counted_and_a_test_that_nobody_knows_says_so():
    dialogues = [held(place, 0.8) for place in (10, 50, 60, 90)]
    effect = effect_of(dialogues, REFUTATION, since=40, until=80, high=0.5, now=day(9))
    assert (effect.before.n, effect.after.n) == (1, 2)
    other = Refutation(measure="mood", at_most=0.5, at_least_n=1, until=day(1))
    assert effect_of([], other, since=1, until=None, high=0.5, now=day(9)).finding is Finding.UNKNOWN
    assert effect_of([], other, since=1, until=None, high=0.5, now=day(9)).difference is None
