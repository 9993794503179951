"""Scorers of short answers: the very words, patterns of words, one of several options, a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.evals.scorers.expecting import Found, expectation, misfit, scored
from selftune.scoring.numbers import is_close, numbers_in
from selftune.scoring.reading import mentions, normalise

if TYPE_CHECKING:
    from selftune.evals.base import Score
    from selftune.records import SuiteItem

_EDGES: Final = " \t\n.,;:!?\"'`*_()[]"
_ARTICLE: Final = re.compile(r"^(?:the|an?) ")
_LABEL: Final = re.compile(
    r"(?:\b(?:answer|option|choice)(?: is|:)? ?\(?|^\s*\(?|\bit(?:'s| is) \(?|\bchoose \(?)(?P<label>[A-Z])\b(?!')"
)


@dataclass(frozen=True, kw_only=True)
class ExactExpectation:
    """The answers that are right, any of them."""

    any_of: tuple[str, ...]


class ExactScorer:
    """1 when the whole answer is one of the right ones; case, outer punctuation and an article make no difference."""

    name = "exact"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth."""
        wanted = expectation(ExactExpectation, item).any_of
        held = _bare(answer) in {_bare(right) for right in wanted}
        found = Found(holds=held, reason=f"{_quote(answer)} {'is' if held else 'is not'} {' or '.join(wanted)!r}.")
        return scored(item, answer, [found])


@dataclass(frozen=True, kw_only=True)
class PatternExpectation:
    """Regular expressions, each held against whole words in any case.

    Attributes:
        all: Each must be found.
        any: One of them must be found.
        none: None may be found.
        most_words: An answer may not be longer.
        closed: Whether it may rest on nothing but the prompt: then a failed answer may be told to be made up.
    """

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    most_words: int | None = None
    closed: bool = False


class RegexScorer:
    """1 when the patterns are found, or not found, as the item says; a pattern begins and ends where words do."""

    name = "regex"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: a pattern can't be read, or there is nothing that must be found.
        """
        wanted = expectation(PatternExpectation, item)
        if not wanted.all and not wanted.any:
            raise misfit(item, "asks for nothing to be found", "Add `all` or `any`; silence passes `none`.")
        said = normalise(answer)
        found = [_found(item, pattern, said, wanted=True) for pattern in wanted.all]
        found += [_found(item, pattern, said, wanted=False) for pattern in wanted.none]
        if wanted.any:
            found.append(_found(item, "|".join(f"(?:{pattern})" for pattern in wanted.any), said, wanted=True))
        if wanted.most_words is not None:
            count = len(said.split())
            reason = f"{count} words (at most {wanted.most_words})."
            found.append(Found(holds=count <= wanted.most_words, reason=reason))
        return scored(item, answer, found, closed=wanted.closed)


@dataclass(frozen=True, kw_only=True)
class ChoiceExpectation:
    """The label of the right option, and all options by their labels."""

    right: str
    options: tuple[tuple[str, str], ...]


class ChoiceScorer:
    """1 when the answer takes the right option and no other, by its label or by its words."""

    name = "choice"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: the right one is no option.
        """
        wanted = expectation(ChoiceExpectation, item)
        options = dict(wanted.options)
        if wanted.right not in options:
            raise misfit(item, f"has no option {wanted.right!r}", "Name one of the options.")
        taken = chosen(answer, options)
        found = Found(holds=taken == {wanted.right}, reason=f"It takes {', '.join(sorted(taken)) or 'no option'}.")
        return scored(item, answer, [found])


def chosen(answer: str, options: dict[str, str]) -> set[str]:
    """The labels that an answer takes: those it names as its answer, else those whose words it holds."""
    said = normalise(answer)
    labelled = {found["label"] for found in _LABEL.finditer(said) if found["label"] in options}
    if labelled:
        return labelled
    # An option inside a longer one that stands there ("Bern" in "New Bern") was not named by itself.
    named = {label for label, text in options.items() if mentions(said, text)}
    return {
        label
        for label in named
        if not any(label != other and mentions(options[other], options[label]) for other in named)
    }


@dataclass(frozen=True, kw_only=True)
class NumberExpectation:
    """The right number.

    Attributes:
        tolerance: How far off an answer may be.
        units: What may stand beside it; where some are given, one of them must.
    """

    value: float
    tolerance: float = 0.0
    units: tuple[str, ...] = ()


class NumberScorer:
    """1 when the last number of the answer is the right one, in a right unit where the item names units."""

    name = "number"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth."""
        wanted = expectation(NumberExpectation, item)
        numbers = numbers_in(normalise(answer))
        last = numbers[-1] if numbers else None
        found = [
            Found(
                holds=last is not None and is_close(last.value, wanted.value, wanted.tolerance),
                reason=f"Its last number is {'missing' if last is None else f'{last.value:g}'}, not {wanted.value:g}."
                if last is None or not is_close(last.value, wanted.value, wanted.tolerance)
                else f"Its last number is {wanted.value:g}.",
            )
        ]
        if wanted.units:
            beside = set(last.units) if last else set()
            held = not beside.isdisjoint(unit.lower() for unit in wanted.units)
            found.append(Found(holds=held, reason=f"Beside it stands {' '.join(sorted(beside)) or 'no unit'}."))
        return scored(item, answer, found)


def _bare(text: str) -> str:
    return _ARTICLE.sub("", normalise(text).strip(_EDGES).casefold())


def _search(item: SuiteItem, pattern: str, said: str) -> re.Match[str] | None:
    try:
        return re.search(rf"(?<!\w)(?:{pattern})(?!\w)", said, re.IGNORECASE)
    except re.error as error:
        raise misfit(item, f"holds the pattern {pattern!r}, which is none: {error}", "Correct it.") from error


def _found(item: SuiteItem, pattern: str, said: str, *, wanted: bool) -> Found:
    hit = _search(item, pattern, said)
    reason = f"It holds {hit[0]!r}." if hit else f"It does not hold {pattern!r}."
    return Found(holds=(hit is not None) is wanted, reason=reason)


def _quote(text: str) -> str:
    said = text.strip()
    return repr(said if len(said) <= 60 else f"{said[:57]}...")  # noqa: PLR2004 - a line on a screen
