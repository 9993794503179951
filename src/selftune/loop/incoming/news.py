"""What has come in since the last run: the newest version of each conversation that is complete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.curation.config import CORRECTED
from selftune.errors import NothingNewError
from selftune.loop.executor import Stored
from selftune.store import Listing, Span

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Interaction

RESAMPLED: Final = "resampled"
OUR_OWN: Final = frozenset({RESAMPLED, CORRECTED})


@dataclass(frozen=True, kw_only=True)
class News:
    """The new part of the log.

    Attributes:
        span: Where it stands in the log.
        watermark: The place in the log that it reaches to.
        complete_at: When the first conversation that is still going on will count as complete (UTC); None for none.
    """

    fresh: Stored[Interaction]
    span: Span
    watermark: int
    complete_at: str | None = None


def read_news(project: Project, since: int) -> News:
    """What has come in after a place in the log.

    Our own samples and a teacher's corrections are no news, nor is what nobody may train on: judging it would cost and
    lead nowhere. The log is read up to the first conversation that is still going on, so nothing is ever passed over;
    that one came in less than `idle_minutes` ago, and what lies behind it even later.
    """
    store = project.store
    span, complete_at = _up_to_unfinished(project, Span(after=since, passing_over=OUR_OWN))
    count, last = store.count_said(span)
    ids = Listing(lambda: (one.interaction_id for one in store.said(span)), count)
    return News(fresh=Stored(ids, store), span=span, watermark=last or since, complete_at=complete_at)


def _up_to_unfinished(project: Project, span: Span) -> tuple[Span, str | None]:
    """The span as far as nothing in it goes on, and when the first conversation behind it will count as complete."""
    now = project.now()
    idle = timedelta(minutes=project.config.capture.idle_minutes)
    lately = (datetime.fromisoformat(now) - idle).isoformat(timespec="seconds")
    for one in project.store.unfinished(span, saved_since=lately):
        # A turn from the future was said when it came in.
        last_turn_at = min(one.last_turn_at or one.saved_at, one.saved_at)
        complete_at = (datetime.fromisoformat(last_turn_at) + idle).isoformat(timespec="seconds")
        if complete_at > now:
            return replace(span, before=one.sequence), complete_at
    return span, None


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
