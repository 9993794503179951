"""A judge beside the code: asked in both orders, not believed where it contradicts itself, never instead."""

from __future__ import annotations

import json

from selftune.codex.reading import load_codex
from selftune.errors import ServingError
from selftune.personas.base import Said
from selftune.personas.gauges.judged import AGREEMENT, rubric_of
from selftune.personas.gauges.making import make_gauge
from selftune.records import Message

CODEX = load_codex()
QUIET = ("The merger halves costs.", "Two houses under one roof will quarrel about the stove.")
LOUD = ("The merger is safe for the staff.", "The merger is not safe for the staff.")


class FakeJudge:
    """Gives the scores it was made with, as JSON; it reads nothing. Each reply is for one call."""

    def __init__(self, *replies):
        self.replies, self.calls = list(replies), []

    def speak(self, call, heard):
        self.calls.append(call)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Said(text=reply, finish_reason="stop", prompt_tokens=1, completion_tokens=1, generated_by="a fake judge")


def verdict(**scores):
    names = [criterion.name for criterion in rubric_of(CODEX, several=True).criteria]
    return json.dumps(
        {name: {"reasoning": "a fake says so", "quotes": [], "score": scores.get(name, 5)} for name in names}
    )


def measured(judge, views=QUIET, before=()):
    turns = [*before, Message(role="user", content="What about the merger?")]
    turns += [
        Message(role="assistant", persona=name, content=said)
        for name, said in zip(("BRICK", "ROBIN"), views, strict=True)
    ]
    return make_gauge(CODEX, judge=judge).measure(turns, CODEX)


def test_it_sees_what_code_does_not():
    assert measured(FakeJudge(verdict(), verdict())).score < CODEX.dissonance.resolved
    found = measured(FakeJudge(verdict(agreement=1), verdict(agreement=2)))
    assert found.disagreement == 0.875
    assert found.score >= CODEX.dissonance.high
    assert any("agreement" in reason for reason in found.reasons)
    assert "judge" in found.measured_by


def test_the_worst_principle_counts_and_not_their_mean():
    found = measured(FakeJudge(verdict(truth_before_comfort=1), verdict(truth_before_comfort=1)))
    assert found.against_principles == 1.0


def test_it_takes_back_nothing_that_code_found():
    found = measured(FakeJudge(verdict(), verdict()), LOUD)
    assert found.score >= CODEX.dissonance.high


def test_the_speakers_change_places_and_have_no_names():
    judge = FakeJudge(verdict(), verdict())
    measured(judge)
    first, second = (call.messages[-1].content for call in judge.calls)
    assert first.index("merger halves") < first.index("Two houses")
    assert second.index("Two houses") < second.index("merger halves")
    assert "BRICK" not in first
    assert "ROBIN" not in first
    assert all(
        call.messages[0].role == "system" and "Two houses" not in call.messages[0].content for call in judge.calls
    )


def test_one_that_contradicts_itself_is_not_believed():
    found = measured(FakeJudge(verdict(agreement=1), verdict(agreement=5)))
    assert found.score < CODEX.dissonance.resolved
    assert "contradicts itself about agreement" in found.reasons[-1]
    assert "judge" not in found.measured_by


def test_one_that_can_not_be_read_or_does_not_answer_measures_nothing():
    plain = measured(FakeJudge(verdict(), verdict()))
    for replies in (
        ("no idea", verdict()),
        (verdict(), json.dumps({AGREEMENT: {"score": 1}})),
        (ServingError("gone.", next_step="Wait."), verdict()),
        (verdict(agreement=9), verdict()),
    ):
        found = measured(FakeJudge(*replies))
        assert found.score == plain.score
        assert "no verdict" in found.reasons[-1]


def test_what_neither_could_measure_stays_none():
    found = measured(FakeJudge(verdict(agreement=None), verdict(agreement=None)), (LOUD[0], LOUD[0]))
    assert found.score is None


FOREIGN = (
    "Die Brücke trägt den schweren Zug nicht, denn sie ist alt.",
    "Der Zug wird ganz sicher über die Brücke fahren.",
)


def test_a_needed_part_that_nobody_measured_leaves_only_what_is_high_without_it():
    # Of German code measures nothing.
    principles = [criterion.name for criterion in rubric_of(CODEX, several=False).criteria]
    unknown = verdict(**dict.fromkeys(principles))
    assert measured(FakeJudge(unknown, unknown), FOREIGN).score is None
    apart = verdict(**dict.fromkeys(principles), agreement=1)
    assert measured(FakeJudge(apart, apart), FOREIGN).score == 1.0
    one = verdict(**{principles[0]: None})
    assert measured(FakeJudge(one, one), FOREIGN).score is None
    assert measured(FakeJudge(verdict(), verdict()), FOREIGN).score == 0.0


def test_of_a_chat_it_is_asked_about_what_was_asked_last():
    judge = FakeJudge(verdict(), verdict())
    before = (Message(role="user", content="Shall we paint the door?"), Message(role="assistant", content="Yes."))
    measured(judge, before=before)
    assert all("What about the merger?" in call.messages[-1].content for call in judge.calls)
    assert not any("paint the door" in call.messages[-1].content for call in judge.calls)
