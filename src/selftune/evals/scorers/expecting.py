"""What the scorers share: reading an item's `expect`, and turning what was found into a score."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from selftune.errors import ConfigError
from selftune.evals.base import Score
from selftune.scoring.failures import Failure, classify_failure
from selftune.scoring.reading import words
from selftune.settings import from_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import SuiteItem

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One thing that an answer was looked at for: whether it is as it must be, and a sentence on what was found."""

    holds: bool
    reason: str


def expectation(cls: type[T], item: SuiteItem, *, leave: Sequence[str] = ()) -> T:
    """The item's `expect` as a frozen config; the keys in `leave` are read by `left` instead.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type; the message names the item.
    """
    table = {key: value for key, value in facts_of(item).items() if key not in leave}
    return from_mapping(cls, table, _where(item))


def facts_of(item: SuiteItem) -> dict[str, Any]:
    """The item's `expect` as it stands.

    Raises:
        ConfigError: it is no JSON object.
    """
    try:
        facts = json.loads(item.expect)
    except ValueError as error:
        raise ConfigError(f"{_where(item)} is no JSON: {error}.", next_step="Correct the suite.") from error
    if not isinstance(facts, dict):
        raise ConfigError(f"{_where(item)} is no object.", next_step="Correct the suite.")
    return facts


def misfit(item: SuiteItem, problem: str, next_step: str) -> ConfigError:
    """The error to raise for an expectation that no answer could be held against."""
    return ConfigError(f"{_where(item)} {problem}.", next_step=next_step)


def scored(
    item: SuiteItem,
    answer: str,
    found: Sequence[Found],
    *,
    least_words: int = 1,
    critical_failures: tuple[str, ...] = (),
    measures: tuple[tuple[str, float], ...] = (),
    closed: bool = False,
) -> Score:
    """1 when all that was looked for is as it must be, else 0 with the class of the failure; failures stand first.

    Where an item is `closed`, an answer may rest on nothing but the prompt: names and numbers of its own are made up.
    """
    said = bool(words(answer))
    passed = said and all(one.holds for one in found)
    silence = () if said else ("The answer holds no word.",)
    reasons = tuple(one.reason for one in sorted(found, key=lambda one: one.holds))
    return Score(
        value=float(passed),
        reasons=(*silence, *reasons),
        critical_failures=() if passed else critical_failures,
        failure=None if passed else failure_of(item, answer, closed=closed, least_words=least_words),
        measures=measures,
    )


def failure_of(item: SuiteItem, answer: str, *, closed: bool = False, least_words: int = 1) -> str:
    """The class of an answer that failed: refused, too short, off language or made up; else it is wrong.

    The item says what is right, so that an answer which failed in no other way is wrong, and never `unknown`.
    """
    sources = "" if closed else None
    found = classify_failure(prompt_of(item), answer, sources=sources, least_words=least_words)
    return (Failure.WRONG if found is Failure.UNKNOWN else found).value


def prompt_of(item: SuiteItem) -> str:
    """All that the model is shown before it answers."""
    return "\n".join(message.content for message in item.messages)


def _where(item: SuiteItem) -> str:
    return f"item {item.id!r}: expect"
