"""How interactions come in outside a cycle: files that are imported, users who ask what serves."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from itertools import tee
from typing import TYPE_CHECKING

from selftune.interactions.detect import detect_format, list_logs, open_sources
from selftune.interactions.privacy.consent import UnderConsent
from selftune.interactions.served import ServedUsers, UserPrompt
from selftune.interactions.stage import capture
from selftune.loop.executor import Silent, Stored
from selftune.loop.incoming.privacy import door_of, rules_of
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build, Interaction, Quarantined, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from selftune.interactions.base import Source
    from selftune.interactions.privacy.consent import ConsentLevel
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.records import Message
    from selftune.store.recognition import Met


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of one file.

    Attributes:
        known: Entries that were imported before.
        broken: Entries that were set aside.
        tightened: Entries that are kept already and may be used for less from now on.
    """

    path: str
    format: str
    why: str
    added: int
    known: int
    broken: int
    tightened: int = 0


def import_files(
    project: Project,
    paths: Sequence[Path],
    *,
    format_name: str = "auto",
    consent: ConsentLevel | None = None,
    observer: Observer | None = None,
) -> tuple[Imported, ...]:
    """Bring files in, and those of folders, each as a step of its own; what is known already adds nothing.

    The words come under `consent`, else under the project's own level; a stricter mark in a file wins.

    Raises:
        MissingFileError: a file is not there; nothing was imported.
        UsageError: a file's format is not known.
    """
    files = [file for path in paths for file in list_logs(path)]
    level = consent or project.config.capture.consent
    opened = [(file, _under_consent(open_sources(file, format_name), level)) for file in files]
    with hold_lease(project):
        return tuple(_import_one(project, path, sources, format_name, observer or Silent()) for path, sources in opened)


def preview_files(
    project: Project, paths: Sequence[Path], *, format_name: str = "auto", consent: ConsentLevel | None = None
) -> tuple[Imported, ...]:
    """What an import of these files would come to; nothing is written, and a runner at work is not disturbed.

    Raises:
        MissingFileError: a file is not there.
        UsageError: a file's format is not known.
    """
    files = [file for path in paths for file in list_logs(path)]
    level = consent or project.config.capture.consent
    opened = [(file, _under_consent(open_sources(file, format_name), level)) for file in files]
    rules = rules_of(project.config)
    items, ahead = tee((path, item) for path, sources in opened for item in capture(sources, rules, project.context()))
    counts: Counter[tuple[Path, str]] = Counter()
    # The store looks ahead by a batch, and so much is all that is held.
    for (path, _), met in zip(items, project.store.preview(item for _, item in ahead), strict=True):
        counts[path, _outcome(met)] += 1
        counts[path, "tightened"] += len(met.tightened)
    return tuple(
        replace(
            _told(path, format_name, counts[path, "added"], counts[path, "known"], counts[path, "broken"]),
            tightened=counts[path, "tightened"],
        )
        for path in files
    )


def _outcome(met: Met) -> str:
    """Which of the counts an entry falls under."""
    if met.record is None:
        return "known"
    return "broken" if isinstance(met.record, Quarantined) else "added"


def _import_one(
    project: Project,
    path: Path,
    sources: tuple[Source, ...],
    format_name: str,
    observer: Observer,
) -> Imported:
    store = project.store
    before = store.count(Interaction), store.count(Quarantined), store.last_entry()
    count = make_executor(project, observer).count(capture, sources, door_of(project))
    tightened = store.count_tightened(since=before[2])
    added, broken = store.count(Interaction) - before[0] - tightened, store.count(Quarantined) - before[1]
    return replace(_told(path, format_name, added, count - added - broken, broken), tightened=tightened)


def _under_consent(sources: tuple[Source, ...], level: ConsentLevel) -> tuple[Source, ...]:
    return tuple(UnderConsent(source=source, level=level) for source in sources)


def _told(path: Path, format_name: str, added: int, known: int, broken: int) -> Imported:
    detection = detect_format(path) if format_name == "auto" else None
    return Imported(
        path=os.fsencode(path.name).decode("utf-8", "backslashreplace"),
        format=format_name if detection is None else detection.name,
        why="you said so" if detection is None else detection.why,
        added=added,
        known=known,
        broken=broken,
    )


def let_users_ask(project: Project, prompts: Iterable[tuple[Message, ...]], observer: Observer) -> Stored[Interaction]:
    """Seeded users ask what serves, and each answer becomes an interaction of the log.

    The judge is not told that they are simulated, nor by which build an answer was given.
    """
    champion = project.store.record(serving_release(project).build_id, Build)
    door = door_of(project)
    users = ServedUsers(
        prompts=tuple(_user_prompt(messages) for messages in prompts),
        build=champion,
        parameters=champion.generation,
        slots=project.config.capture.slots,
        door=door,
    )
    with hold_lease(project):
        return make_executor(project, observer)(capture, (users,), door)


def _user_prompt(messages: tuple[Message, ...]) -> UserPrompt:
    name = digest_of(messages).removeprefix("sha256:")[:16]
    return UserPrompt(task_id=f"user-{name}", messages=messages, conversation=f"conversation-{name}")
