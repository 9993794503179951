"""How an exchange that was just held gets into the log: one way for a plain question and for a dialogue of personas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError, LockedError
from selftune.interactions.door import pass_door
from selftune.interactions.privacy.consent import at_level
from selftune.loop.incoming.privacy import door_of
from selftune.records import Quarantined

if TYPE_CHECKING:
    from collections.abc import Collection

    from selftune.loop.opened import Project
    from selftune.records import Interaction

_FORGOTTEN: Final = "its words, or what was said before in the same conversation, were forgotten."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of an exchange.

    Attributes:
        interaction: Its id in the log; None when it was not kept.
        held_back: The record that stands for it where the door held it back.
        not_kept: Why it is not in the log although it should be; an answer is not lost for that.
    """

    interaction: str | None = None
    held_back: str | None = None
    not_kept: str | None = None


def keep_exchange(project: Project, interaction: Interaction, *, found: Collection[str] = ()) -> Kept:
    """Put an exchange into the log, under the project's consent and through its door; the same one twice is there once.

    A full disk or a store that somebody else holds is no error, nor is a conversation that was forgotten, of which
    nothing is kept any more: the reason comes back. `found` are the kinds of secrets
    that were taken out of it before: what is held back for them is held back also where they are seen no more.
    """
    kept = pass_door(at_level(interaction, project.config.capture.consent), door_of(project), found=found)
    try:
        ids = project.store.save([kept], event="captured")
    except (BudgetError, LockedError) as error:
        return Kept(not_kept=f"{error.message} {error.next_step}")
    if not ids:
        return Kept(not_kept=_FORGOTTEN)
    if isinstance(kept, Quarantined):
        return Kept(held_back=ids[0], not_kept=kept.reason)
    return Kept(interaction=ids[0])
