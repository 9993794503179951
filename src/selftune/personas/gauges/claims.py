"""What a turn claims, as far as code can read it: clauses without their negations, numbers, a verdict, a dissent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.scoring.numbers import numbers_in
from selftune.scoring.reading import normalise, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.scoring.numbers import Number

_SENTENCE: Final = re.compile(r"(?<=[.!?])[\"')]*\s+|\n+")
_CLAUSE: Final = re.compile(r"[;:,()\u2013\u2014]\s+|\s+-\s+|\b(?:but|yet|while|although|though|because|whereas|so)\b")
# What is supposed, asked, hoped or reported is no claim of the speaker.
_NO_CLAIM: Final = re.compile(
    r"^(?:and |or |then |well )?(?:if|unless|whether|suppose|supposing|imagine|perhaps|maybe|when|until|had|were|as if"
    r"|in case|let us say|some|many|others|people|you (?:may|might|could) (?:say|think))\b"
    r"|\b(?:says?|said|thinks?|believes?|claims?|argues?|asks?|asked|wrote)\b|\bthat if\b",
    re.IGNORECASE,
)
_LIST_MARK: Final = re.compile(r"^[ \t]{0,20}(?:[-*\u2022]|\d{1,4}[.)])[ \t]+", re.MULTILINE)
_QUOTED: Final = re.compile(r"\"[^\"]*\"")
_NEGATORS: Final = re.compile(
    r"\b(?:not (?:only|just|merely)|no (?:doubt|question|matter|wonder)|nothing (?:but|less))\b"
    r"|\b(?P<no>not|no|never|none|nobody|nothing|neither|nor|cannot|without|hardly|\w+n't)\b",
    re.IGNORECASE,
)
# Each pole of a pair as its first word, and whether it turns the sentence round.
_OPPOSITES: Final = (
    "safe unsafe dangerous risky unsafely",
    "possible impossible",
    "legal illegal unlawful forbidden",
    "true false untrue",
    "right wrong incorrect",
    "good bad harmful poor",
    "enough insufficient",
    "necessary unnecessary needless",
    "rise fall drop decline sink",
    "increase decrease reduce shrink",
    "open closed shut",
    "accept reject refuse decline",
    "keep discard drop abandon",
    "start stop",
    "cheap expensive dear costly",
    "fast slow",
    "always never",
    "worth worthless",
    "likely unlikely",
    "honest dishonest",
    "fair unfair",
    "healthy unhealthy",
    "succeed fail",
    "guilty innocent",
    "alive dead",
    "full empty",
    "better worse",
    "best worst",
    "edible poisonous toxic",
)
_POLES: Final = {
    word: (row.split()[0], place > 0) for row in _OPPOSITES for place, word in enumerate(row.split()) if word != "never"
}
_FUNCTION: Final = frozenset(
    """
    a about actually again all also am an and any are as at be because been being both but by can could did do
    does done down each either else ever every for from get got had has have he her here him his how i in into
    is it its just let lets like made make many may me might mine more most much must my myself now of off on
    one only or other our out over own please quite rather really same say see shall she should simply since
    so some still such than that the their them then there these they thing things this those though through
    thus to too under up upon us very want was we well were what when where which who whom whose why will with
    would yes yet you your
    """.split()  # noqa: SIM905 - a hundred quoted words are harder to read
)
MOST_CLAIMS: Final = 200
"""Each claim of one turn is held against each of the other: two floods of clauses must not take a minute."""

_STEM_LETTERS: Final = 6
_SHORTEST: Final = 3
# A pronoun and an auxiliary say as much as a whole clause where the question gave the rest.
_OPENING: Final = re.compile(
    r"^\W*(?:well|oh|hm+|ah|dear|look|now)?\W*(?:(?P<yes>yes|yeah|yep|certainly|of course|absolutely|definitely|sure"
    r"|by all means|true|correct|go ahead|do it|go for it|you should|say yes|take it)"
    r"|(?P<no>no|nope|never|not at all|certainly not|absolutely not|definitely not|of course not|false|incorrect|wrong"
    r"|don't do it|do not do it|don't|do not|hold off|you should not|you shouldn't|say no|leave it|skip it))\b"
    r"(?!\s+doubt)",
    re.IGNORECASE,
)
_DISSENT: Final = re.compile(
    r"\b(?:i (?:strongly |firmly |must |have to |still )*(?:disagree|object|dissent|beg to differ)"
    r"|i (?:do not|don't|cannot|can't) (?:agree|accept (?:that|this|it)|share (?:that|this))"
    r"|(?:you are|you're|that is|that's|this is|{names}(?: is|'s)) (?:\w+ly |simply |just |plain |quite )?"
    r"(?:wrong|mistaken|not (?:so|true|right)|false|nonsense|incorrect)|on the contrary|quite the opposite"
    r"|no, {names})\b",
    re.IGNORECASE,
)
_CONCEDES: Final = re.compile(
    r"\b(?:i was (?:wrong|mistaken)|i stand corrected|i take (?:that|it) back|i withdraw|i concede|i give way"
    r"|(?:you are|you're|{names}(?: is|'s)) (?:quite |absolutely )?right|i (?:now )?agree(?! to disagree)"
    r"|we (?:both |now )?agree|agreed)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One clause: the stems of its words, whether it is said or denied, and the numbers in it."""

    text: str
    stems: frozenset[str]
    denied: bool
    numbers: tuple[Number, ...]


@lru_cache(maxsize=512)
def claims_in(text: str) -> tuple[Claim, ...]:
    """The first clauses of a turn that claim something in the speaker's own name."""
    said = _QUOTED.sub(" ", _LIST_MARK.sub("", text))
    claims = (
        claim
        for sentence in _SENTENCE.split(said)
        if sentence and not sentence.rstrip("\"') ").endswith("?")
        for claim in _claims_of(normalise(sentence))
    )
    return tuple(islice(claims, MOST_CLAIMS))


@lru_cache(maxsize=512)
def topic_of(text: str) -> frozenset[str]:
    """The stems of the words that a text is about, numbers as they stand."""
    said = words(text)
    return frozenset(_stem(word) for word in said if word not in _FUNCTION and len(word) >= _SHORTEST) | frozenset(
        word for word in said if word[0].isdigit()
    )


def _claims_of(sentence: str) -> Iterator[Claim]:
    supposed = False
    for clause in _CLAUSE.split(sentence):
        # What follows from a supposition is as supposed as it is.
        supposed = supposed or bool(_NO_CLAIM.search(clause.strip()))
        if not supposed and words(clause):
            yield _claim(clause.strip())


def _claim(clause: str) -> Claim:
    denials = sum(1 for found in _NEGATORS.finditer(clause) if found["no"])
    stems: set[str] = set()
    for word in words(_NEGATORS.sub(" ", clause)):
        pole, turned = _POLES.get(word, (word, False))
        denials += turned
        if pole not in _FUNCTION and len(pole) >= _SHORTEST and not pole[0].isdigit():
            stems.add(_stem(pole))
    return Claim(text=clause, stems=frozenset(stems), denied=denials % 2 == 1, numbers=numbers_in(clause))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s", "'s", "e", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            word = word.removesuffix(ending)
            break
    return word[:_STEM_LETTERS]


def verdict_of(text: str, names: tuple[str, ...]) -> bool | None:
    """The yes or no with which a turn opens; None where there is none, or it is said to another persona by name."""
    opening = normalise(text)[:80]
    found = _OPENING.search(opening)
    if found is None or re.match(rf"[,\s]*(?:{_named(names)})\b", opening[found.end() :], re.IGNORECASE):
        return None
    return found["yes"] is not None


def dissent_in(text: str, names: tuple[str, ...]) -> str | None:
    """The words by which a speaker disagrees with another persona; None where it does not, or gives in as well."""
    said = normalise(_QUOTED.sub(" ", text))
    found = _filled(_DISSENT.pattern, names).search(said)
    return None if found is None or concedes(text, names) else found[0]


def concedes(text: str, names: tuple[str, ...]) -> bool:
    """Whether a speaker gives in to another persona."""
    said = normalise(_QUOTED.sub(" ", text))
    return any(not _is_denied(said, found) for found in _filled(_CONCEDES.pattern, names).finditer(said))


def _is_denied(said: str, found: re.Match[str]) -> bool:
    return bool(re.search(r"\b(?:not|n't|never|whether|if|that|unless)\s+$", said[: found.start()], re.IGNORECASE))


@lru_cache(maxsize=64)
def _filled(pattern: str, names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(pattern.replace("{names}", f"(?:{_named(names)})"), re.IGNORECASE)


def _named(names: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, names)) or r"(?!)"
