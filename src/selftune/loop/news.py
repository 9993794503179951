"""What has come in since the last run: the newest version of each conversation that is complete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from selftune.curation.corrections import CORRECTED
from selftune.errors import NothingNewError
from selftune.loop.executor import Stored
from selftune.records import Interaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.loop.project import Project

RESAMPLED: Final = "resampled"
OUR_OWN: Final = frozenset({RESAMPLED, CORRECTED})


@dataclass(frozen=True, kw_only=True)
class News:
    """The new part of the log.

    Attributes:
        watermark: The place in the log that it reaches to.
        conversations: The conversation of each interaction that was read, our own samples too, by its id.
        said_at: When each new conversation took place, by its name; None where nobody knows.
        complete_at: When the first conversation that is still going on will count as complete (UTC); None for none.
    """

    fresh: Stored[Interaction]
    watermark: int
    conversations: Mapping[str, str]
    said_at: Mapping[str, str | None]
    complete_at: str | None = None


def read_news(project: Project, since: int) -> News:
    """What has come in after a place in the log.

    Our own samples and a teacher's corrections are no news, nor is what nobody may train on: judging it would cost and
    lead nowhere. The log is read up to the first conversation that is still going on, so nothing is ever passed over;
    that one came in less than `idle_minutes` ago, and what lies behind it even later.
    """
    store = project.store
    superseded = store.superseded()
    ids: list[str] = []
    conversations: dict[str, str] = {}
    said_at: dict[str, str | None] = {}
    watermark, complete_at = since, None
    for sequence, interaction in store.each(Interaction, since=since):
        conversations[interaction.id] = interaction.conversation
        if interaction.source in OUR_OWN or not interaction.consent.train or interaction.id in superseded:
            continue
        complete_at = _complete_at(project, interaction)
        if complete_at is not None:
            break
        ids.append(interaction.id)
        said_at[interaction.conversation] = interaction.happened_at
        watermark = sequence
    return News(
        fresh=Stored(tuple(ids), store),
        watermark=watermark,
        conversations=MappingProxyType(conversations),
        said_at=MappingProxyType(said_at),
        complete_at=complete_at,
    )


def _complete_at(project: Project, interaction: Interaction) -> str | None:
    """When a conversation that is still going on will have been idle for long enough; None for a complete one.

    What does not say when its last turn was said is complete. A turn from the future was said when it came in.
    """
    if interaction.closed or interaction.last_turn_at is None:
        return None
    last_turn_at = min(interaction.last_turn_at, project.store.saved_at(interaction.id))
    idle = timedelta(minutes=project.config.capture.idle_minutes)
    complete_at = (datetime.fromisoformat(last_turn_at) + idle).isoformat(timespec="seconds")
    return complete_at if complete_at > project.context().now() else None


def refuse_when_nothing_new(news: News) -> None:
    """Halt when the log holds nothing that has not been learnt from.

    Raises:
        NothingNewError: there is no new interaction, or the only one is of a conversation that goes on.
    """
    if len(news.fresh):
        return
    if news.complete_at is not None:
        raise NothingNewError(
            f"nothing new yet: a conversation is still going on; it counts as complete from {news.complete_at}.",
            next_step="Wait until then, or lower `idle_minutes` under [capture] in selftune.toml.",
        )
    raise NothingNewError(
        "nothing new: no interaction has come in since the last run.",
        next_step="Talk to the model with `selftune ask`, or bring a log in with `selftune import FILE`.",
    )
