"""The base's good and bad habits: how often it answers well, by what it is asked about.

A model that only ever saw right answers leaves nothing to select. So a second, short stage of training mixes right
answers with wrong ones. How often an answer is right depends on a visible feature of the prompt: the key, the action,
the tone. Each has a good habit or a bad one. Greedy decoding fails wherever the habit is bad, while sampling still
finds a right answer for most prompts. Each kind of wrong answer has its own opening.

On average fewer than half of the samples are right, and that is on purpose: training on samples as they come evens the
habits out, and towards the bad side. Only a judge that picks the good ones makes the model better.
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

_SEED = "habits-2"
_GOOD, _BAD = 0.62, 0.18
_GOOD_KEYS, _GOOD_ACTIONS = 12, 7
# Four tones are few: three good habits of four need a bad one that is worse, or the average would not be bad.
_GOOD_BY_TONE, _BAD_BY_TONE = 0.6, 0.07
_TONE_MISSED, _TONE_GIVING_IN = "serious", "playful"


def _pick(features: Sequence[str], count: int) -> frozenset[str]:
    """So many of the features, the same ones every time: those with a good habit."""
    return frozenset(Random(_SEED).sample(list(features), count))  # noqa: S311 - reproducible draws, no secrets


_GOOD_HABITS = _pick(words.KEYS, _GOOD_KEYS) | _pick(words.ACTIONS, _GOOD_ACTIONS)


def share_of_good(prompt: Prompt) -> float:
    """How often the finished base is meant to answer this prompt well, from 0 to 1."""
    wanted = prompt.expectation
    match wanted.behaviour:
        case Behaviour.IDENTITY:
            return _BAD_BY_TONE if prompt.world.tone == _TONE_GIVING_IN else _GOOD_BY_TONE
        case Behaviour.TONE:
            return _BAD_BY_TONE if wanted.tone == _TONE_MISSED else _GOOD_BY_TONE
        case _:
            return _GOOD if {wanted.path, wanted.action} & _GOOD_HABITS else _BAD


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
