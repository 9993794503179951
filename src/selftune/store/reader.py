"""What is kept in a store, to be asked: records, facts about many at once, steps, the ledger. Nothing here writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from selftune.records import Interaction, Judgement, Record
from selftune.store import facts, history, moving, rows, steps, walking
from selftune.store.browsing import Log
from selftune.store.dialect import is_file, reading
from selftune.store.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from selftune.ledger.entries import Entry
    from selftune.records import JudgeIdentity
    from selftune.store.facts import Progress, Said, Span, Verdict

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Q = ParamSpec("Q")


class Reader:
    """The side of `Store` that only asks; each answer is of one state of the store, and walks go page by page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- Records (see `rows`, `walking`) ------------------------------------------------------------------------------

    def record(self, record_id: str, kind: type[R]) -> R:
        """The record of this id, or of a unique beginning of one, checked against its id.

        Raises:
            IntegrityError: it is missing, damaged, erased, or of another kind.
            UnknownNameError: the beginning fits none or several.
        """
        return rows.of_kind(self.any_record(record_id), kind)

    def any_record(self, record_id: str) -> Record:
        """The record of this id, or of a unique beginning of one, whatever its kind; errors as `record`."""
        return self._ask(rows.read_named, record_id)

    def find(self, prefix: str) -> str:
        """The full id that begins like this, as in `run:3f2a`.

        Raises:
            UnknownNameError: none does, or several do; those near are offered.
        """
        return self._ask(rows.find_id, prefix)

    def each(self, kind: type[R], since: int = 0) -> Iterator[tuple[int, R]]:
        """Every record of a kind with its ingest sequence, oldest first, those after `since` only.

        Those that are there when the walk begins, without those that were erased; read in pages, so that writers never
        wait for a slow reader.
        """
        return walking.walk_kind(self._engine, kind, since)

    def records(self, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
        """The records of these full ids, in this order, 500 to a question; errors as `record`."""
        return walking.read_records(self._engine, record_ids, kind)

    def kept_records(self, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
        """The same without those that were erased.

        Raises:
            IntegrityError: one is missing, damaged, or of another kind.
        """
        return walking.read_kept(self._engine, record_ids, kind)

    def damaged(self) -> Iterator[str]:
        """Read every record that was not erased; ids of those whose content is not what their id names."""
        return walking.walk_damaged(self._engine)

    def count(self, kind: type[Record]) -> int:
        """How many records of a kind there are, without those that were erased."""
        return self._ask(rows.count_kept, kind.KIND)

    def last(self, kind: type[R]) -> R | None:
        """The record of a kind that was kept last and was not erased."""
        return self._ask(rows.read_last, kind)

    def last_sequence(self, kind: type[Record] | None = None) -> int:
        """The greatest ingest sequence, of a kind or of all; 0 when nothing is kept."""
        return self._ask(rows.last_sequence, None if kind is None else kind.KIND)

    def sequence_of(self, record_id: str) -> int:
        """The place of a record in the order in which all were kept, whatever the clock said.

        Raises:
            IntegrityError: there is no such record.
        """
        return self._ask(rows.find_place, record_id)[0]

    def saved_at(self, record_id: str) -> str:
        """When a record was kept, by the machine's clock: UTC, ISO 8601.

        Raises:
            IntegrityError: there is no such record.
        """
        return self._ask(rows.find_place, record_id)[1]

    def later_version(self, record_id: str) -> str | None:
        """The interaction that supersedes this one; None for the newest version."""
        return self._ask(rows.read_later_version, record_id)

    # --- Facts (see `facts`, `browsing`, `sessions`) ------------------------------------------------------------------

    @property
    def sessions(self) -> Sessions:
        """The archived sessions of training programmes, by number and in columns."""
        return Sessions(self._engine)

    @property
    def log(self) -> Log:
        """The interactions page by page, newest first."""
        return Log(self._engine)

    def said(self, span: Span) -> Iterator[Said]:
        """The interactions of a span that may be learnt from, newest versions only, oldest first; no words are read."""
        return walking.walk(
            self._engine,
            lambda connection, after: facts.read_said(connection, replace(span, after=after), walking.PAGE),
            span.after,
        )

    def count_said(self, span: Span) -> tuple[int, int]:
        """How many these are, and the last one's ingest sequence; 0 for none."""
        return self._ask(facts.count_said, span)

    def unfinished(self, span: Span, *, saved_since: str) -> list[Said]:
        """Those of a span that may go on, kept since this moment (UTC, ISO 8601)."""
        return self._ask(facts.read_unfinished, span, saved_since=saved_since)

    def conversation(self, name: str) -> list[Interaction]:
        """All that is kept of the conversation of this name, earlier versions too, oldest first."""
        ids = self._ask(facts.read_conversation, name)
        return [one for one in self.kept_records(ids, Interaction) if one.conversation == name]

    def superseded(self) -> frozenset[str]:
        """Ids of interactions that readers pass over.

        There is a later version of them, or they were made out of words that may no longer be learnt from.
        """
        return self._ask(facts.read_superseded)

    def progress(self, span: Span, *, rubric_digest: str, threshold: float) -> Progress:
        """How far judging by a rubric has come with the conversations of a span."""
        return self._ask(facts.read_progress, span, rubric_digest=rubric_digest, threshold=threshold)

    def verdicts(self, rubric_digest: str | None = None, since: int = 0) -> Iterator[Verdict]:
        """Every judgement by a rubric, or by any, without its reasons; oldest first, those after `since` only."""
        return walking.walk(
            self._engine,
            lambda connection, after: facts.read_verdicts(connection, rubric_digest, after=after, limit=walking.PAGE),
            since,
        )

    def standing_verdicts(
        self, judge: JudgeIdentity, *, rubric_digest: str, prompt_digest: str | None
    ) -> Callable[[Sequence[str]], dict[str, Judgement]]:
        """What finds, for a batch of interactions, the last verdict that this judge gave on this question.

        Failures are no verdicts, and none stands that another model gave than the one that answered last.
        """
        standing = self._ask(facts.find_standing, judge, rubric_digest=rubric_digest, prompt_digest=prompt_digest)

        def find(interaction_ids: Sequence[str]) -> dict[str, Judgement]:
            found = self._ask(facts.read_standing, standing, interaction_ids)
            return {said: rows.check_kind(*one, Judgement) for said, one in found.items()}

        return find

    # --- Steps (see `steps`) ------------------------------------------------------------------------------------------

    def finished_step(self, key: str) -> steps.StepRow | None:
        """The step of this key, if it is finished."""
        return self._ask(steps.read_finished, key, lambda: self.output_ids(key))

    def output_ids(self, key: str) -> Iterator[str]:
        """Ids of what a step has given so far, in order, finished or not."""
        pages = walking.walk(
            self._engine,
            lambda connection, after: steps.read_output_page(connection, key, after=after, limit=walking.PAGE),
            -1,
        )
        return (record_id for _, record_id in pages)

    def is_finished(self, key: str) -> bool:
        """Whether the step of this key is finished; its outputs, which may be many, are not read."""
        return self._ask(steps.is_finished, key)

    def count_outputs(self, key: str) -> int:
        """How many records a step has given so far, finished or not."""
        return self._ask(steps.count_outputs, key)

    def failure(self, key: str) -> str | None:
        """What `fail_step` was told last about a step; None when it has not failed, or was tried again since."""
        return self._ask(steps.read_failure, key)

    # --- The ledger (see `history`) -----------------------------------------------------------------------------------

    def history(self, since: int = 0) -> Iterator[Entry]:
        """Every ledger entry after place `since`, oldest first, checked; read in pages.

        Raises:
            IntegrityError: an entry was altered.
        """
        return history.walk_entries(self._engine, since)

    def last_entry(self) -> int:
        """The ledger's last place; 0 for an empty one."""
        return self._ask(history.read_tree)[0].size

    def noted(self, event: str) -> list[tuple[str, dict[str, str]]]:
        """Time and detail of every ledger entry of this event that has no record, oldest first."""
        return self._ask(history.read_notes, event)

    def lost(self, kind: type[Record]) -> list[str]:
        """Ids of a kind that the ledger says were kept and that are not there: somebody took them out.

        For kinds that are never erased as a whole; of others it names what was erased, too.
        """
        return self._ask(history.read_lost, kind.KIND)

    def count_tightened(self, since: int = 0) -> int:
        """How often somebody came to allow less with what was kept, in the ledger after place `since`."""
        return self._ask(history.count_entries, history.TIGHTENED, since=since)

    def erased_since(self, entry: int) -> bool:
        """Whether words were taken away for good in the ledger after place `entry`."""
        return self._ask(history.count_entries, history.ERASED, since=entry) > 0

    # --- All of it ----------------------------------------------------------------------------------------------------

    def copy_to_file(self, path: Path) -> None:
        """Write a consistent copy of all records as a new file, while others go on writing.

        Raises:
            UsageError: the file is there already.
        """
        moving.copy_to_file(self._engine, path)

    def count_rows(self) -> dict[str, int]:
        """How many rows each table holds."""
        return moving.count_rows(self._engine)

    @property
    def is_file(self) -> bool:
        """Whether the records lie in the project's own file, not on a server."""
        return is_file(self._engine)

    def _ask(self, question: Callable[Concatenate[Connection, Q], T], *args: Q.args, **named: Q.kwargs) -> T:
        """What a question to one state of the store answers."""
        with reading(self._engine) as connection:
            return question(connection, *args, **named)
