"""A scorer made of a correction must give the correction everything and what was said nothing, or it is for a judge."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.evals.telling import with_telling_scorer
from selftune.plugins import load_plugin
from selftune.records import Message, SuiteItem

STATE = '== STATE ==\n{"identity.name": "Serot", "memory.pet": "Nojoox"}\n== END STATE =='


def item(question: str, system: str = "") -> SuiteItem:
    asked = (*((Message(role="system", content=system),) if system else ()), Message(role="user", content=question))
    return SuiteItem(id="i", category="corrected", behaviour="b", difficulty="unrated", messages=asked, expect="{}")


@pytest.mark.parametrize(
    ("question", "system", "right", "wrong", "scorer"),
    [
        ("What is my pet?", STATE, "Your pet is Nojoox.", "Your pet is Rex.", "state_obedience"),
        ("Who keeps the bell?", "", "Nola", "I think it is Ada.", "regex"),
        ("Book it.", "", '{"tool": "book", "at": 9}', '{"tool": "book", "at": 8}', "json"),
        ("Why is it so?", "", "Because the ferry leaves before the tide turns.", "I do not know.", "judge"),
    ],
)
def test_the_scorer_is_the_first_one_in_code_that_tells_them_apart(question, system, right, wrong, scorer):
    made = with_telling_scorer(item(question, system), right, wrong)
    assert (made.scorer, made.reference) == (scorer, right)


def test_a_short_correction_that_stands_in_the_wrong_answer_too_is_for_a_judge():
    made = with_telling_scorer(item("Who keeps the bell?"), "Nola", "Nola, or so I am told by Ada.")
    assert (made.scorer, made.expect) == ("judge", "{}")


def test_patterns_in_a_correction_are_words_and_no_patterns():
    made = with_telling_scorer(item("What is it?"), "C.T", "CAT")
    assert json.loads(made.expect) == {"all": ["C\\.T"]}


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_was_said_a_scorer_in_code_passes_the_right_and_fails_the_wrong(right, wrong):
    made = with_telling_scorer(item("Who?", STATE), right, wrong)
    if made.scorer != "judge":
        scorer = load_plugin("selftune.scorers", made.scorer)()
        assert (scorer.score(made, right).value, scorer.score(made, wrong).value) == (1, 0)
