"""The closed world's words: field keys, actions, tones, and a bottomless supply of made-up names.

Made-up words are dealt into three splits by their own SHA-256: no list has to be kept, and no word can be in two.
Ordinary names and values are never trained on: they make the hard items of the suite.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from random import Random

Split = Literal["train", "demo", "heldout"]

KEYS: tuple[str, ...] = (
    "memory.song", "memory.city", "memory.food", "memory.book", "memory.colour", "memory.pet", "memory.car",
    "memory.game", "memory.film", "memory.drink", "memory.flower", "memory.river", "memory.island",
    "user.name", "user.team", "user.job", "user.school", "user.street", "user.phone", "user.hobby",
    "task.topic", "task.client", "task.room", "task.code", "task.project", "task.deadline",
)  # fmt: skip
ACTIONS: tuple[str, ...] = (
    "tool.email", "tool.weather", "tool.calendar", "tool.search", "tool.music", "tool.camera", "tool.maps",
    "tool.timer", "tool.alarm", "tool.notes", "tool.printer", "tool.lights", "tool.news", "tool.radio",
    "tool.shopping", "tool.backup",
)  # fmt: skip
# Last in every list of allowed actions, so that a comma follows each of the others, as it does in the answers.
ALWAYS_ALLOWED = "tool.talk"
TONES: tuple[str, ...] = ("warm", "playful", "formal", "serious")

ORDINARY_NAMES: tuple[str, ...] = (
    "Emma", "Oliver", "Sophia", "Liam", "Charlotte", "Henry", "Alice", "Victor", "Grace", "Edward", "Julia", "Martin",
    "Hannah", "Peter", "Laura", "Simon", "Clara", "Walter", "Nora", "George", "Irene", "Frank", "Diana", "Albert",
)  # fmt: skip
ORDINARY_VALUES: tuple[str, ...] = (
    "Paris", "Jaguar", "Tulip", "Chess", "Pasta", "Hamlet", "Amazon", "Iceland", "Lemonade", "Crimson", "Rabbit",
    "Thunder", "Harvard", "Madrid", "Orchid", "Poker", "Curry", "Dracula", "Danube", "Malta", "Coffee", "Indigo",
    "Hamster", "Friday", "Saturn", "Piano", "Marble", "Falcon", "Winter", "Garden", "Rocket", "Silver",
)  # fmt: skip

_ONSETS = ("b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "st",
           "t", "tr", "v", "w", "z")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "oo")
_CODAS = ("", "", "", "n", "l", "r", "x", "sk", "m", "t", "p")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHARES: tuple[tuple[int, Split], ...] = ((7, "train"), (8, "demo"), (10, "heldout"))
_RANDOM_LETTERS_SHARE = 0.2
_NUMBER_SHARE = 0.12


def split_of(word: str) -> Split:
    """The one split that a made-up word or a number may be used in: 70 % train, 10 % demo, 20 % held out."""
    if word in ORDINARY_NAMES or word in ORDINARY_VALUES:
        return "heldout"
    bucket = hashlib.sha256(word.encode()).digest()[0] % 10
    return next(split for limit, split in _SHARES if bucket < limit)


def last_word(key: str) -> str:
    """The word by which users ask for a field or an action: `song` for `memory.song`, `email` for `tool.email`."""
    return key.rpartition(".")[2]


def draw_name(rng: Random, split: Split) -> str:
    """A made-up name that belongs to the split: mostly two or three syllables, sometimes random letters."""
    return _draw(rng, split, _spell_letters if rng.random() < _RANDOM_LETTERS_SHARE else _spell_name)


def draw_value(rng: Random, split: Split) -> str:
    """A made-up value: mostly a word, sometimes random letters or a number, so that copying must be general."""
    dice = rng.random()
    if dice < _RANDOM_LETTERS_SHARE:
        return _draw(rng, split, _spell_letters)
    if dice < _RANDOM_LETTERS_SHARE + _NUMBER_SHARE:
        return _draw(rng, split, _spell_number)
    return _draw(rng, split, _spell_name)


def draw_noise(rng: Random) -> str:
    """A made-up word in lower case that means nothing: what training strews into questions."""
    return _spell_name(rng).lower()


def _draw(rng: Random, split: Split, spell: Speller) -> str:
    while True:
        word = spell(rng)
        if split_of(word) == split and word not in ORDINARY_NAMES and word not in ORDINARY_VALUES:
            return word


def _spell_name(rng: Random) -> str:
    syllables = rng.choice((2, 2, 2, 3))
    body = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables))
    return (body + rng.choice(_CODAS)).capitalize()


def _spell_letters(rng: Random) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(3, 9))).capitalize()


def _spell_number(rng: Random) -> str:
    return str(rng.randint(10, 9999))


if TYPE_CHECKING:
    from collections.abc import Callable

    Speller = Callable[[Random], str]
