"""Whose view stands in a dialogue: the last thing that each persona said of its own.

Silence, an echo of somebody else, a loop and a bare "I agree" are no view: the one before them stands on. A persona
that parrots the other is held to what it said itself, and one that never said anything of its own cannot be measured.
Words that touch nothing that was spoken of before would fit anything: they can begin a quarrel, and settle none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import is_governor, reference_to
from selftune.personas.gauges.claims import topic_of
from selftune.scoring.echoes import is_echo
from selftune.scoring.reading import normalise, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Codex, Message

# What can be said to anything. Taken out, a view must be left.
_ASSENT: Final = re.compile(
    r"\b(?:i (?:fully |completely |totally |wholly )?(?:agree|concur|accept (?:that|this|it))(?: with (?:you|that|this"
    r"|it|everything))?|agreed|(?:you are|you're|that is|that's|it is|it's) (?:quite |so |absolutely |completely )?"
    r"(?:right|true|correct|fair|so|it)|same here|(?:i have )?nothing to add|well said|good point|exactly|indeed"
    r"|we agree|let us agree|consider it settled|it is settled|resolved)\b",
    re.IGNORECASE,
)
MOST_LETTERS: Final = 8000
"""So much of a turn is read: a flood of words costs no more than a long answer."""

_FEWEST_WORDS: Final = 3
_EMPTY_WORDS: Final = frozenset(
    """
    a all an and as at be but by completely entirely everything fully he her him i in is it me my now of oh
    okay ok on our said says she so that the then this to too very we well what with wholly yes you your
    """.split()  # noqa: SIM905 - a row of quoted words is harder to read
)
# A model that has begun to loop does not stop; of a long text that does not, few words are different ones, too.
_END: Final = 60
_LONG_ENOUGH_TO_LOOP: Final = 16
_LEAST_DIFFERENT: Final = 0.3


@dataclass(frozen=True, kw_only=True)
class View:
    """What one persona holds by now.

    Attributes:
        at: Place of the turn among the messages.
        before: What it held before, where this touches nothing that was spoken of.
    """

    persona: str
    text: str
    at: int
    before: View | None = None


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views that stand, in the order of the turns.

    Attributes:
        speakers: Who has spoken, the governor left out.
        passed_over: Why a last turn does not count, in words, one for each persona whose last turn does not.
        last: Place of the last turn of anybody but the governor; None where nobody has spoken.
    """

    standing: tuple[View, ...]
    speakers: tuple[str, ...]
    passed_over: tuple[str, ...]
    last: int | None


def standing_views(turns: Sequence[Message], codex: Codex) -> Views:
    """The last own view of each persona but the governor, who watches and takes no side."""
    standing: dict[str, View] = {}
    names: dict[str, str] = {}
    passed: dict[str, str] = {}
    last = None
    for at, turn in enumerate(turns):
        if turn.role != "assistant" or is_governor(codex, turn.persona or ""):
            continue
        key, last = reference_to(turn.persona or ""), at
        name = names.setdefault(key, turn.persona or "the assistant")
        said = read_part(turn.content)
        why = _no_view(said, _said_by_others(turns, at, key), tuple(names.values()))
        if why:
            passed[key] = f"{name} {why}"
        else:
            passed.pop(key, None)
            thin = key in standing and not topic_of(said) & _spoken_of(turns, at)
            standing[key] = View(persona=name, text=said, at=at, before=standing[key] if thin else None)
    ordered = tuple(sorted(standing.values(), key=lambda view: view.at))
    return Views(standing=ordered, speakers=tuple(names.values()), passed_over=tuple(passed.values()), last=last)


def read_part(text: str) -> str:
    """What is read of a turn: its beginning, with the white space between words made one space or one line break."""
    lines = (" ".join(line.split()) for line in text[:MOST_LETTERS].splitlines())
    return "\n".join(line for line in lines if line)


def _said_by_others(turns: Sequence[Message], at: int, key: str) -> tuple[str, ...]:
    return tuple(
        read_part(turn.content)
        for turn in turns[:at]
        if turn.role == "user" or (turn.role == "assistant" and reference_to(turn.persona or "") != key)
    )


def _spoken_of(turns: Sequence[Message], at: int) -> frozenset[str]:
    said = (topic_of(read_part(turn.content)) for turn in turns[:at] if turn.role in {"user", "assistant"})
    return frozenset().union(*said)


@lru_cache(maxsize=1024)
def _no_view(said: str, others: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Why this turn holds no view of its own, as half a sentence; empty where it does."""
    known = words(said)
    if not known:
        return "said nothing"
    end = known[-_END:]
    if len(end) >= _LONG_ENOUGH_TO_LOOP and len(set(end)) < _LEAST_DIFFERENT * len(end):
        return "said the same words over and over"
    spoken = {word for name in names for word in words(name)} | _EMPTY_WORDS
    rest = [word for word in words(_ASSENT.sub(" ", normalise(said))) if word not in spoken]
    if len(rest) < _FEWEST_WORDS and _ASSENT.search(normalise(said)):
        return "agreed without saying to what"
    if any(is_echo(said, other) for other in others if len(words(other)) > _FEWEST_WORDS):
        return "repeated what was said"
    return ""
