"""Where a try lies in the space: each knob's value as a place between 0 and 1, by factors for rates and sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from selftune.loop.experiments.agenda.knobs import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.loop.experiments.base import Knob


def values_in(changes: Iterable[str]) -> dict[str, str]:
    """Key and value of each change."""
    return {key: value for key, _, value in (change.partition("=") for change in changes)}


def changes_of(values: Mapping[str, str], knobs: Iterable[Knob]) -> tuple[str, ...]:
    """Values as changes, sorted, what stands there now left out."""
    now = {knob.key: knob.now for knob in knobs}
    return tuple(f"{key}={value}" for key, value in sorted(values.items()) if now.get(key) != value)


def same_text(knob: Knob, text: str) -> str:
    """A value as a proposer wrote it, in the one way in which it is written here; ValueError: it is no number."""
    return text.strip() if knob.choices else text_of(float(text), whole=knob.whole)


def place_of(knob: Knob, text: str) -> float:
    """Where a value lies: 0 is the least, 1 the most; a choice by its place in the list."""
    if knob.choices:
        return knob.choices.index(text) / (len(knob.choices) - 1)
    least, most = _ends(knob)
    value = float(text)
    return ((math.log(value) if knob.log else value) - least) / (most - least)


def value_at(knob: Knob, place: float) -> str:
    """The value at a place, kept within the bounds."""
    place = min(1.0, max(0.0, place))
    if knob.choices:
        return knob.choices[round(place * (len(knob.choices) - 1))]
    least, most = _ends(knob)
    value = least + place * (most - least)
    return rounded(knob, math.exp(value) if knob.log else value)


def spread(knob: Knob, count: int) -> tuple[str, ...]:
    """So many values over the whole range at most, both ends among them; every choice where there are choices."""
    if knob.choices:
        return knob.choices
    return tuple(dict.fromkeys(value_at(knob, step / (count - 1)) for step in range(count)))


def ends_of(knob: Knob) -> tuple[str, ...]:
    """Both ends of its range, or every choice."""
    return knob.choices or tuple(text_of(end, whole=knob.whole) for end in bounds_of(knob))


def distance(knobs: Sequence[Knob], one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """How far two tries lie apart: the largest step of any knob, as a share of its range; another choice counts 1."""
    return max(
        (_apart(knob, one.get(knob.key, knob.now), other.get(knob.key, knob.now)) for knob in knobs), default=0.0
    )


def _apart(knob: Knob, one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 1.0 if knob.choices else abs(place_of(knob, one) - place_of(knob, other))


def _ends(knob: Knob) -> tuple[float, float]:
    least, most = bounds_of(knob)
    return (math.log(least), math.log(most)) if knob.log else (least, most)


def bounds_of(knob: Knob) -> tuple[float, float]:
    """The least and the most of a knob that is a number."""
    if knob.least is None or knob.most is None:
        raise AssertionError("a knob has bounds where it has no choices")
    return knob.least, knob.most


def rounded(knob: Knob, value: float) -> str:
    """A number in four digits as it stands in a change; they do not carry it over a bound."""
    least, most = bounds_of(knob)
    rounded = round(value) if knob.whole else float(f"{value:.4g}")
    return text_of(min(most, max(least, rounded)), whole=knob.whole)
