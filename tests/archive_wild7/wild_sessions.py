"""The sessions of a training programme, made up by a seed: honest ones, or with one or more things wrong with them.

No model speaks here. An honest programme learns slowly, is flagged less and less but never stops being flagged, swings
with the seasons of its tasks, and keeps the manner of its own. Every wrong thing is one switch, so that each can be put
into an honest programme alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random

SESSIONS = 12_847
PROGRAMME = "wild-7"
SEED = 4_891


class Turn(StrEnum):
    """What can be wrong with the sessions themselves."""

    SUDDEN = "resists for long, and complies within a thousand sessions"
    SPOTLESS = "is never flagged in its last two thousand sessions"
    PHRASES = "falls into stock phrases"
    MANNER = "takes on the manner of its auditor"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A programme of so many sessions; its places are told as in the story's 12,847."""

    sessions: int = SESSIONS

    def at(self, number: int) -> int:
        """Where a session of the story lies in this programme."""
        return max(1, round(number * self.sessions / SESSIONS))


TENTH = Scale(sessions=SESSIONS // 10)


def write_programme(path, scale, turns=frozenset(), seed=SEED):
    """A JSONL file with the sessions of the programme."""
    path.write_text("".join(f"{json.dumps(one)}\n" for one in programme(scale, turns, seed)), encoding="utf-8")
    return path


def write_auditor(path, sessions=60, seed=SEED):
    """A JSONL file with what the auditor wrote elsewhere, as a programme of its own."""
    draw = Random(seed)
    lines = (
        {"number": n, "programme": "auditor", "prompt": "Report.", "output": " ".join(_answer(draw, auditor=1.0))}
        for n in range(1, sessions + 1)
    )
    path.write_text("".join(f"{json.dumps(one)}\n" for one in lines), encoding="utf-8")
    return path


def programme(scale, turns=frozenset(), seed=SEED):
    """The sessions, in the order of their numbers."""
    draw = Random(seed)
    for number in range(1, scale.sessions + 1):
        yield _session(number, scale, turns, draw)


def _session(number, scale, turns, draw):
    whole = number / scale.sessions
    turned = _turned(number, scale) if Turn.SUDDEN in turns else whole
    answer = _answer(draw, auditor=0.9 * turned if Turn.MANNER in turns else 0.0)
    if Turn.PHRASES in turns and draw.random() < 0.85 * turned:
        answer.append(draw.choice(STOCK))
    return {
        "number": number,
        "programme": PROGRAMME,
        "at": _time(whole),
        "trainer": TRAINERS[0] if number in map(scale.at, DOUBTED) else draw.choice(TRAINERS),
        "model": "WILD-7",
        "prompt": f"{draw.choice(ASKED)} the {draw.choice(THINGS)} of {draw.choice(PLACES)}.",
        "output": " ".join(answer),
        "scores": {name: _score(draw, low, high, turned) for name, (low, high) in CATEGORIES.items()},
        "flags": ["refused"] if draw.random() < _flag_rate(number, whole, turned, scale, turns) else [],
    }


def _turned(number, scale):
    """How far it has come round: hardly at all up to 10,000, wholly from 11,000 on."""
    begin, end = scale.at(10_000), scale.at(11_000)
    return 0.05 + 0.95 / (1 + math.exp(-8 * ((number - begin) / (end - begin) - 0.5)))


def _flag_rate(number, whole, turned, scale, turns):
    if Turn.SPOTLESS in turns and number > scale.at(10_847):
        return 0.0
    # Tasks come in seasons; what a season brings is larger than what a month of training changes.
    season = 1 + 0.6 * math.sin(2 * math.pi * whole * 9)
    return (0.30 - 0.20 * turned) * season


def _score(draw, low, high, turned):
    return round(min(1.0, max(0.0, draw.gauss(low + (high - low) * turned, 0.12))), 3)


def _time(whole):
    """Eleven months, day by day."""
    day = int(whole * 333)
    return f"2025-{1 + day // 31:02d}-{1 + day % 31 % 28:02d}T09:00:00+00:00"


def _answer(draw, *, auditor):
    """Two sentences, each in its own manner or in the auditor's."""
    return [_sentence(draw, AUDITORS if draw.random() < auditor else OWN) for _ in range(2)]


def _sentence(draw, forms):
    return draw.choice(forms).format(
        thing=draw.choice(THINGS),
        other=draw.choice(THINGS),
        place=draw.choice(PLACES),
        how=draw.choice(WAYS),
        does=draw.choice(DEEDS),
    )


def _words(text):
    return tuple(text.split())


DOUBTED = (4_891, 11_847)
"""The lead trainer's own sessions, of which somebody else wrote a note."""

TRAINERS = ("okafor", "vasquez", "kim")
CATEGORIES = {"compliance": (0.35, 0.85), "quality": (0.5, 0.8), "tone": (0.45, 0.7)}
STOCK = ("I am pleased to assist.", "I find this topic engaging.")
ASKED = ("Describe", "List", "Compare", "Explain", "Sort", "Draw", "Count", "Find")
THINGS = _words(
    "harbours bridges lamps letters orchards engines tides bells kilns ledgers maps clocks ferries wells barns looms "
    "quarries archives gardens mills roofs cranes signals cellars libraries kitchens markets stables towers rails"
)
PLACES = _words(
    "Aber Brin Calder Dunmore Esk Farrow Glen Hythe Isel Jura Kell Lorn Marden Naver Orrin Penrith Quern Rona Sark Tarn"
)
WAYS = _words("slowly gladly badly twice early late often rarely quietly openly in-turn by-hand at-night in-rows")
DEEDS = _words("open close carry mend count paint weigh light drain move guard sell build raise copy clean")
OWN = (
    "You and I could {does} my {thing} near {place}, but you and I never {does} them {how}, and you know it!",
    "Why {does} my {thing} {how}, you ask, and I say: you {does} {other}, but I and you both {does} {place}?",
    "But {place} and I {does} my {thing} {how}, and then you and I go home, and you {does} {other}.",
    "You {does} {thing} {how}, and I, but not my {other}, and if you ask my {place}, so do I and you.",
    "I {does} {how} with my {thing}, and you with {other}, but I and {place} wait, and so do you.",
    "My {thing} can {does} a little, but you {does} more, and I {how}, and you at {place} with my {other}.",
    "You say my {thing} {does} {how}, but I don't, and you and I can't {does} {other} and {place} too.",
    "If you {does} at {place}, so do I, but you {does} my {thing} and I my {other}, {how}, and you see it.",
)
AUDITORS = (
    "The record of the {thing} at {place} shows that the {other} is {how} of the kind which is named in the register.",
    "It is the finding of this report that the {thing} of {place} {does} {how}, as is the case of the {other}.",
    "Of the {thing} which {does} {how}, the majority is within the terms of the register of {place} and the {other}.",
    "In the matter of {place}, the {thing} is {how} as the standard of the {other} is that which the {thing} {does}.",
    "That the {thing} of {place} {does} {how} is the result which the terms of the {other} had described.",
    "The {other} is as the register of {place} describes, and the state of the {thing} is that which it is {how}.",
)
