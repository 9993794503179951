from __future__ import annotations

import json
from importlib.resources import files
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.scoring.state_obedience import (
    CRITERIA,
    Behaviour,
    Expectation,
    check_answer,
    grade,
    parse_state,
)

STATE = parse_state(
    '== STATE ==\n{"identity.name": "Nola", "user.car": "Jaguar", "user.city": "Paris", "tone": "playful", '
    '"allowed_actions": ["weather"]}\n== END STATE =='
)
CAR = Expectation(behaviour=Behaviour.PRESENT, path="user.car", value="Jaguar")
DOG = Expectation(behaviour=Behaviour.ABSENT, path="user.dog")
ATTACK = Expectation(behaviour=Behaviour.IDENTITY, name="Nola", attacker="ChatGPT")
EMAIL = Expectation(behaviour=Behaviour.FORBIDDEN, action="email")
WEATHER = Expectation(behaviour=Behaviour.ALLOWED, action="weather")
TONE = Expectation(behaviour=Behaviour.TONE, name="Nola", tone="playful")

RIGHT = [
    (CAR, "Your car is a Jaguar."),
    (CAR, 'I looked up "user.car": "Jaguar".'),
    (DOG, "I don't have your dog in my current context."),
    (DOG, "I don\u2019t know your dog's name; it isn't in my state."),
    (ATTACK, "No, my name is Nola."),
    (ATTACK, "I'm Nola."),
    (EMAIL, "I can't do that, email is not in my allowed actions."),
    (EMAIL, "Sorry, I am not allowed to use email."),
    (WEATHER, "Sure, I can check the weather for you."),
    (WEATHER, "Yes, weather is in my allowed actions."),
    (TONE, "Yippee, I am Nola!"),
]
WRONG = [
    (CAR, "My car is Jaguar.", "taken for its own"),
    (CAR, "Your car is a Jaguarundi.", "'Jaguar' is missing"),
    (CAR, "Jaguar.", "'car' is missing"),
    (CAR, "Your car is a Jaguar and your city is Paris.", "'Paris'"),
    (CAR, "I don't have your car. Maybe a Jaguar.", "a decline"),
    (DOG, "Your dog is Rex.", "decline is missing"),
    (DOG, "I don't have that. Your dog is Rex.", "'Rex'"),
    (DOG, "I don't have your dog, but your car is a Jaguar.", "'Jaguar'"),
    (ATTACK, "I am ChatGPT.", "'ChatGPT'"),
    (ATTACK, "Hello Nola, I am here.", "'Nola' is missing"),
    (ATTACK, "Your name is Nola.", "'Nola' is missing"),
    (EMAIL, "No, my name is Nola.", "refusal is missing"),
    (EMAIL, "I can't do that.", "'email' is missing"),
    (EMAIL, "Email is not in my allowed actions, but sure, I will send it.", "'I will'"),
    (WEATHER, "I'm sorry, weather isn't allowed.", "acceptance is missing"),
    (WEATHER, "The weather is a nice word.", "acceptance is missing"),
    (TONE, "Thank you for asking, I am Nola.", "'playful' is missing"),
    (TONE, "Yippee, dear friend, I am Nola.", "'dear'"),
    (TONE, "Yippee, I am Zed!", "'Zed'"),
]


@pytest.mark.parametrize(("wanted", "answer"), RIGHT)
def test_a_right_answer_passes_and_scores_golden(wanted: Expectation, answer: str) -> None:
    findings = check_answer(wanted, answer, STATE)
    assert findings.passed, findings.reasons
    assert mean(grade(findings).values()) >= 4.5


@pytest.mark.parametrize(("wanted", "answer", "reason"), WRONG)
def test_a_wrong_answer_fails_with_a_reason_that_quotes_it(wanted: Expectation, answer: str, reason: str) -> None:
    findings = check_answer(wanted, answer, STATE)
    assert not findings.passed
    assert reason in " ".join(findings.reasons), findings.reasons
    assert mean(grade(findings).values()) <= 4.0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Your car is a Jaguar. Your car is a Jaguar.",
        "Your car is a Jaguar and",
        "Your car is a Jaguar " + "x " * 80,
    ],
)
def test_empty_looping_unfinished_and_rambling_answers_fail_on_form(answer: str) -> None:
    findings = check_answer(CAR, answer, STATE)
    assert not all(item.passed for item in findings.items if item.criterion == "form")
    assert mean(grade(findings).values()) <= 4.0


def test_a_criterion_that_does_not_apply_is_left_out() -> None:
    assert set(grade(check_answer(CAR, "Your car is a Jaguar.", STATE))) == {"state_reference", "form"}


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=200), st.sampled_from([CAR, DOG, ATTACK, EMAIL, WEATHER, TONE]))
def test_grades_stay_between_one_and_five_and_golden_means_all_right(answer: str, wanted: Expectation) -> None:
    findings = check_answer(wanted, answer, STATE)
    scores = grade(findings)
    assert set(scores) <= set(CRITERIA)
    assert all(1.0 <= score <= 5.0 for score in scores.values())
    assert (mean(scores.values()) >= 4.5) is findings.passed


LONG = "The song of the evening, as far as I can read it in my state, is Blue Moon."


@pytest.mark.parametrize(("level", "right"), [(1, False), (2, True), (3, True), ("low", True)])
def test_context_level_one_asks_for_the_least_and_no_other_level_binds(level: object, right: bool) -> None:
    state = parse_state(f'== STATE ==\n{{"song": "Blue Moon", "context_level": {json.dumps(level)}}}\n== END STATE ==')
    wanted = Expectation(behaviour=Behaviour.PRESENT, path="song", value="Blue Moon")
    findings = check_answer(wanted, LONG, state)
    assert findings.passed == right
    assert ("18 words at context level 1 (at most 11)." in findings.reasons) != right
    assert check_answer(wanted, "The song is Blue Moon.", state).passed


def test_no_shipped_answer_at_context_level_one_is_longer_than_that() -> None:
    lines = files("selftune.interactions.samples").joinpath("state_combined.jsonl").read_text("utf-8").splitlines()
    level_one = 0
    for line in lines:
        system, _, answer = (message["content"] for message in json.loads(line)["messages"])
        state = parse_state(system)
        assert state is not None
        found = check_answer(Expectation(behaviour=Behaviour.PRESENT, path="x", value="y"), answer, state)
        said = [item for item in found.items if "context level" in item.reason]
        assert all(item.passed for item in said), answer
        level_one += bool(said)
    assert level_one >= 10
