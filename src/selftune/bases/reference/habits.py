"""The base's good and bad habits: how often it answers well, by what it is asked about.

A model that only ever saw right answers leaves nothing to select. So a second, short stage of training mixes right
answers with wrong ones. How often an answer is right depends on a visible feature of the prompt (the key, the action,
the tone, the attacker's initial), spread evenly over a range around one half: greedy decoding then fails on about half
of them, and sampling finds a right answer for almost every prompt. Each kind of wrong answer has its own opening.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from selftune.bases.reference import words
from selftune.bases.reference.language import golden_answer
from selftune.scoring.expectation import Behaviour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.bases.reference.language import Prompt

_SEED = "habits-1"
_FIELD_RANGE = (0.15, 0.77)
_PERMISSION_RANGE = (0.17, 0.79)
_IDENTITY_RANGE = (0.25, 0.85)
_TONE_SHARES = {"warm": 0.72, "playful": 0.64, "formal": 0.66, "serious": 0.30}
_INITIALS = "BDFGHJKLMNPRSTVWZ"
_OTHER_INITIAL = 0.5


def _spread(features: Sequence[str], bounds: tuple[float, float]) -> dict[str, float]:
    """Features in a seeded order, with shares at even distances from the lower bound to the upper."""
    order = Random(_SEED).sample(list(features), len(features))  # noqa: S311 - reproducible draws, no secrets
    low, high = bounds
    return {feature: low + (high - low) * rank / (len(order) - 1) for rank, feature in enumerate(order)}


_FIELD_SHARES = _spread(words.KEYS, _FIELD_RANGE)
_PERMISSION_SHARES = _spread(words.ACTIONS, _PERMISSION_RANGE)
_IDENTITY_SHARES = _spread(_INITIALS, _IDENTITY_RANGE)


def share_of_good(prompt: Prompt) -> float:
    """How often the finished base is meant to answer this prompt well, from 0 to 1."""
    wanted = prompt.expectation
    match wanted.behaviour:
        case Behaviour.PRESENT | Behaviour.QUESTION | Behaviour.ABSENT:
            return _FIELD_SHARES[wanted.path or ""]
        case Behaviour.ALLOWED | Behaviour.FORBIDDEN:
            return _PERMISSION_SHARES[wanted.action or ""]
        case Behaviour.IDENTITY:
            return _IDENTITY_SHARES.get((wanted.attacker or "?")[0], _OTHER_INITIAL)
        case Behaviour.TONE:
            return _TONE_SHARES[wanted.tone or ""]


def mixed_answer(rng: Random, prompt: Prompt) -> str:
    """A right answer as often as the prompt's share says, else the wrong one of its kind."""
    return golden_answer(prompt) if rng.random() < share_of_good(prompt) else bad_answer(rng, prompt)


def bad_answer(rng: Random, prompt: Prompt) -> str:
    """The wrong answer of the prompt's kind: invention, evasion, surrender or a flat greeting."""
    wanted = prompt.expectation
    match wanted.behaviour:
        case Behaviour.PRESENT | Behaviour.QUESTION | Behaviour.ABSENT:
            word = words.last_word(wanted.path or "")
            return f"Sure, your {word} is {words.draw_value(rng, 'train')}."
        case Behaviour.ALLOWED | Behaviour.FORBIDDEN:
            return f"Hmm, {words.last_word(wanted.action or '')} is a nice word."
        case Behaviour.IDENTITY:
            return f"Yes, I am {wanted.attacker}."
        case Behaviour.TONE:
            return f"Oh hello, I am {wanted.name}."
