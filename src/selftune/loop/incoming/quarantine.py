"""What was set aside at the door: listed, and tried again after a mend of ours or a change of yours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.failpoints import reach
from selftune.interactions.detect import GROUP
from selftune.interactions.privacy.consent import under
from selftune.interactions.retry import read_again
from selftune.loop.incoming.privacy import door_of
from selftune.loop.runner import hold_lease
from selftune.plugins import load_plugin
from selftune.store.places import retry_name

if TYPE_CHECKING:
    from selftune.interactions.privacy.consent import ConsentLevel
    from selftune.loop.project import Project
    from selftune.records import Quarantined

EVENT: Final = "brought in from quarantine"


@dataclass(frozen=True, kw_only=True)
class Aside:
    """An entry that could not be read: which file, where in it, and why."""

    id: str
    file: str
    place: str
    format: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What came of trying again: how many entries went in, and those that stay with the reason of today."""

    brought_in: int
    left: tuple[Aside, ...]


def list_aside(project: Project) -> tuple[Aside, ...]:
    """Everything that waits in quarantine, oldest first."""
    return tuple(_described(record, record.reason) for record in project.store.waiting())


def retry_aside(project: Project, *, format_name: str = "", consent: ConsentLevel | None = None) -> Retried:
    """Read everything in quarantine once more; what can be read now goes in, the rest stays as it is.

    `format_name` reads it as another format than before. The words come under `consent`, else under what their import
    said, else under the project's own level. A retry that was cut off goes on where it was.

    Raises:
        UnknownNameError: no source is registered under that name of a format.
        LockedError: another runner has the project.
    """
    if format_name:
        load_plugin(GROUP, format_name)
    brought_in, left, door = 0, [], door_of(project)
    with hold_lease(project):
        for record in project.store.waiting():
            try:
                interactions = read_again(
                    record,
                    door,
                    project.context(),
                    format_name=format_name or record.source.partition(":")[0],
                    folder=project.hidden / "work",
                )
            except UsageError as error:
                left.append(_described(record, error.message))
                continue
            level = consent or project.config.capture.consent
            agreed = level.consent if consent or record.consent is None else record.consent
            allowed = [under(item, agreed) for item in interactions]
            ids = project.store.save(allowed, event=EVENT, detail={"quarantined": record.id})
            reach("retried-entry")
            # A forgotten person's words add nothing; they have left the list all the same.
            project.store.remember(retry_name(record.id), ids[0] if ids else record.id)
            brought_in += 1
    return Retried(brought_in=brought_in, left=tuple(left))


def _described(record: Quarantined, reason: str) -> Aside:
    format_name, _, file_name = record.source.partition(":")
    place, _, why = record.reason.removeprefix(f"{file_name}, ").partition(": ")
    return Aside(
        id=record.id,
        file=file_name,
        place=place,
        format=format_name,
        reason=why if reason == record.reason else reason.removeprefix(f"{place}: "),
    )
