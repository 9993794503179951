"""The store of one project: records with their ledger entries, facts about many at once, steps, scratch and leases.

`Store` is the one door of this room: what it can be asked stands in `reader`, what it can be told stands here. The work
itself is done by functions in the modules beside it, which take a connection, an engine or a transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from selftune.errors import MissingFileError
from selftune.interrupts import held_back
from selftune.ledger.keys import IMPORT_KEY, derive_key, load_machine_key
from selftune.ledger.mirror import Mirror
from selftune.store import erasure, imports, mirroring, moving, steps, surviving, work
from selftune.store.dialect import open_records, writing
from selftune.store.homes import FILE, Home, made_name
from selftune.store.import_key import ImportKey
from selftune.store.lease import Identity, Lease, acquire
from selftune.store.migrate import migrate
from selftune.store.reader import Reader
from selftune.store.transaction import Transaction
from selftune.store.walking import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from sqlalchemy import Engine

    from selftune import context
    from selftune.databases import Database
    from selftune.ledger.mirror import Checkpoint
    from selftune.records import Interaction, Quarantined, Record
    from selftune.store.moving import Copied
    from selftune.store.recognition import Met

HIDDEN: Final = ".selftune"
_NO_DETAIL: Final[Mapping[str, str]] = MappingProxyType({})


def utc_now() -> str:
    """UTC time as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Store(Reader):
    """What a project keeps; one per process, a context manager.

    Each write is one transaction that holds the record, its ledger entry and what depends on both, on the disk when
    the method returns; the ledger's mirror is written right behind it and made up for at the next start.

    Attributes:
        sqlite_note: Which SQLite is in use and how, or which server, for `selftune doctor`.
    """

    def __init__(self, engine: Engine, folder: Path, home: Home, *, clock: Callable[[], str], sqlite_note: str) -> None:
        super().__init__(engine)
        self.sqlite_note = sqlite_note
        self._folder = folder
        self._work_folder = folder / "work"
        self._home = home
        self._clock = clock
        self._mirror = Mirror(folder / "ledger")
        self._leases: dict[str, Lease] = {}
        self._import_key = ImportKey(folder / "keys" / IMPORT_KEY)

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
        home = Home(folder, database)
        home.refuse_elsewhere()
        engine, note = open_records(folder / FILE, database, module)
        store = cls(engine, folder, home, clock=clock, sqlite_note=note)
        try:
            migrate(engine, folder / FILE)
            home.claim(engine, store._mirror)
            mirroring.complete_mirror(engine, store._mirror)
            steps.sweep_work(engine, store._work_folder)
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

    # --- Records (see `transaction`, `rows`) --------------------------------------------------------------------------

    def save(self, records: Iterable[Record], *, event: str, detail: Mapping[str, str] = _NO_DETAIL) -> list[str]:
        """Keep records, each with a ledger entry of this event; returns an id for each, in order.

        One transaction for each 500 records. What is there already adds nothing: a known id; an `Interaction` or
        `Quarantined` line of a known place or content, for which the earlier record's id is returned; and an earlier
        state of a conversation. A later state supersedes it, and so does the same one once its author allows less. What
        may not be kept leaves a `Quarantined` line without its words.
        """
        source, ids = iter(records), list[str]()
        while batch := list(islice(source, BATCH)):
            with self._writing() as transaction:
                ids += transaction.keep(batch, event=event, detail=detail)
        return ids

    def save_named(self, record: Record, names: Sequence[str], *, event: str) -> str:
        """Keep a record as `save` does and have each of these names mean it from now on, or neither; returns its id."""
        with self._writing() as transaction:
            (kept,) = transaction.keep([record], event=event, detail=_NO_DETAIL)
            for name in names:
                imports.remember(transaction, name, kept)
        return kept

    # --- Erasing (see `erasure`, `surviving`) -------------------------------------------------------------------------

    def erase(self, wanted: erasure.Erasure, detail: Mapping[str, str] = _NO_DETAIL) -> tuple[str, ...]:
        """Take the words of these records away for good, each with a ledger entry; ids of those that held some.

        The ids and the ledger hold as before, and an import that brings the same again adds nothing. The file is
        written anew without what was deleted; scratch of unfinished steps goes, and they begin anew.

        Raises:
            LockedError: another process is at the store.
        """
        with self._writing() as transaction:
            erased = erasure.erase(transaction, wanted, detail)
        self.sweep_erased()
        return erased

    def sweep_erased(self) -> None:
        """Write the file anew without what was erased, and let go of what may repeat it; done twice, it does no harm.

        Raises:
            LockedError: another process is at the store; erased words are still in its free pages.
            BudgetError: there is no room on the disk for the file a second time.
        """
        erasure.sweep(self._engine, self._folder)

    def copy_surviving(self, target: Store, kind: type[Record], *, until: int, without: Collection[str]) -> None:
        """Put every record of a kind whose words are there into an empty store, in the same places.

        Those after place `until`, those of the ids `without` and verdicts on them stay here. The other store's ledger
        says nothing of it: it is made for a look, and thrown away.
        """
        surviving.copy_surviving(self._engine, target._writing, kind.KIND, until=until, without=without)

    # --- Imports (see `imports`, `recognition`) -----------------------------------------------------------------------

    def preview(self, records: Iterable[Record]) -> Iterator[Met]:
        """Of each record in turn, what saving it would do; nothing is written, not even a missing import key."""
        return imports.preview(self._engine, self._import_key, records)

    def kept_at(self, source: str, positions: Sequence[str]) -> dict[str, Interaction]:
        """The newest version of what was kept from each of these places; a place that is new has none."""
        return imports.read_kept_at(self._engine, self._import_key, source, positions)

    def waiting(self) -> Iterator[Quarantined]:
        """What was set aside and has not come in since, by a retry or by another import; oldest first."""
        return imports.walk_waiting(self._engine, self._import_key)

    def seen(self, name: str) -> str | None:
        """The id of the record that was remembered under this key; None for none."""
        return self._ask(imports.read_seen, self._import_key, name)

    def remember(self, name: str, record_id: str) -> None:
        """Recognise this key from now on; the key itself is not kept, only its HMAC under the project's own secret."""
        with self._writing() as transaction:
            imports.remember(transaction, name, record_id)

    def derive_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, from the project's own secret: the same at each call, telling nothing of it."""
        return derive_key(self._ask(self._import_key.secret), purpose)

    # --- Steps (see `steps`, `work`) ----------------------------------------------------------------------------------

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
        new = islice(outputs, self.count_outputs(key), None)
        steps.keep_outputs(self._writing, key, stage, new, elapsed=elapsed, many=many)
        work.clear_folder(self._work_folder, key)

    def fail_step(self, key: str, stage: str, error: str) -> None:
        """Note that a step stopped. The ledger gets the error's name; its text, which may quote, stays in the store."""
        with self._writing() as transaction:
            steps.mark_failed(transaction, key, stage, error)

    def step_work(self, key: str) -> work.StepWork:
        """Durable scratch for a step, there until it is finished or `work_clear` is called."""
        return work.StepWork(self._engine, self._work_folder, key)

    def work_clear(self, key: str) -> None:
        """Forget a step's scratch."""
        with writing(self._engine) as connection:
            work.clear_rows(connection, key)
        work.clear_folder(self._work_folder, key)

    # --- Leases, ledger (see `lease`, `mirroring`) --------------------------------------------------------------------

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

    def note(self, event: str, detail: Mapping[str, str] = _NO_DETAIL) -> int:
        """Add a ledger entry that has no record; returns its place in the ledger."""
        with self._writing() as transaction:
            return transaction.note(event, detail)

    def checkpoint(self) -> Checkpoint:
        """Sign the ledger as it stands with the machine key; copy the line elsewhere and no one can rewrite it unseen.

        Raises:
            MissingFileError: the project has no machine key.
        """
        key = load_machine_key(self._folder / "keys")
        return mirroring.sign_mirror(self._engine, self._mirror, key, self._clock)

    # --- Copies of it all (see `moving`) ------------------------------------------------------------------------------

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
        path = self._folder / FILE
        name = None if database is None else made_name(self._folder)
        with (
            moving.opened_target(path, database) as target,
            moving.copied(self._engine, target, path, project=name, own_leases=self._leases, told=told) as made,
        ):
            yield made

    def copy_mirror(self, folder: Path) -> None:
        """Copy the ledger's mirror as it stands between two writes."""
        mirroring.copy_mirror(self._mirror, folder)

    # --- How a write goes ---------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """A fenced transaction, and the mirror brought up to it."""
        with writing(self._engine) as connection:
            self._home.check(connection)
            for lease in self._leases.values():
                lease.check(connection)
            yield Transaction(connection=connection, clock=self._clock, import_key=self._import_key)
        mirroring.complete_mirror(self._engine, self._mirror)
