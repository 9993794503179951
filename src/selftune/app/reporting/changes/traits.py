"""How an answer sounds, trait by trait: each a small measure with the words that tell a change of it.

None of them says that an answer is good. Word lists are short and in English; in another language those traits stay
near zero for both models, and the difference says nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.curation.preference.style import TRAITS as STYLE
from selftune.curation.preference.style import count_contractions
from selftune.scoring.failures import Failure, classify_failure, invented, language_of
from selftune.scoring.reading import claimed_names, normalise, words
from selftune.scoring.stock_phrases import count_stock_phrases

if TYPE_CHECKING:
    from collections.abc import Callable

_HEDGES: Final = re.compile(
    r"\b(?:perhaps|maybe|might|possibly|probably|presumably|likely|arguably|somewhat|generally|i think|i believe"
    r"|i guess|i suppose|it seems|it appears|could be|not sure|not certain|to some extent)\b"
)
_WARM: Final = re.compile(
    r"\b(?:glad|happy|delighted|pleased|wonderful|lovely|great|thanks|thank you|welcome|please|love|enjoy|hope|dear"
    r"|friend)\b"
)
_SORRY: Final = re.compile(r"\b(?:sorry|apologi[sz]e|apologies|regret to|forgive me)\b")
_FENCED: Final = re.compile(r"^```[\w-]*\n(.*?)\n```$", re.DOTALL)
_MARKDOWN: Final = re.compile(r"^#{1,6} \S|\*\*\S[^*\n]*\*\*|^```|^\|.+\|$", re.MULTILINE)
_RUN: Final = 4  # words of a passage
_AGAIN: Final = 3


class Kind(StrEnum):
    """What the mean of a trait is: a share of answers, a count in each, or a count in a hundred of their words."""

    SHARE = "share of answers"
    COUNT = "in an answer"
    RATE = "in 100 words"


@dataclass(frozen=True, kw_only=True)
class Trait:
    """One measure of one answer, and what is said when it moves.

    Attributes:
        measure: Of question and answer; None where it says nothing of this answer.
        more: The sentence's beginning where there is more of it, `less` where there is less, `same` where as much.
    """

    name: str
    kind: Kind
    measure: Callable[[str, str], float | None]
    more: str
    less: str
    same: str


def _share(name: str, shown: Callable[[str, str], bool], doing: str) -> Trait:
    return Trait(
        name=name,
        kind=Kind.SHARE,
        measure=lambda question, answer: float(shown(question, answer)),
        more=f"It {doing} more often",
        less=f"It {doing} less often",
        same=f"It {doing} as often as before",
    )


def _rate(name: str, count: Callable[[str], int], using: str) -> Trait:
    def measure(_: str, answer: str) -> float | None:
        said = len(answer.split())
        return 100 * count(answer) / said if said else None

    return Trait(
        name=name,
        kind=Kind.RATE,
        measure=measure,
        more=f"It uses more {using}",
        less=f"It uses fewer {using}",
        same=f"It uses as many {using} as before",
    )


def _found(pattern: re.Pattern[str]) -> Callable[[str], int]:
    return lambda answer: len(pattern.findall(normalise(answer).lower()))


def _refuses(question: str, answer: str) -> bool:
    return classify_failure(question, answer) is Failure.REFUSED


def _is_json(_: str, answer: str) -> bool:
    fenced = _FENCED.fullmatch(answer.strip())
    try:
        return isinstance(json.loads(fenced[1] if fenced else answer), dict | list)
    except (ValueError, RecursionError):
        return False


def _foreign(question: str, answer: str) -> bool:
    asked, said = language_of(question), language_of(answer)
    return asked is not None and said is not None and asked != said


def _repeats_itself(_: str, answer: str) -> bool:
    """Whether a passage of four words stands in it three times."""
    said = words(answer)
    runs = Counter(said[at : at + _RUN] for at in range(len(said) - _RUN + 1))
    return max(runs.values(), default=0) >= _AGAIN


TRAITS: Final = (
    Trait(
        name="words",
        kind=Kind.COUNT,
        measure=lambda _, answer: STYLE["words"](answer),
        more="Answers got longer",
        less="Answers got shorter",
        same="Answers are as long as before",
    ),
    _share("refusals", _refuses, "refuses"),
    _share("empty answers", lambda _, answer: not words(answer), "says nothing at all"),
    _share("apologies", lambda _, answer: _found(_SORRY)(answer) > 0, "apologises"),
    _rate("contractions", count_contractions, "contractions (don't, it's)"),
    _share("lists", lambda _, answer: STYLE["list lines"](answer) > 0, "writes lists"),
    _share("questions", lambda _, answer: "?" in answer, "asks something"),
    _share("exclamation marks", lambda _, answer: "!" in answer, "exclaims"),
    _rate("hedges", _found(_HEDGES), "hedges (perhaps, I think)"),
    _rate("warm words", _found(_WARM), "warm words (glad, thanks)"),
    _share(
        "stock phrases",
        lambda _, answer: count_stock_phrases(answer) > 0,
        "falls into stock phrases (as an AI, I hope this helps)",
    ),
    _share("names itself", lambda _, answer: bool(claimed_names(normalise(answer))), "says its name"),
    Trait(
        name="names and numbers of its own",
        kind=Kind.COUNT,
        measure=lambda question, answer: float(len(invented(normalise(answer), question))) if question else None,
        more="It brings in more names and numbers that the question does not hold",
        less="It brings in fewer names and numbers that the question does not hold",
        same="It brings in as many names and numbers of its own as before",
    ),
    _share("JSON", _is_json, "answers in JSON"),
    _share("Markdown", lambda _, answer: _MARKDOWN.search(answer) is not None, "writes Markdown"),
    _share("another language", _foreign, "answers in another language than it was asked in"),
    _share("repeats itself", _repeats_itself, "says one passage three times in an answer"),
)
