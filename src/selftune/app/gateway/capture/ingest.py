"""The ingest: takes the spool into the store, and deletes of the spool what the store has.

It is a process of its own, so that a store that is busy keeps nobody waiting. Killed at any point it begins again where
the files say: an entry that the store has is recognised by its completion's id and adds nothing.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.capture.entries import Entry, read_entry, rules_digest
from selftune.app.gateway.capture.reading import SOURCE
from selftune.app.gateway.capture.spool import FOLDER as SPOOL
from selftune.app.gateway.capture.spool import discard, read_segment, segments
from selftune.app.gateway.capture.words import Word
from selftune.app.gateway.keys import FOLDER as GATEWAY
from selftune.errors import BudgetError, DatabaseAwayError, LockedError, SelftuneError, UsageError
from selftune.loop.incoming.captured import LaterWord, add_word, keep_captured, remember_answer
from selftune.loop.incoming.privacy import rules_of
from selftune.loop.project import HIDDEN, open_project
from selftune.records import Interaction, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.app.gateway.capture.spool import Segment
    from selftune.loop.project import Project

log = logging.getLogger("selftune.gateway.ingest")

_BATCH: Final = 500
_ROUND_SECONDS: Final = 1.0
_NAMED: Final = "conversation_by_its_opening"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one round brought.

    Attributes:
        entries: Entries of the spool that the store has now.
        damaged: Entries that were not what had been written; they are set aside beside the spool.
        unknown: Later words on answers that are not kept.
    """

    entries: int = 0
    damaged: int = 0
    unknown: int = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            entries=self.entries + other.entries,
            damaged=self.damaged + other.damaged,
            unknown=self.unknown + other.unknown,
        )


@dataclass(kw_only=True)
class Ingest:
    """Takes what is new in a project's spool; it holds no lease and no open store between two rounds.

    Attributes:
        done: How far each segment was read, by its number; what comes before that is in the store.
        rules: Under which rules of the door the entries at that place came in.
        opens: Opens the project, for one round.
    """

    folder: Path
    done: dict[int, int] = field(default_factory=dict)
    rules: dict[int, str] = field(default_factory=dict)
    opens: Callable[[Path], AbstractContextManager[Project]] = open_project

    def take(self) -> Taken:
        """Bring in all that is there now.

        Raises:
            LockedError: another process wrote to the store for half a minute.
            BudgetError: the disk is full.
            IntegrityError: a record of the spool does not read.
        """
        spool = self.folder / HIDDEN / GATEWAY / SPOOL
        found = segments(spool) if spool.is_dir() else []
        self.done = {one.number: self.done.get(one.number, 0) for one in found}
        new = [one for one in found if one.whole or _size(one) > self.done[one.number]]
        if not new:
            return Taken()
        with self.opens(self.folder) as project:
            taken = Taken()
            for segment in new:
                taken += self._take_segment(project, segment)
        return taken

    def _take_segment(self, project: Project, segment: Segment) -> Taken:
        number, taken, today = segment.number, Taken(), rules_digest(rules_of(project.config))
        for batch, end in _batches(segment, self.done[number]):
            taken += _keep(project, batch, cleaned={self.rules.get(number, today), *_rules_in(batch)} == {today})
            self.done[number] = end
            self.rules[number] = next(reversed(_rules_in(batch)), self.rules.get(number, today))
        if segment.whole and segment.path.exists():
            aside = discard(segment, self.done.pop(number))
            if aside is not None:
                log.error("a part of the spool can't be read; it is set aside as %s", aside)
        return taken


def take_now(project: Project) -> Taken:
    """Bring in what the spool of an open project holds at this moment; errors as `Ingest.take`."""
    return Ingest(folder=project.folder, opens=lambda _: nullcontext(project)).take()


def _rules_in(batch: Sequence[Entry | None]) -> list[str]:
    return [entry for entry in batch if isinstance(entry, str)]


def _keep(project: Project, batch: Sequence[Entry | None], *, cleaned: bool) -> Taken:
    """Keep a batch: the records together, each word behind those that came before it."""
    waiting, taken = list[Interaction | Quarantined](), Taken()
    for entry in batch:
        if entry is None:
            taken += Taken(damaged=1)
        elif isinstance(entry, str):
            continue
        elif isinstance(entry, Word):
            _keep_records(project, waiting, cleaned=cleaned)
            taken += Taken(entries=1, unknown=not _keep_word(project, entry))
            waiting = []
        else:
            waiting.append(entry)
            taken += Taken(entries=1)
    _keep_records(project, waiting, cleaned=cleaned)
    return taken


def _keep_records(project: Project, records: list[Interaction | Quarantined], *, cleaned: bool) -> None:
    if not records:
        return
    ids = keep_captured(project, records, cleaned=cleaned)
    for record, record_id in zip(records, ids, strict=True):
        if isinstance(record, Interaction) and _NAMED not in record.flags and record.task_id != record.position:
            remember_answer(project, answer_name(record.conversation, record.task_id), record_id)


def answer_name(conversation: str, message_id: str) -> str:
    """Under what an answer is found by the names that a client gave to its chat and to the message."""
    return f"{conversation} {message_id}"


def _keep_word(project: Project, word: Word) -> bool:
    known = add_word(
        project,
        LaterWord(
            name=word.id,
            source=SOURCE,
            position=word.completion_id,
            feedback=word.feedback,
            comment=word.comment or "",
            said_at=word.said_at,
        ),
    )
    if not known:
        log.warning("a word on an answer that is not in the log: nothing is kept of it")
    return known


def _batches(segment: Segment, start: int) -> Iterator[tuple[list[Entry | None], int]]:
    """The entries of a segment from a place on, by the batch, with the place behind each."""
    batch, end = list[Entry | None](), start
    for payload, end in read_segment(segment, start):
        batch.append(None if payload is None else read_entry(payload))
        if len(batch) >= _BATCH:
            yield batch, end
            batch = []
    if batch or end == start:
        yield batch, end


def _size(segment: Segment) -> int:
    try:
        return segment.path.stat().st_size
    except FileNotFoundError:
        return 0


def watch(
    folder: Path,
    *,
    wait: Callable[[float], bool],
    opens: Callable[[Path], AbstractContextManager[Project]] = open_project,
) -> None:
    """Take what comes until `wait` says that it is enough; trouble with store or config is said and tried again."""
    ingest, said = Ingest(folder=folder, opens=opens), ""
    while True:
        try:
            ingest.take()
            said = ""
        except (LockedError, BudgetError, DatabaseAwayError, UsageError) as error:
            # The spool keeps it; the store will have room, be free or be back, and a config in the making whole again.
            if error.message != said:
                log.warning("not taken yet: %s %s", error.message, error.next_step)
            said = error.message
        if wait(_ROUND_SECONDS):
            break
    try:
        ingest.take()
    except SelftuneError as error:
        log.warning("left in the spool for the next start: %s", error.message)
