"""What a look before the training finds: each rule by its name, what was seen, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.errors import SelftuneError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Standing(StrEnum):
    """How a rule stands. What nobody could look at is unknown, and no pass."""

    FINE = "fine"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OVERRULED = "overruled"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule, held against what would be trained.

    Attributes:
        rule: Its name, the same in every plan.
        text: What was seen, with its figures.
        next_step: What to do where it is not fine; empty where nothing is asked for.
        can_be_overruled: Whether a person who knows better may set it aside.
    """

    rule: str
    standing: Standing
    text: str
    next_step: str = ""
    can_be_overruled: bool = False


class RefusedTrainingError(UsageError):
    """A rule of the pre-flight speaks against this training."""


def see(rule: str, look: Callable[[], str]) -> Finding:
    """What a check says that returns its good news and raises its bad ones."""
    try:
        return Finding(rule=rule, standing=Standing.FINE, text=look())
    except SelftuneError as error:
        return Finding(rule=rule, standing=Standing.REFUSED, text=error.message, next_step=error.next_step)


def overrule(findings: Iterable[Finding], rules: Iterable[str]) -> Iterator[Finding]:
    """The same findings, with those refusals overruled that may be and are named."""
    named = frozenset(rules)
    for one in findings:
        set_aside = one.standing is Standing.REFUSED and one.can_be_overruled and one.rule in named
        yield replace(one, standing=Standing.OVERRULED) if set_aside else one


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the first refusal among the findings, if there is one.

    Raises:
        RefusedTrainingError: says how a person may set it aside, where one may.
    """
    for one in findings:
        if one.standing is Standing.REFUSED:
            aside = " Or set the rule aside: `selftune train --i-know`." if one.can_be_overruled else ""
            raise RefusedTrainingError(f"{one.rule}: {one.text}", next_step=one.next_step + aside)
