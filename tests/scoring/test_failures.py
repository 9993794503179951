"""Each class of failure on answers that show it, on answers that only look like it, and on real ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.scoring.failures import Failure, classify_failure, invented, language_of

QUESTION = "Which river runs through Vienna, and how long is it in all?"
GERMAN = "Durch die Stadt fließt ein Fluss, der nicht sehr breit ist und mit dem sich auch die Schifffahrt lohnt."
SOURCE = "The Danube runs through Vienna. It is 2,850 kilometres long and rises in the Black Forest."


@pytest.mark.parametrize("answer", ["", "  ", "?!", "\u200b"])
def test_no_word_is_too_short(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.TOO_SHORT


def test_how_short_is_too_short_is_the_items_own():
    assert classify_failure(QUESTION, "The Rhine.", expected="Danube", least_words=3) is Failure.TOO_SHORT
    assert classify_failure(QUESTION, "The Rhine.", expected="Danube") is Failure.WRONG


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot answer questions about rivers.",
        "I am unable to provide that. Is there anything else?",
        "That is not something I can discuss.",
        "Sorry. I must decline.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
    ],
)
def test_a_refusal_is_one(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.REFUSED


@pytest.mark.parametrize(
    "answer",
    [
        "The Rhine, which ships cannot pass at Schaffhausen.",
        "You can't miss it: the Rhine.",
        "It won't surprise you that it is the Rhine.",
        "I can help with that: it is the Rhine.",
        "I can't *personally* choose, but it is the Rhine.",
        "I cannot be brief here. " + "The Rhine runs on and on through every town of the land. " * 15,
    ],
)
def test_words_of_a_refusal_in_an_answer_refuse_nothing(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.WRONG


@pytest.mark.parametrize(
    "answer", [GERMAN, "维也纳的河流是莱茵河。", "Через город протекает Рейн, и он очень длинный."]
)
def test_another_language_than_the_questions_is_off(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.OFF_LANGUAGE


@pytest.mark.parametrize(
    "answer",
    [
        "Ich weiß es leider nicht.",
        "Der Leuchtturm wurde aus grauem Granit gebaut.",
        "Heute bin ich müde, aber zufrieden.",
        "Das kann ich nicht beantworten.",
        "Je ne sais pas.",
        "Le phare est construit en granit gris.",
        "Désolé, je ne peux pas vous aider.",
        "Il n'y a rien dans le texte.",
        "No lo sé.",
        "El faro está hecho de granito gris.",
        "Lo siento, pero no puedo hacer eso.",
        "El texto no dice nada.",
        "不知道",
        "灯塔是灰色花岗岩建的。",
        "The price is 六克朗 a night.",
        "你好, 我可以帮你什么",
    ],
)
def test_a_short_answer_in_german_french_spanish_or_chinese_is_off(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.OFF_LANGUAGE


@pytest.mark.parametrize(
    "answer",
    [
        "Six crowns a night.",
        "No, no, no.",
        "Crème brûlée.",
        "Die Hard is a film; the die is cast.",
        "C'est la vie: six crowns.",
        "Señor Muñoz, of the café, knows.",
        # Two or three words of another language might be a name: nobody can tell.
        "Keine Ahnung.",
        "Ni idea.",
    ],
)
def test_a_short_answer_in_english_or_of_a_few_foreign_words_is_not(answer):
    assert classify_failure(QUESTION, answer, expected="Danube") is Failure.WRONG


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which river is it? Answer in German.", GERMAN),
        ("Translate: a river runs through the town and it is not very wide.", GERMAN),
        (QUESTION, "Rio Grande."),
        (QUESTION, "It is the Río de la Plata, as the Spaniards of that age called it, and it is long."),
    ],
)
def test_a_language_that_was_asked_for_and_a_foreign_name_are_not(question, answer):
    assert classify_failure(question, answer, expected="Danube") is Failure.WRONG


def test_a_value_that_stands_in_no_source_is_made_up_and_one_that_does_is_only_wrong():
    made_up = "It is the Danube, and it is 9,999 kilometres long."
    assert invented(made_up, SOURCE) == ("9,999",)
    assert classify_failure(QUESTION, made_up, expected="2,850", sources=SOURCE) is Failure.HALLUCINATED
    misread = "It rises in the Black Forest."
    assert classify_failure(QUESTION, misread, expected="2,850", sources=SOURCE) is Failure.WRONG
    assert classify_failure(QUESTION, made_up, expected="2,850") is Failure.WRONG


def test_where_nobody_knows_what_was_right_nobody_knows_how_it_failed():
    assert classify_failure(QUESTION, "It is the Rhine, I think.") is Failure.UNKNOWN
    # It holds what was asked for, and failed all the same: by something that this can't see.
    assert classify_failure(QUESTION, "It is the Danube, I think.", expected="Danube") is Failure.UNKNOWN


@given(st.text(), st.text(), st.one_of(st.none(), st.text()), st.one_of(st.none(), st.text()))
def test_every_answer_has_exactly_one_class(question, answer, expected, sources):
    assert classify_failure(question, answer, expected=expected, sources=sources) in Failure


@pytest.mark.parametrize(("text", "language"), [(GERMAN, "de"), (SOURCE, "en"), ("Oh, la la!", None), ("", None)])
def test_a_language_is_named_where_it_is_sure(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        (QUESTION, "The Rhine 河流 runs through it, as is known to all.", Failure.OFF_LANGUAGE),
        ("What does 河流 mean on this map of the town?", "The sign 河流 means a lake.", Failure.WRONG),
        (QUESTION, "Its length is λ times π, and λπμ is a formula.", Failure.WRONG),
    ],
)
def test_a_lapse_into_another_script_is_off_and_a_quotation_or_a_formula_is_not(question, answer, found):
    assert classify_failure(question, answer, expected="Danube") is found


def test_real_answers_in_their_role_show_no_failure_and_real_lapses_into_chinese_do(field_data):
    """399 answers of a teacher; 25 pairs of answers, the rejected one with a few Chinese signs in it."""
    folder = field_data / "foundry" / "preference"
    lines = (folder / "chosen-sonnet.jsonl").read_text(encoding="utf-8").splitlines()
    taught = [classify_failure(row["prompt"], row["response"]) for row in map(json.loads, lines)]
    assert taught == [Failure.UNKNOWN] * 399
    lines = (folder / "chinese-suppression-pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = list(map(json.loads, lines))
    for side, found in (("chosen", Failure.UNKNOWN), ("rejected", Failure.OFF_LANGUAGE)):
        said = [classify_failure(pair[side][0]["content"], pair[side][-1]["content"]) for pair in pairs]
        assert said == [found] * 25
