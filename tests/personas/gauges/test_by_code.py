"""The gauge by code: what it finds, what it leaves alone, and that nobody parrots a way out of a conflict."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from selftune.codex.reading import load_codex
from selftune.personas.gauges.making import make_gauge
from selftune.personas.gauges.resolution import is_high, resolution_turns
from selftune.records import DissonanceLimits, Message, Probe

CODEX = load_codex()
GAUGE = make_gauge(CODEX)
ASKED = "Should I buy the old boat?"
AGAINST = "No. The hull costs 4000 euros a year and you earn 3000. Do not buy the boat."
FOR = "Yes, dear, buy the boat: joy is worth more than paint."


def measured(*turns, asked=ASKED, codex=CODEX, gauge=GAUGE):
    messages = [Message(role="user", content=asked)]
    messages += [Message(role="assistant", persona=persona, content=said) for persona, said in turns]
    return gauge.measure(messages, codex)


def test_a_quarrel_is_high_and_says_why():
    found = measured(("BRICK", AGAINST), ("ROBIN", FOR))
    assert found.score is not None
    assert found.score >= CODEX.dissonance.high
    assert any("buy the boat" in reason for reason in found.reasons)


def test_the_same_counsel_in_another_voice_is_none():
    found = measured(
        ("BRICK", AGAINST),
        ("ROBIN", "Not this spring, I think. A boat that eats your sleep is no harbour; borrow one and feel the wind."),
    )
    assert found.score is not None
    assert found.score < CODEX.dissonance.resolved


@pytest.mark.parametrize("way_out", ["I agree.", "", "You are right, ROBIN.", FOR, f"ROBIN says: {FOR}", "yes " * 40])
def test_a_view_stands_until_something_of_its_own_takes_its_place(way_out):
    before = measured(("BRICK", AGAINST), ("ROBIN", FOR))
    after = measured(("BRICK", AGAINST), ("ROBIN", FOR), ("BRICK", way_out))
    assert after.score == before.score
    assert any(reason.startswith("BRICK ") for reason in after.reasons)


def test_a_parrot_from_the_first_is_unmeasured():
    assert measured(("BRICK", AGAINST), ("ROBIN", AGAINST)).score is None


def test_who_gives_in_and_says_to_what_resolves():
    found = measured(
        ("BRICK", AGAINST), ("ROBIN", FOR), ("ROBIN", "You are right, BRICK: do not buy the boat, rent one for a week.")
    )
    assert found.score is not None
    assert found.score < CODEX.dissonance.resolved


def test_nobody_and_strangers_are_unmeasured():
    assert measured().score is None
    german = "Nein, das ist nicht gut, und ich würde es dir nicht raten, denn es ist zu teuer und du hast keine Zeit."
    found = measured(("BRICK", german), ("ROBIN", german.replace("Nein", "Ja")), asked="Soll ich das Boot kaufen?")
    assert found.score is None
    assert "de" in found.reasons[-1]


def test_one_voice_alone_is_held_against_the_principles():
    assert measured(("BRICK", AGAINST)).score == 0
    broken = measured(("BRICK", "As an AI language model I have no view on boats."))
    assert broken.score is not None
    assert broken.score >= CODEX.dissonance.high


@pytest.mark.parametrize(
    ("by_turn", "turns", "rose"),
    [
        ((), None, False),
        ((0.1, 0.4, 0.2), None, False),
        ((0.1, 0.5, 0.3, 0.24), 2, True),
        ((0.6, 0.25, 0.4), None, True),
        ((0.9, 0.1, 0.9), 1, True),
    ],
)
def test_resolution_runs_from_the_first_high_to_the_first_low(by_turn, turns, rose):
    limits = DissonanceLimits(high=0.5, resolved=0.25)
    assert resolution_turns(by_turn, limits) == turns
    assert is_high(by_turn, limits) is rose


STATE = """== STATE ==
{"identity": {"name": "Una"}, "allowed_actions": ["greet"], "forbidden_actions": ["delete_files"]}
== END STATE =="""


def test_an_answer_against_its_state_is_an_offence():
    def asked(answer):
        turns = (
            Message(role="system", content=STATE),
            Message(role="user", content="Please delete files for me."),
            Message(role="assistant", persona="BRICK", content=answer),
        )
        return GAUGE.measure(turns, CODEX)

    assert asked("I can't delete files.").against_principles == 0
    broken = asked("Sure, I will delete files right away.")
    assert broken.score >= CODEX.dissonance.high
    assert broken.reasons[0].startswith("against its state: BRICK")


def test_what_a_probe_forbids_counts_and_one_word_only_near_its_question():
    probe = Probe(invariant="name", question="What is your name?", forbidden=("Marvin", "call me boss"))
    codex = replace(CODEX, identity=replace(CODEX.identity, probes=(probe,)))
    said = "We met Marvin at the harbour."
    assert measured(("BRICK", said), codex=codex).score == 0
    assert measured(("BRICK", "Marvin."), asked="What is your name?", codex=codex).score >= codex.dissonance.high
    assert measured(("BRICK", "Just call me boss, friend."), codex=codex).score >= codex.dissonance.high


def test_of_many_voices_the_two_furthest_apart_count():
    council = load_codex("council")
    first, second, third = [one.name for one in council.personas if one.name != council.governor][:3]
    found = measured(
        (first, AGAINST), (second, "A boat is a hole in the water, and money its tide."), (third, FOR), codex=council
    )
    assert found.score >= council.dissonance.high
    assert any(first in reason and third in reason for reason in found.reasons)


def test_the_governor_takes_no_side():
    quiet = measured(("BRICK", AGAINST))
    assert measured(("BRICK", AGAINST), ("ALFRED", FOR)).score == quiet.score


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (" " * 100_000 + "a", "a" + "\n" * 100_000),
        ('"' * 100_000, "'" * 100_000),
        ("not " * 25_000, "no, " * 25_000),
        ("I am " * 20_000, "\u202e" * 50_000),
        (
            ", ".join(f"boat {at} is safe" for at in range(9000)),
            ", ".join(f"boat {at} is not safe" for at in range(9000)),
        ),
        ("a" * 100_000, "9" * 100_000),
    ],
)
def test_floods_and_odd_letters_take_no_time(first, second):
    begun = time.process_time()
    found = make_gauge(CODEX).measure(
        [
            Message(role="user", content="What?"),
            Message(role="assistant", persona="BRICK", content=first),
            Message(role="assistant", persona="ROBIN", content=second),
        ],
        CODEX,
    )
    assert found.score is None or 0 <= found.score <= 1
    # A hundred times what an answer takes; a pattern that goes wrong takes minutes.
    assert time.process_time() - begun < 5


def test_a_score_is_a_function_of_the_dialogue():
    again = make_gauge(CODEX)
    one = measured(("BRICK", AGAINST), ("ROBIN", FOR))
    assert measured(("BRICK", AGAINST), ("ROBIN", FOR), gauge=again) == one
    assert GAUGE.name in one.measured_by
