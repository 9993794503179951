"""What an item counts as when a set is balanced: its kind, its author, its template, whether it is real."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.curation.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.curation.base import Facts, Pair

REAL: Final = "real"
SYNTHETIC: Final = "synthetic"
UNJUDGED: Final = "unjudged"
JOINT: Final = " + "

# What answers a question that stands in the log already: an answer drawn again, or written anew by a teacher.
_ANSWERED_AGAIN: Final = frozenset({"resampled", "corrected"})


@dataclass(frozen=True)
class Origins:
    """Who first asked what: an answer drawn again or written anew counts as its prompt does."""

    pairs: Sequence[Pair]

    def author_of(self, pair: Pair) -> str | None:
        """The pseudonym; without one the source, since a file of unknown people is one author; None for an owner."""
        return self._asked(pair).author

    def origin_of(self, pair: Pair) -> str:
        """`synthetic` for what no person asked, else `real`."""
        return SYNTHETIC if self._asked(pair).made_up else REAL

    def cause_of(self, pair: Pair) -> str:
        """What caused it: a person, the system itself in idle time, an import, a simulation."""
        return self._asked(pair).trigger

    def _asked(self, pair: Pair) -> Facts:
        facts = facts_of(pair)
        return facts if _ANSWERED_AGAIN.isdisjoint(facts.marks) else self._first.get(facts.conversation, facts)

    @cached_property
    def _first(self) -> Mapping[str, Facts]:
        found: dict[str, Facts] = {}
        for facts in map(facts_of, self.pairs):
            if _ANSWERED_AGAIN.isdisjoint(facts.marks):
                found.setdefault(facts.conversation, facts)
        return found


def kinds_of(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The kind of behaviour that each item shows: the criteria that apply to it.

    A criterion that applies to every item tells nothing apart and is left out, unless no other is left.
    """
    applied = [_applicable(pair) for pair in pairs]
    judged = [criteria for criteria in applied if criteria]
    everywhere = frozenset.intersection(*judged) if judged else frozenset()
    return tuple(JOINT.join(sorted(criteria - everywhere or criteria)) or UNJUDGED for criteria in applied)


def shows(kind: str, name: str) -> bool:
    """Whether a kind is, or has as one of its parts, what a person named."""
    return kind == name or name in kind.split(JOINT)


def _applicable(pair: Pair) -> frozenset[str]:
    return frozenset(name for name, _ in facts_of(pair).scores)
