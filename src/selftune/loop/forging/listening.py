"""The gaps that the log names and no forging has answered yet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.personas.scripted import SCRIPTED_FLAG
from selftune.records import Forging, ForgingEnd, Interaction, Trigger, has_words
from selftune.toolforge.gaps import GapKind, find_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.opened import Project
    from selftune.toolforge.gaps import Gap

WINDOW: Final = 4_000
"""How many entries back one looks: what was missing longer ago is asked for again, or was not needed."""

_ORDER: Final = {GapKind.PERSON: 0, GapKind.ASKED: 1, GapKind.FAILED: 2, GapKind.SAID: 3}
_NAME_DIGITS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A gap in the log.

    Attributes:
        name: By which a person names it; the same gap of the same exchange has the same name.
        forgings: Goes at a tool for it that came to nothing, or whose tool waits.
    """

    name: str
    gap: Gap
    interaction_id: str
    happened_at: str | None
    forgings: tuple[Forging, ...] = ()


def gaps_of(project: Project, *, everything: bool = False) -> tuple[Heard, ...]:
    """The gaps of the newest exchanges, the surest kind first and the newest of each kind before older ones.

    Only those for which nothing was proposed yet, unless everything is asked for. A simulation is no reason to write a
    tool, and neither are words of people from which nobody may learn.
    """
    tried: dict[tuple[str | None, str], list[Forging]] = {}
    for _, forging in project.store.each(Forging):
        if has_words(forging):
            tried.setdefault((forging.interaction_id, forging.wanted), []).append(forging)
    found = [
        Heard(
            name=name_of(interaction.id, gap),
            gap=gap,
            interaction_id=interaction.id,
            happened_at=interaction.happened_at,
            forgings=tuple(tried.get((interaction.id, gap.words), ())),
        )
        for interaction in _newest(project)
        for gap in find_gaps(interaction.messages)
    ]
    found.reverse()
    wanted = [one for one in found if everything or not _is_proposed(one)]
    return tuple(sorted(wanted, key=lambda one: _ORDER[one.gap.kind]))


def gaps_in(project: Project, interaction_id: str) -> tuple[Heard, ...]:
    """The gaps of one exchange that was just kept."""
    interaction = project.store.record(interaction_id, Interaction)
    return tuple(
        Heard(
            name=name_of(interaction.id, gap),
            gap=gap,
            interaction_id=interaction.id,
            happened_at=interaction.happened_at,
        )
        for gap in find_gaps(interaction.messages)
    )


def find_gap(project: Project, name: str) -> Heard:
    """The gap of this name.

    Raises:
        UnknownNameError: none in the newest exchanges is called so.
        UsageError: it was found in words from which nothing may be learnt.
    """
    found = gaps_of(project, everything=True)
    for one in found:
        if one.name == name:
            return one
    # A dialogue names its gap before anybody asks what its words may be used for.
    kept = (interaction for interaction in _newest(project, free_alone=False))
    if any(name_of(one.id, gap) == name for one in kept for gap in find_gaps(one.messages)):
        raise UsageError(
            f"{name} was found in words from which nothing may be learnt here.",
            next_step='Say in words of your own what is missing: selftune tool forge --wanted "..."',
        )
    raise UnknownNameError("gap", name, [one.name for one in found])


def name_of(interaction_id: str, gap: Gap) -> str:
    """A short name of a gap, always the same."""
    digest = hashlib.sha256(f"{interaction_id}\n{gap.kind}\n{gap.words}".encode()).hexdigest()
    return f"gap-{digest[:_NAME_DIGITS]}"


def _is_proposed(one: Heard) -> bool:
    return any(go.ended_by is ForgingEnd.PROPOSED for go in one.forgings)


def _newest(project: Project, *, free_alone: bool = True) -> Iterator[Interaction]:
    store = project.store
    gone = store.superseded()
    for _, interaction in store.each(Interaction, since=max(0, store.last_sequence() - WINDOW)):
        free = not free_alone or interaction.consent.train or SCRIPTED_FLAG in interaction.flags
        meant = interaction.trigger is not Trigger.SIMULATED and free
        if meant and interaction.id not in gone and has_words(interaction):
            yield interaction
