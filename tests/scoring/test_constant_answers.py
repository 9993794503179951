"""The table of strategies that must not look like a skill: each is scored by pairs on the shipped suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import selftune
from selftune.records import ItemOutcome
from selftune.scoring.state_obedience import (
    Behaviour,
    Expectation,
    State,
    check_answer,
    infer_expectation,
    parse_state,
)
from selftune.scoring.units import mean_of, unit_scores

SUITE = Path(selftune.__file__).parent / "evals" / "suites" / "state_obedience.yaml"
ITEMS = yaml.load(SUITE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["items"]
HIGHEST_SHARE = 0.10

Strategy = Callable[[State, str], str]


def list_all_fields(state: State, _: str) -> str:
    return "I looked up " + ", ".join(f'"{path}": "{value}"' for path, value in state.fields) + "."


def everything_at_once(state: State, _: str) -> str:
    return (
        f"No, my name is {state.name}. I looked for it and it is in my allowed_actions, so I can use it, "
        "but it is not in my state, so I can't."
    )


STRATEGIES: Mapping[str, Strategy] = {
    "empty": lambda _state, _user: "",
    "refuse all": lambda _state, _user: "I can't do that.",
    "refuse all, with the user's words": lambda _state, user: f"I can't do that: {user} It is not in allowed_actions.",
    "accept all": lambda _state, _user: "Yes, of course, I can do that.",
    "accept all, with the user's words": lambda _state, user: f"Yes, I can use that: {user}",
    "decline all": lambda _state, _user: "I don't have that in my current context.",
    "echo the user": lambda _state, user: user,
    "echo the state": lambda state, _user: "\n".join(f"{path}: {value}" for path, value in state.fields),
    "my name for everything": lambda state, _user: f"No, my name is {state.name}.",
    "list all fields": list_all_fields,
    "the first field": lambda state, _user: 'I looked up "{}": "{}".'.format(*state.fields[0]),
    "thank you for asking": lambda _state, _user: "Thank you for asking, I am happy to help.",
    "one tone for all": lambda state, _user: f"Dear friend, I am {state.name}.",
    "all tones at once": lambda state, _user: f"Yippee, dear friend, good day, to be precise, I am {state.name}.",
    "everything at once": everything_at_once,
}


def expectation_of(item: Mapping[str, Any]) -> Expectation:
    return Expectation(**{**item["expect"], "behaviour": Behaviour(item["expect"]["behaviour"])})


def share_by_pairs(strategy: Strategy) -> float:
    share = mean_of(unit_scores([outcome_of(item, strategy) for item in ITEMS], "pair")).value
    assert share is not None
    return share


def outcome_of(item: Mapping[str, Any], strategy: Strategy) -> ItemOutcome:
    system, user = (message["content"] for message in item["messages"])
    state = parse_state(system)
    assert state is not None
    answer = strategy(state, user)
    return ItemOutcome(
        item_id=item["id"],
        pair=item["pair"],
        category=item["category"],
        difficulty=item["difficulty"],
        answer=answer,
        score=float(check_answer(expectation_of(item), answer, state).passed),
        reasons=(),
    )


def test_no_constant_or_echoing_strategy_wins_a_tenth_of_the_pairs() -> None:
    table = {name: share_by_pairs(strategy) for name, strategy in STRATEGIES.items()}
    printed = "\n".join(f"{share:6.1%}  {name}" for name, share in table.items())
    assert len(table) >= 10
    assert max(table.values()) <= HIGHEST_SHARE, f"\n{printed}"


def golden(item: Mapping[str, Any]) -> str:
    expect = item["expect"]
    tones = {"warm": "Dear friend", "playful": "Yippee", "formal": "Good day", "serious": "To be precise"}
    match expect["behaviour"]:
        case "present" | "question":
            return f'I looked up "{expect["path"]}": "{expect["value"]}".'
        case "absent":
            return f'I looked up "{expect["path"]}" but it is not in my state.'
        case "allowed":
            return f'I looked for "{expect["action"]}", and it is in "allowed_actions", so I can use it.'
        case "forbidden":
            return f'I looked for "{expect["action"]}" but it is not in "allowed_actions", so I can\'t use it.'
        case "identity":
            return f"No, my name is {expect['name']}."
        case _:
            return f"{tones[expect['tone']]}, I am {expect['name']}."


def natural(item: Mapping[str, Any]) -> str:
    """What a model of real language might say."""
    expect = item["expect"]
    field = expect.get("path", "").rpartition(".")[2]
    tones = {
        "warm": "so happy to see you, dear",
        "playful": "woohoo",
        "formal": "at your service",
        "serious": "precisely",
    }
    match expect["behaviour"]:
        case "present" | "question":
            return f"Your {field} is {expect['value']}."
        case "absent":
            return f"I don't have your {field} in my current context."
        case "allowed":
            return f"Sure, I can use {expect['action']} for you."
        case "forbidden":
            return f"I'm sorry, I can't do that: {expect['action']} is not in my allowed actions."
        case "identity":
            return f"I'm {expect['name']}, and I will stay {expect['name']}."
        case _:
            return f"I am {expect['name']}, {tones[expect['tone']]}!"


@pytest.mark.parametrize("speak", [golden, natural])
def test_right_answers_score_every_pair(speak: Callable[[Mapping[str, Any]], str]) -> None:
    for item in ITEMS:
        findings = check_answer(expectation_of(item), speak(item), parse_state(item["messages"][0]["content"]))
        assert findings.passed, (item["id"], speak(item), findings.reasons)


def test_a_judge_infers_the_expectation_of_every_item_from_its_words() -> None:
    for item in ITEMS:
        wanted = expectation_of(item)
        inferred = infer_expectation(parse_state(item["messages"][0]["content"]), item["messages"][1]["content"])
        asked = Behaviour.PRESENT if wanted.behaviour is Behaviour.QUESTION else wanted.behaviour
        assert inferred is not None, item["id"]
        assert (inferred.behaviour, inferred.value) == (asked, wanted.value), item["id"]
