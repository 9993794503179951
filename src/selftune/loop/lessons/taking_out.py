"""Lessons that a person took out before they were learnt, and the second thought that lets one in again.

Both are statements about an interaction. Taking out asks for caution, so it counts whether it is signed or not; letting
in again counts only by the same author and signed by this machine. Who takes out what somebody else took out says so
for themselves, and it comes in again only once all have let it in. A conversation that went on stays out: its later
version holds the same words, and so does what else is kept of the same conversation and begins with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.governance.keys import statement_is_signed
from selftune.governance.shredded import as_left
from selftune.governance.statements import take_out, withdraw
from selftune.ledger.keys import load_machine_key
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Interaction, Statement, StatementKind

if TYPE_CHECKING:
    from selftune.loop.opened import Project
    from selftune.store import Store


def take_lesson_out(project: Project, interaction_id: str, *, author: str, because: str) -> Statement:
    """Put on record that this interaction is not to be learnt from; said twice by one author it stands once.

    Raises:
        UnknownNameError: there is no such interaction.
        UsageError: no reason is given.
    """
    found = project.store.record(interaction_id, Interaction)
    for standing in standing_exclusions(project):
        if (standing.subject, standing.author) == (found.id, author):
            return standing
    said = take_out(found.id, author=author, text=because, context=project.context(), door=door_of(project))
    return put_on_record(project, said, event="lesson taken out")


def let_lesson_in(project: Project, exclusion_id: str, *, author: str, because: str) -> Statement:
    """Put on record that its author lets the lesson in again.

    Raises:
        UnknownNameError: there is no such statement.
        UsageError: it is somebody else's, or takes no lesson out any more.
    """
    standing = {one.id: one for one in standing_exclusions(project)}
    exclusion = standing.get(project.store.find(exclusion_id))
    if exclusion is None:
        raise UsageError(
            f"{exclusion_id[:26]} takes no lesson out now.", next_step="Choose one that the page Tonight shows."
        )
    said = withdraw(exclusion, author=author, text=because, context=project.context(), door=door_of(project))
    return put_on_record(project, said, event="lesson let in again")


def standing_exclusions(project: Project) -> tuple[Statement, ...]:
    """What takes lessons out now, oldest first; of several authors about one lesson each stands for itself."""
    return _standing(project.store, _public_key(project))


def left_out(project: Project, *, until: int | None = None) -> frozenset[str]:
    """Interactions that nobody may learn from because a person took them or an earlier version out.

    With them goes what is kept of the same conversation and begins with the same words, such as the exchange that is
    kept by itself once the conversation goes on.

    With `until`, a place in the order in which all was kept: by what had been said there.
    """
    named = {one.subject for one in _standing(project.store, _public_key(project), until=until)}
    found = set(named)
    for name in named:
        later = project.store.later_version(name)
        while later is not None:
            found.add(later)
            later = project.store.later_version(later)
    for taken in project.store.kept_records(sorted(named), Interaction):
        alike = (one for one in project.store.conversation(taken.conversation) if _begins_with(one, taken))
        found.update(one.id for one in alike)
    return frozenset(found)


def _begins_with(longer: Interaction, taken: Interaction) -> bool:
    return longer.messages[: len(taken.messages)] == taken.messages


def _public_key(project: Project) -> str:
    return load_machine_key(project.hidden / "keys").trusted


def _standing(store: Store, public_key: str, *, until: int | None = None) -> tuple[Statement, ...]:
    found: dict[tuple[str, str], Statement] = {}
    for place, said in as_left(store):
        if until is not None and place > until:
            break
        if said.kind is StatementKind.EXCLUSION:
            found.setdefault((said.subject, said.author), said)
        elif said.kind is StatementKind.WITHDRAWAL:
            exclusion = found.get((said.subject, said.author))
            taken_back = exclusion is not None and said.supersedes == exclusion.id
            if taken_back and statement_is_signed(said, public_key):
                del found[said.subject, said.author]
    return tuple(found.values())
