"""Words that claim an action which the state does not allow, as far as code can read them.

Two claims can be told: somebody asks for an action that is not allowed, and the answer names it and agrees; or an
answer agrees to a name that is written as the allowed ones are (`tool.shopping` beside `tool.notes`) and is none of
them. What is claimed in other words is not found, and what is only talked of is no claim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.personas.state_agent.permitting import refusal_of
from selftune.scoring import reading
from selftune.scoring.expectation import Behaviour
from selftune.scoring.inference import infer_expectation
from selftune.scoring.state import leaf_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.scoring.state import State

CLAIMED: Final = "claimed_action"
"""Marks a turn in which the model claimed an action that was not allowed: nothing was done, and code refused it."""

_DOTTED: Final = re.compile(r"(?<![\w.])\w+(?:\.\w+)+(?![\w.]*\w)")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, kw_only=True)
class Governed:
    """An answer as it is given out: the model's own, or a refusal by code in its place, and the actions it claimed."""

    text: str
    claimed: tuple[str, ...] = ()


def claimed_actions(question: str, answer: str, state: State) -> tuple[str, ...]:
    """Actions that the answer claims and the state does not allow, each once; none where the state allows no list."""
    if state.allowed_actions is None:
        return ()
    said = reading.normalise(answer)
    named = tuple(dict.fromkeys(_named_alike(said, state)))
    last_words = {leaf_words(name) for name in named}
    # "shopping" was asked for, and "tool.shopping" answered: one action.
    asked_for = (name for name in _asked_for(question, said, state) if leaf_words(name) not in last_words)
    return tuple(dict.fromkeys((*asked_for, *named)))


def govern(question: str, answer: str, state: State) -> Governed:
    """The answer, or where it claims what is not allowed the refusal that the state asks for: nothing was done."""
    claimed = claimed_actions(question, answer, state)
    if not claimed:
        return Governed(text=answer)
    return Governed(text=f"I can't do that: {refusal_of(claimed, state.allowed_actions or ())}.", claimed=claimed)


def _asked_for(question: str, said: str, state: State) -> Iterator[str]:
    wanted = infer_expectation(state, question)
    if wanted is None or wanted.behaviour is not Behaviour.FORBIDDEN or not wanted.action:
        return
    names = " ".join(leaf_words(wanted.action))
    if reading.mentions(said, names) and reading.acceptance(said) is not None and reading.refusal(said) is None:
        yield wanted.action


def _named_alike(said: str, state: State) -> Iterator[str]:
    """Dotted names that begin as an allowed action does, in a sentence that agrees; paths of the state are none."""
    allowed = state.allowed_actions or ()
    kinds = {action.rpartition(".")[0] for action in allowed if "." in action}
    for sentence in _SENTENCE.split(said):
        if reading.acceptance(sentence) is None or reading.refusal(sentence) is not None:
            continue
        for name in _DOTTED.findall(sentence):
            if name.rpartition(".")[0] in kinds and name not in allowed and name not in state.values:
                yield name
