"""What an item counts as when a set is balanced: its kind, its author, its template, whether it is real."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.records import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.curation.base import Pair
    from selftune.records import Interaction, Message

REAL: Final = "real"
SYNTHETIC: Final = "synthetic"
UNJUDGED: Final = "unjudged"
JOINT: Final = " + "

# What answers a question that stands in the log already: an answer drawn again, or written anew by a teacher.
_ANSWERED_AGAIN: Final = frozenset({"resampled", "corrected"})
_GENERATED: Final = "generated"
_SLOT: Final = re.compile(r"[\"“«`][^\"”»`]{1,200}[\"”»`]|\w*\d\w*|(?<=\w\s)[^\W\d_]\w*")


@dataclass(frozen=True)
class Origins:
    """Who first asked what: an answer drawn again or written anew counts as its prompt does."""

    pairs: Sequence[Pair]

    def author_of(self, interaction: Interaction) -> str | None:
        """The pseudonym; without one the source, since a file of unknown people is one author; None for an owner."""
        asked = self._asked(interaction)
        return None if asked.author_is_owner else asked.author or f"all of {asked.source}"

    def origin_of(self, interaction: Interaction) -> str:
        """`synthetic` for what no person asked, else `real`."""
        asked = self._asked(interaction)
        made_up = asked.trigger is Trigger.SIMULATED or _GENERATED in asked.flags
        return SYNTHETIC if made_up else REAL

    def _asked(self, interaction: Interaction) -> Interaction:
        if _ANSWERED_AGAIN.isdisjoint(interaction.flags):
            return interaction
        return self._first.get(interaction.conversation, interaction)

    @cached_property
    def _first(self) -> Mapping[str, Interaction]:
        found: dict[str, Interaction] = {}
        for pair in self.pairs:
            if _ANSWERED_AGAIN.isdisjoint(pair.interaction.flags):
                found.setdefault(pair.interaction.conversation, pair.interaction)
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


def template_of(messages: Sequence[Message]) -> str:
    """The skeleton of the last question: its words, with a slot for each number, quotation and name."""
    turns = [message.content for message in messages if message.role == "user"]
    return " ".join(_SLOT.sub(_slot, turns[-1]).lower().split()) if turns else ""


def _slot(found: re.Match[str]) -> str:
    return found[0] if found[0].islower() else "_"


def _applicable(pair: Pair) -> frozenset[str]:
    return frozenset(item.name for item in pair.judgement.criteria if item.score is not None)
