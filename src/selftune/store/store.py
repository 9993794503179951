"""The store of one project: records with their ledger entries, facts about many at once, steps, scratch and leases."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from sqlalchemy import func, insert, select, update

from selftune.errors import BudgetError, IntegrityError, MissingFileError, UsageError
from selftune.failpoints import reach
from selftune.interrupts import held_back
from selftune.ledger.keys import IMPORT_KEY, derive_key
from selftune.ledger.mirror import Mirror
from selftune.records import Interaction, Judgement, Quarantined, Record
from selftune.store import facts, history, rows, steps, work
from selftune.store.browsing import Log
from selftune.store.dialect import compact, describe_sqlite, is_file, open_engine, reading, sqlite_module, writing
from selftune.store.erasure import Erasure, erase
from selftune.store.homes import TO_FILE, claim, made_name, refuse_elsewhere
from selftune.store.import_key import load_import_key
from selftune.store.lease import Identity, Lease, acquire
from selftune.store.migrate import migrate
from selftune.store.places import came_in_keys, source_key
from selftune.store.recognition import Recognition, known_at
from selftune.store.sessions import Sessions
from selftune.store.surviving import put_surviving, read_surviving
from selftune.store.tables import LEDGER, RECORDS, SOURCES, STEPS, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from sqlalchemy import ColumnElement, Connection, Engine

    from selftune import context
    from selftune.databases import Database
    from selftune.ledger.entries import Entry
    from selftune.ledger.mirror import Checkpoint
    from selftune.ledger.verify import Frontier
    from selftune.records import JudgeIdentity
    from selftune.store.facts import Progress, Said, Span, Verdict
    from selftune.store.moving import Copied
    from selftune.store.recognition import Met

R = TypeVar("R", bound=Record)
# A row of a page, its place first.
P = TypeVar("P", bound="tuple[Any, ...]")

HIDDEN: Final = ".selftune"
FILE: Final = "store.db"
ERASED: Final = "erased"
TIGHTENED: Final = "consent tightened"
_BATCH: Final = 500
_PAGE: Final = 2000
_NO_DETAIL: Final[Mapping[str, str]] = MappingProxyType({})
_ID_HEX_DIGITS: Final = 64


def _open_database(database: Database) -> tuple[Engine, str]:
    from selftune.store.dialect.postgresql import describe_server, open_database

    engine = open_database(database)
    try:
        with reading(engine) as connection:
            return engine, describe_server(connection)
    except BaseException:
        engine.dispose()
        raise


def utc_now() -> str:
    """UTC time as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Store:
    """What a project keeps; one per process, a context manager.

    Each write is one transaction that holds the record, its ledger entry and what depends on both, on the disk when
    the method returns; the ledger's mirror is written right behind it and made up for at the next start.

    Attributes:
        sqlite_note: Which SQLite is in use and how, or which server, for `selftune doctor`.
    """

    def __init__(
        self, engine: Engine, folder: Path, *, clock: Callable[[], str], sqlite_note: str, place: str = TO_FILE
    ) -> None:
        self.sqlite_note = sqlite_note
        self._place = place
        self._name: str | None = None
        self._engine = engine
        self._folder = folder
        self._clock = clock
        self._mirror = Mirror(folder / "ledger")
        self._leases: dict[str, Lease] = {}
        self._import_secret: bytes | None = None

    @classmethod
    def open(
        cls,
        project: Path,
        *,
        clock: Callable[[], str] = utc_now,
        module: ModuleType | None = None,
        database: Database | None = None,
    ) -> Self:
        """The store in `project/.selftune`, made if it is not there; its tables and its mirror brought up to date.

        With a database the records lie there, and the rest in the folder.

        Raises:
            MissingFileError: there is no such project folder.
            UsageError: the records were brought elsewhere, or the database is another project's.
            IntegrityError: the store is of a newer selftune, or store and mirror contradict each other.
            DatabaseAwayError: the database does not answer.
        """
        if not project.is_dir():
            raise MissingFileError(f"{project} is no folder.", next_step="Make a project there with `selftune init`.")
        folder = project.resolve() / HIDDEN
        for part in (folder, folder / "ledger", folder / "work", folder / "keys"):
            part.mkdir(exist_ok=True)
        place = TO_FILE if database is None else database.shown
        refuse_elsewhere(folder, place)
        if database is None:
            module = module or sqlite_module()
            engine, note = open_engine(folder / FILE, module), describe_sqlite(module)
        else:
            engine, note = _open_database(database)
        store = cls(engine, folder, clock=clock, sqlite_note=note, place=place)
        try:
            migrate(engine, folder / FILE)
            store._claim()
            store._complete_mirror()
            store._sweep_work()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the file; leases that are still held are released."""
        for lease in list(self._leases.values()):
            lease.release()
        self._leases.clear()
        with held_back():
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Records ------------------------------------------------------------------------------------------------------

    def save(self, records: Iterable[Record], *, event: str, detail: Mapping[str, str] = _NO_DETAIL) -> list[str]:
        """Keep records, each with a ledger entry of this event; returns an id for each, in order.

        One transaction for each 500 records. What is there already adds nothing: a known id; an `Interaction` or
        `Quarantined` line of a known place or content, for which the earlier record's id is returned; and an earlier
        state of a conversation. A later state supersedes it, and so does the same one once its author allows less. What
        may not be kept leaves a `Quarantined` line without its words.
        """
        source, ids = iter(records), list[str]()
        while batch := list(islice(source, _BATCH)):
            with self._writing() as connection:
                ids += self._keep(connection, batch, event=event, detail=detail)
        return ids

    def save_named(self, record: Record, names: Sequence[str], *, event: str) -> str:
        """Keep a record as `save` does and have each of these names mean it from now on, or neither; returns its id."""
        with self._writing() as connection:
            (kept,) = self._keep(connection, [record], event=event, detail=_NO_DETAIL)
            for name in names:
                self._remember(connection, name, kept)
        return kept

    def note(self, event: str, detail: Mapping[str, str] = _NO_DETAIL) -> int:
        """Add a ledger entry that has no record; returns its place in the ledger."""
        with self._writing() as connection:
            return self._add_note(connection, event, detail)

    def record(self, record_id: str, kind: type[R]) -> R:
        """The record of this id, or of a unique beginning of one, checked against its id.

        Raises:
            IntegrityError: it is missing, damaged, erased, or of another kind.
            UnknownNameError: the beginning fits none or several.
        """
        return rows.of_kind(self.any_record(record_id), kind)

    def any_record(self, record_id: str) -> Record:
        """The record of this id, or of a unique beginning of one, whatever its kind; errors as `record`."""
        whole = len(record_id.partition(":")[2]) == _ID_HEX_DIGITS
        with reading(self._engine) as connection:
            return rows.read_record(connection, record_id if whole else rows.find_id(connection, record_id))

    def find(self, prefix: str) -> str:
        """The full id that begins like this, as in `run:3f2a`.

        Raises:
            UnknownNameError: none does, or several do; those near are offered.
        """
        with reading(self._engine) as connection:
            return rows.find_id(connection, prefix)

    def each(self, kind: type[R], since: int = 0) -> Iterator[tuple[int, R]]:
        """Every record of a kind with its ingest sequence, oldest first, those after `since` only.

        Those that are there when the walk begins, without those that were erased; read in pages, so that writers never
        wait for a slow reader.
        """
        until = self.last_sequence(kind)
        for sequence, record_id, body in self._pages(
            lambda connection, after: rows.read_page(connection, kind.KIND, after=after, until=until, limit=_BATCH),
            since,
        ):
            record = rows.check_body(record_id, body)
            assert isinstance(record, kind), "a body's kind is part of its id"  # noqa: S101 - can't happen
            yield sequence, record

    def records(self, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
        """The records of these full ids, in this order, 500 to a question; errors as `record`."""
        source = iter(record_ids)
        while batch := list(islice(source, _BATCH)):
            with reading(self._engine) as connection:
                bodies = rows.read_bodies(connection, batch)
            yield from (rows.check_kind(record_id, bodies[record_id], kind) for record_id in batch)

    def kept_records(self, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
        """The same without those that were erased.

        Raises:
            IntegrityError: one is missing, damaged, or of another kind.
        """
        source = iter(record_ids)
        while batch := list(islice(source, _BATCH)):
            with reading(self._engine) as connection:
                bodies = rows.read_bodies(connection, batch)
            there = (name for name in batch if bodies[name] is not None)
            yield from (rows.check_kind(name, bodies[name], kind) for name in there)

    def erase(self, wanted: Erasure, detail: Mapping[str, str] = _NO_DETAIL) -> tuple[str, ...]:
        """Take the words of these records away for good, each with a ledger entry; ids of those that held some.

        The ids and the ledger hold as before, and an import that brings the same again adds nothing. The file is
        written anew without what was deleted; scratch of unfinished steps goes, and they begin anew.

        Raises:
            LockedError: another process is at the store.
        """
        with self._writing() as connection:
            erased = erase(connection, wanted, secret=self._secret(connection))
            history.add_entries(connection, at=self._clock(), event=ERASED, records=erased, detail=detail)
        self.sweep_erased()
        return tuple(record_id for _, record_id in erased)

    def sweep_erased(self) -> None:
        """Write the file anew without what was erased, and let go of what may repeat it; done twice, it does no harm.

        Raises:
            LockedError: another process is at the store; erased words are still in its free pages.
            BudgetError: there is no room on the disk for the file a second time.
        """
        for folder in self._work_folder.iterdir():
            work.clear_folder(self._work_folder, folder.name)
        for copy in self._folder.glob("store.db.before-*"):
            # What an upgrade left behind holds everything that stood here then.
            copy.unlink()
        compact(self._engine)

    def copy_surviving(self, target: Store, kind: type[Record], *, until: int, without: Collection[str]) -> None:
        """Put every record of a kind whose words are there into an empty store, in the same places.

        Those after place `until`, those of the ids `without` and verdicts on them stay here. The other store's ledger
        says nothing of it: it is made for a look, and thrown away.
        """
        after = 0
        while True:
            with reading(self._engine) as connection:
                page = read_surviving(connection, kind.KIND, after=after, until=until)
            if not page:
                return
            with target._writing() as connection:
                put_surviving(connection, page, without)
            after = page[-1].sequence

    def damaged(self) -> Iterator[str]:
        """Read every record that was not erased; ids of those whose content is not what their id names."""
        with reading(self._engine) as connection:
            until = rows.last_sequence(connection, None)
        for _, record_id, body in self._pages(
            lambda connection, after: rows.read_any_page(connection, after=after, until=until, limit=_BATCH), 0
        ):
            if not rows.is_sound(record_id, body):
                yield record_id

    def count(self, kind: type[Record]) -> int:
        """How many records of a kind there are, without those that were erased."""
        there = RECORDS.c.kind == kind.KIND, RECORDS.c.body.is_not(None)
        with reading(self._engine) as connection:
            found: int = connection.execute(select(func.count()).where(*there)).scalar_one()
        return found

    def last(self, kind: type[R]) -> R | None:
        """The record of a kind that was kept last and was not erased."""
        there = RECORDS.c.kind == kind.KIND, RECORDS.c.body.is_not(None)
        newest = select(RECORDS.c.id).where(*there).order_by(RECORDS.c.sequence.desc()).limit(1)
        with reading(self._engine) as connection:
            record_id = connection.execute(newest).scalar()
        return None if record_id is None else self.record(record_id, kind)

    def last_sequence(self, kind: type[Record] | None = None) -> int:
        """The greatest ingest sequence, of a kind or of all; 0 when nothing is kept."""
        with reading(self._engine) as connection:
            return rows.last_sequence(connection, None if kind is None else kind.KIND)

    def sequence_of(self, record_id: str) -> int:
        """The place of a record in the order in which all were kept, whatever the clock said.

        Raises:
            IntegrityError: there is no such record.
        """
        return int(self._kept_with(RECORDS.c.sequence, record_id))

    def saved_at(self, record_id: str) -> str:
        """When a record was kept, by the machine's clock: UTC, ISO 8601.

        Raises:
            IntegrityError: there is no such record.
        """
        return str(self._kept_with(RECORDS.c.saved_at, record_id))

    def _kept_with(self, column: ColumnElement[Any], record_id: str) -> Any:
        """What this column of the table of records holds beside a record."""
        with reading(self._engine) as connection:
            found = connection.execute(select(column).where(RECORDS.c.id == record_id)).scalar()
        if found is None:
            raise IntegrityError(f"no record {record_id} in the store.", next_step="Check the id.")
        return found

    @property
    def sessions(self) -> Sessions:
        """The archived sessions of training programmes, by number and in columns."""
        return Sessions(self._engine)

    @property
    def log(self) -> Log:
        """The interactions page by page, newest first."""
        return Log(self._engine)

    # --- Facts (see `facts`) ------------------------------------------------------------------------------------------

    def said(self, span: Span) -> Iterator[Said]:
        """The interactions of a span that may be learnt from, newest versions only, oldest first; no words are read."""
        return self._pages(
            lambda connection, after: facts.read_said(connection, replace(span, after=after), _PAGE), span.after
        )

    def count_said(self, span: Span) -> tuple[int, int]:
        """How many these are, and the last one's ingest sequence; 0 for none."""
        with reading(self._engine) as connection:
            return facts.count_said(connection, span)

    def unfinished(self, span: Span, *, saved_since: str) -> list[Said]:
        """Those of a span that may go on, kept since this moment (UTC, ISO 8601)."""
        with reading(self._engine) as connection:
            return facts.read_unfinished(connection, span, saved_since=saved_since)

    def conversation(self, name: str) -> list[Interaction]:
        """All that is kept of the conversation of this name, earlier versions too, oldest first."""
        with reading(self._engine) as connection:
            ids = facts.read_conversation(connection, name)
        return [one for one in self.kept_records(ids, Interaction) if one.conversation == name]

    def progress(self, span: Span, *, rubric_digest: str, threshold: float) -> Progress:
        """How far judging by a rubric has come with the conversations of a span."""
        with reading(self._engine) as connection:
            return facts.read_progress(connection, span, rubric_digest=rubric_digest, threshold=threshold)

    def verdicts(self, rubric_digest: str | None = None, since: int = 0) -> Iterator[Verdict]:
        """Every judgement by a rubric, or by any, without its reasons; oldest first, those after `since` only."""
        return self._pages(
            lambda connection, after: facts.read_verdicts(connection, rubric_digest, after=after, limit=_PAGE), since
        )

    def standing_verdicts(
        self, judge: JudgeIdentity, *, rubric_digest: str, prompt_digest: str | None
    ) -> Callable[[Sequence[str]], dict[str, Judgement]]:
        """What finds, for a batch of interactions, the last verdict that this judge gave on this question.

        Failures are no verdicts, and none stands that another model gave than the one that answered last.
        """
        with reading(self._engine) as connection:
            standing = facts.find_standing(connection, judge, rubric_digest=rubric_digest, prompt_digest=prompt_digest)

        def find(interaction_ids: Sequence[str]) -> dict[str, Judgement]:
            with reading(self._engine) as connection:
                found = facts.read_standing(connection, standing, interaction_ids)
            return {said: rows.check_kind(*one, Judgement) for said, one in found.items()}

        return find

    def _pages(self, read: Callable[[Connection, int], Sequence[P]], after: int) -> Iterator[P]:
        """What comes after a place, a page to a transaction, so that writers never wait for a slow reader."""
        while True:
            with reading(self._engine) as connection:
                page = read(connection, after)
            if not page:
                return
            yield from page
            after = page[-1][0]

    # --- Imports ------------------------------------------------------------------------------------------------------

    def superseded(self) -> frozenset[str]:
        """Ids of interactions that readers pass over.

        There is a later version of them, or they were made out of words that may no longer be learnt from.
        """
        with reading(self._engine) as connection:
            later = connection.execute(select(VERSIONS.c.supersedes)).scalars()
            return frozenset(later) | facts.read_fallen(connection)

    def later_version(self, record_id: str) -> str | None:
        """The interaction that supersedes this one; None for the newest version."""
        later = select(VERSIONS.c.record_id).where(VERSIONS.c.supersedes == record_id)
        with reading(self._engine) as connection:
            found: str | None = connection.execute(later).scalar()
        return found

    def count_tightened(self, since: int = 0) -> int:
        """How often somebody came to allow less with what was kept, in the ledger after place `since`."""
        entries = select(func.count()).where(LEDGER.c.seq > since, LEDGER.c.event == TIGHTENED)
        with reading(self._engine) as connection:
            found: int = connection.execute(entries).scalar_one()
        return found

    def erased_since(self, entry: int) -> bool:
        """Whether words were taken away for good in the ledger after place `entry`."""
        found = select(LEDGER.c.seq).where(LEDGER.c.seq > entry, LEDGER.c.event == ERASED).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(found).first() is not None

    def noted(self, event: str) -> list[tuple[str, dict[str, str]]]:
        """Time and detail of every ledger entry of this event that has no record, oldest first."""
        with reading(self._engine) as connection:
            return history.read_notes(connection, event)

    def lost(self, kind: type[Record]) -> list[str]:
        """Ids of a kind that the ledger says were kept and that are not there: somebody took them out.

        For kinds that are never erased as a whole; of others it names what was erased, too.
        """
        with reading(self._engine) as connection:
            return history.read_lost(connection, kind.KIND)

    def last_entry(self) -> int:
        """The ledger's last place; 0 for an empty one."""
        with reading(self._engine) as connection:
            return history.read_tree(connection)[0].size

    def preview(self, records: Iterable[Record]) -> Iterator[Met]:
        """Of each record in turn, what saving it would do; nothing is written, not even a missing import key."""
        source = iter(records)
        with reading(self._engine) as connection:
            made = (self._folder / "keys" / IMPORT_KEY).exists()
            secret = self._secret(connection) if made else b"no import yet"
            recognition = Recognition(connection=connection, secret=secret)
            while batch := list(islice(source, _BATCH)):
                recognition.look_up(batch)
                yield from map(recognition.meet, batch)
                recognition.forget_found()

    def kept_at(self, source: str, positions: Sequence[str]) -> dict[str, Interaction]:
        """The newest version of what was kept from each of these places; a place that is new has none."""
        with reading(self._engine) as connection:
            found = known_at(connection, self._secret(connection), source, positions)
        return dict(zip(found, self.records(found.values(), Interaction), strict=True))

    def waiting(self) -> Iterator[Quarantined]:
        """What was set aside and has not come in since, by a retry or by another import; oldest first."""
        aside = (record for _, record in self.each(Quarantined))
        while batch := list(islice(aside, _BATCH)):
            with reading(self._engine) as connection:
                secret = self._secret(connection)
                keys = {record.id: came_in_keys(secret, record) for record in batch}
                asked = {key for some in keys.values() for key in some}
                came_in = select(SOURCES.c.key).where(SOURCES.c.key.in_(asked), SOURCES.c.record_id.is_not(None))
                found = set(connection.execute(came_in).scalars())
            yield from (record for record in batch if found.isdisjoint(keys[record.id]))

    def seen(self, name: str) -> str | None:
        """The id of the record that was remembered under this key; None for none."""
        with reading(self._engine) as connection:
            key = source_key(self._secret(connection), name)
            found: str | None = connection.execute(select(SOURCES.c.record_id).where(SOURCES.c.key == key)).scalar()
        return found

    def remember(self, name: str, record_id: str) -> None:
        """Recognise this key from now on; the key itself is not kept, only its HMAC under the project's own secret."""
        with self._writing() as connection:
            self._remember(connection, name, record_id)

    def derive_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, from the project's own secret: the same at each call, telling nothing of it."""
        with reading(self._engine) as connection:
            return derive_key(self._secret(connection), purpose)

    # --- Steps --------------------------------------------------------------------------------------------------------

    def finished_step(self, key: str) -> steps.StepRow | None:
        """The step of this key, if it is finished."""
        with reading(self._engine) as connection:
            return steps.read_finished(connection, key, lambda: self.output_ids(key))

    def output_ids(self, key: str) -> Iterator[str]:
        """Ids of what a step has given so far, in order, finished or not."""
        pages = self._pages(
            lambda connection, after: steps.read_output_page(connection, key, after=after, limit=_PAGE), -1
        )
        return (record_id for _, record_id in pages)

    def is_finished(self, key: str) -> bool:
        """Whether the step of this key is finished; its outputs, which may be many, are not read."""
        with reading(self._engine) as connection:
            return steps.is_finished(connection, key)

    def count_outputs(self, key: str) -> int:
        """How many records a step has given so far, finished or not."""
        with reading(self._engine) as connection:
            return steps.count_outputs(connection, key)

    def finish_step(
        self, key: str, stage: str, outputs: Iterable[Record], *, elapsed: Callable[[], float], many: bool = False
    ) -> None:
        """Keep what a step gives, as it comes, and call it finished after the last one.

        `outputs` are all outputs from the first one on, in the same order at each try: those that an earlier try has
        kept are passed over. Each 500 are one transaction; the last one also marks the step finished and clears its
        scratch. When `outputs` raises, what came before is kept and the step stays unfinished. `elapsed` is asked for
        the seconds it took, after the last output.
        """
        if self.is_finished(key):
            return
        batch, begun, complete = list[Record](), False, False
        try:
            for record in islice(outputs, self.count_outputs(key), None):
                batch.append(record)
                if len(batch) == _BATCH:
                    # Emptied first: if this fails, it must not be tried again below.
                    full, batch = batch, []
                    self._keep_outputs(key, stage, full, many=many, begin=not begun)
                    begun = True
                    reach(f"batch-{stage}")
            complete = True
        finally:
            if batch or complete:
                seconds = elapsed() if complete else None
                self._keep_outputs(key, stage, batch, many=many, begin=not begun, seconds=seconds)
        work.clear_folder(self._work_folder, key)

    def fail_step(self, key: str, stage: str, error: str) -> None:
        """Note that a step stopped. The ledger gets the error's name; its text, which may quote, stays in the store."""
        with self._writing() as connection:
            steps.mark_failed(connection, key, stage, error, at=self._clock())
            name = error.partition(":")[0]
            self._add_note(connection, "step failed", {"stage": stage, "step": key, "error": name})

    def failure(self, key: str) -> str | None:
        """What `fail_step` was told last about a step; None when it has not failed, or was tried again since."""
        with reading(self._engine) as connection:
            found: str | None = connection.execute(select(STEPS.c.error).where(STEPS.c.key == key)).scalar()
        return found

    def step_work(self, key: str) -> work.StepWork:
        """Durable scratch for a step, there until it is finished or `work_clear` is called."""
        return work.StepWork(self._engine, self._work_folder, key)

    def work_clear(self, key: str) -> None:
        """Forget a step's scratch."""
        with writing(self._engine) as connection:
            work.clear_rows(connection, key)
        work.clear_folder(self._work_folder, key)

    # --- Leases, ledger -----------------------------------------------------------------------------------------------

    def acquire_lease(
        self, name: str, owner: str, ttl_seconds: float = 600.0, *, identity: Identity | None = None
    ) -> Lease:
        """Hold a name, such as `cycle`, until the lease is released; from then on every write checks that it still is.

        Raises:
            LockedError: another process holds it; the message says which and since when.
        """
        lease = acquire(
            self._engine,
            self._folder,
            name,
            owner=owner,
            ttl_seconds=ttl_seconds,
            since=self._clock(),
            identity=identity or Identity.own(),
            on_release=lambda: self._leases.pop(name, None),
        )
        self._leases[name] = lease
        return lease

    def history(self, since: int = 0) -> Iterator[Entry]:
        """Every ledger entry after place `since`, oldest first, checked; read in pages.

        Raises:
            IntegrityError: an entry was altered.
        """
        while True:
            with reading(self._engine) as connection:
                page = list(history.read_entries(connection, after=since, limit=_BATCH))
            if not page:
                return
            yield from page
            since = page[-1].seq

    def checkpoint(self) -> Checkpoint:
        """Sign the ledger as it stands with the machine key; copy the line elsewhere and no one can rewrite it unseen.

        Raises:
            MissingFileError: the project has no machine key.
        """
        from selftune.ledger.keys import load_machine_key

        key = load_machine_key(self._folder / "keys")
        with self._mirror.locked():
            tree = self._extend_mirror()
            return self._mirror.add_checkpoint(size=tree.size, root=tree.root().hex(), at=self._clock(), key=key)

    # --- How a write goes ---------------------------------------------------------------------------------------------

    @contextmanager
    def copied_to(
        self, database: Database | None, told: Callable[[context.Progress], None] = lambda _: None
    ) -> Iterator[Copied]:
        """Copy everything into an empty database, or into a new file; in the block nobody else writes here.

        `told` hears how many rows were copied, then compared.

        Raises:
            UsageError: something is kept there.
            LockedError: somebody else works in this store.
            IntegrityError: what was copied differs; nothing is there then.
        """
        from selftune.store.moving import copied, opened_target

        path = self._folder / FILE
        name = None if database is None else made_name(self._folder)
        with (
            opened_target(path, database) as target,
            copied(self._engine, target, path, project=name, own_leases=self._leases, told=told) as made,
        ):
            yield made

    def copy_to_file(self, path: Path) -> None:
        """Write a consistent copy of all records as a new file, while others go on writing.

        Raises:
            UsageError: the file is there already.
        """
        from selftune.store.moving import copy_to_file

        copy_to_file(self._engine, path)

    def copy_mirror(self, folder: Path) -> None:
        """Copy the ledger's mirror as it stands between two writes."""
        with self._mirror.locked():
            shutil.copytree(self._mirror.folder, folder, ignore=shutil.ignore_patterns(".lock"))

    def count_rows(self) -> dict[str, int]:
        """How many rows each table holds."""
        from selftune.store.moving import count_rows

        return count_rows(self._engine)

    @property
    def is_file(self) -> bool:
        """Whether the records lie in the project's own file, not on a server."""
        return is_file(self._engine)

    @property
    def _shown(self) -> str:
        return FILE if self.is_file else "the database"

    @property
    def _work_folder(self) -> Path:
        return self._folder / "work"

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A fenced transaction, and the mirror brought up to it."""
        with writing(self._engine) as connection:
            # A process that had the store open while its records went would go on with what they were before.
            refuse_elsewhere(self._folder, self._place)
            if not self.is_file:
                self._refuse_other_project(connection)
            for lease in self._leases.values():
                lease.check(connection)
            yield connection
        self._complete_mirror()

    def _claim(self) -> None:
        """See that a database is this project's.

        Raises:
            UsageError: it is another one's.
        """
        if self.is_file:
            return
        with self._mirror.locked():
            tail = self._mirror.tail()
        self._name = claim(self._engine, self._folder, self._place, tail)

    def _refuse_other_project(self, connection: Connection) -> None:
        from selftune.store.dialect.postgresql import project_in

        if project_in(connection) != self._name:
            raise UsageError(
                f"{self._place} became another project's while it was empty.",
                next_step="Name a database of its own for each project: `createdb NAME`.",
            )

    def _keep(
        self, connection: Connection, batch: Sequence[Record], *, event: str, detail: Mapping[str, str]
    ) -> tuple[str, ...]:
        at = self._clock()
        kept = rows.keep_records(connection, batch, secret=self._secret(connection), at=at)
        history.add_entries(connection, at=at, event=event, records=kept.new, detail=detail)
        history.add_entries(connection, at=at, event=TIGHTENED, records=kept.tightened, detail=detail)
        return kept.ids

    def _remember(self, connection: Connection, name: str, record_id: str) -> None:
        key = source_key(self._secret(connection), name)
        known = update(SOURCES).where(SOURCES.c.key == key).values(record_id=record_id)
        if connection.execute(known).rowcount == 0:
            connection.execute(insert(SOURCES).values(key=key, record_id=record_id))

    def _keep_outputs(
        self, key: str, stage: str, batch: Sequence[Record], *, many: bool, begin: bool, seconds: float | None = None
    ) -> None:
        """One transaction of a step; the last one knows the seconds it took."""
        with self._writing() as connection:
            if begin:
                steps.begin_step(connection, key, stage, many=many, at=self._clock())
            ids = self._keep(connection, batch, event=stage, detail={"step": key})
            steps.add_outputs(connection, key, ids)
            if seconds is not None:
                self._mark_finished(connection, key, stage, seconds)

    def _mark_finished(self, connection: Connection, key: str, stage: str, seconds: float) -> None:
        steps.mark_finished(connection, key, seconds=seconds, at=self._clock())
        work.clear_rows(connection, key)
        facts = {"outputs": str(steps.count_outputs(connection, key)), "seconds": f"{seconds:.3f}"}
        self._add_note(connection, "step finished", {"stage": stage, "step": key} | facts)

    def _add_note(self, connection: Connection, event: str, detail: Mapping[str, str]) -> int:
        return history.add_entries(connection, at=self._clock(), event=event, records=[(None, None)], detail=detail)

    def _complete_mirror(self) -> None:
        """Write what is committed and not yet mirrored; another process may have done it for us.

        Raises:
            BudgetError: the mirror's disk is full; the records themselves are kept.
        """
        try:
            with self._mirror.locked():
                self._extend_mirror()
        except OSError as error:
            raise BudgetError(
                f"the ledger's mirror can't be written: {error.strerror}. The store has kept everything.",
                next_step="Free some disk space; the next start completes the mirror.",
            ) from error

    def _extend_mirror(self) -> Frontier:
        """Write what is missing; returns the tree over just what the mirror then holds."""
        tail = self._mirror.tail()
        with reading(self._engine) as connection:
            if tail.seq and history.hash_at(connection, tail.seq) != tail.hash:
                raise IntegrityError(
                    f"{self._shown} does not hold what the ledger's mirror ends with (entry {tail.seq}).",
                    next_step="Restore it from its newest backup, or find out who changed the mirror. Records that "
                    "lie elsewhere come by `selftune store migrate --to URL`.",
                )
            self._mirror.append(history.read_entries(connection, after=tail.seq))
            return history.read_tree(connection)[0]

    def _sweep_work(self) -> None:
        """Remove work folders of finished steps, which a crash right after the last commit left behind."""
        for folder in self._work_folder.iterdir():
            if folder.is_dir() and self.finished_step(folder.name.replace("-", ":", 1)) is not None:
                work.clear_folder(self._work_folder, folder.name)

    def _secret(self, connection: Connection) -> bytes:
        """The project's import key, made at its first use.

        Raises:
            UsageError: it is gone, though imports were remembered with it.
        """
        if self._import_secret is None:
            self._import_secret = load_import_key(
                self._folder / "keys" / IMPORT_KEY,
                used=connection.execute(select(SOURCES.c.key).limit(1)).first() is not None,
            )
        return self._import_secret
