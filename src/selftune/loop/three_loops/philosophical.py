"""The philosophical loop: conflicts that last, and every proposal to change the codex with what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.governance.amendments.states import AmendmentState, state_of
from selftune.loop.amending.noticing import lasting_dissonance
from selftune.loop.amending.standing import said_in, standing_in
from selftune.loop.ejected import codex_of
from selftune.loop.three_loops.signals import TIMESCALES, Loop, Signal
from selftune.loop.three_loops.state import LoopState, Noticed
from selftune.records import Amendment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.governance.amendments.persistence import Persistence
    from selftune.loop.project import Project

SHOWN: Final = 5


def look_at_philosophical(project: Project) -> LoopState:
    """Dissonance that was seen and whether it lasts, and the newest amendments."""
    conflicts, proposals = lasting_dissonance(project), _proposals(project)
    return LoopState(
        loop=Loop.PHILOSOPHICAL,
        timescale=TIMESCALES[Loop.PHILOSOPHICAL],
        noticed=(*_changed_by_hand(project), *_noticed(conflicts)),
        did=tuple(_told(one, state) for one, state in proposals[:SHOWN]),
        waits_for=_waits_for(conflicts, proposals),
        next_step=_next_step(conflicts, proposals),
    )


def _changed_by_hand(project: Project) -> Iterator[Noticed]:
    """No loop answers it; it stands here because it is the codex that is meant."""
    standing = standing_in(project)
    if standing is None:
        return
    found = codex_of(project.folder, project.config).id
    if found != standing.now.codex_id:
        told = f"{found[:22]} stands in the file and {standing.now.codex_id[:22]} is in force: the runtime stops"
        yield Noticed(signal=Signal.CODEX_CHANGED, told=told, records=(standing.now.codex_id,))


def _noticed(conflicts: Sequence[Persistence]) -> Iterator[Noticed]:
    """What lasts; and of what does not yet, what comes nearest to it."""
    for one in [one for one in conflicts if one.may_deliberate][:SHOWN]:
        told = f"{one.named}: {len(one.high)} dialogues ended high within {one.days:.0f} days"
        yield Noticed(signal=Signal.DISSONANCE_LASTING, told=told, records=one.high)
    if conflicts and not conflicts[0].may_deliberate:
        nearest = conflicts[0]
        told = f"{nearest.named}: {len(nearest.high)} ended high; {'; '.join(nearest.missing)}"
        yield Noticed(signal=Signal.DISSONANCE_ONCE, told=told, records=nearest.high)


def _proposals(project: Project) -> tuple[tuple[Amendment, AmendmentState], ...]:
    """Every proposal with its state, newest first."""
    said, standing, now = said_in(project), standing_in(project), project.now()
    kept = [one for _, one in project.store.each(Amendment)]
    return tuple((one, state_of(said, standing, one, now)) for one in reversed(kept))


def _told(one: Amendment, state: AmendmentState) -> str:
    places = dict.fromkeys(change.partition(":")[0] for change in one.changes)
    return f"{one.proposed_at[:10]} {one.id[:22]}: {state.value}; it changes {', '.join(places) or 'nothing'}"


def _waits_for(conflicts: Sequence[Persistence], proposals: Sequence[tuple[Amendment, AmendmentState]]) -> str:
    waiting = [(one, state) for one, state in proposals if state.is_open]
    if waiting:
        one, state = waiting[0]
        cooling = f"; it cools off until {one.cools_until}" if state is AmendmentState.COOLING else ""
        return f"a person who signs or refuses {one.id[:22]}{cooling}"
    if any(one.may_deliberate for one in conflicts):
        return "the personas to deliberate"
    return "dissonance that lasts, and that neither a tool nor trainings reduced"


def _next_step(conflicts: Sequence[Persistence], proposals: Sequence[tuple[Amendment, AmendmentState]]) -> str:
    waiting = [one for one, state in proposals if state.is_open]
    if waiting:
        return f"selftune codex amendments {waiting[0].id[:22]}"
    if any(one.may_deliberate for one in conflicts):
        return "selftune codex deliberate"
    return "selftune chat"
