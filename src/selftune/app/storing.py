"""`selftune store`: where a project's records are kept, and how they come from a file to a server or back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.loop.config import load_config
from selftune.loop.databases import STORE_URL, allowed_database, dialogue_database, store_database
from selftune.loop.opened import HIDDEN
from selftune.loop.runner import LEASE_NAME, LEASE_SECONDS
from selftune.release.config_edit import edit_section
from selftune.store import Store
from selftune.store.homes import TO_FILE, say_moved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from selftune.context import Progress
    from selftune.databases import Database

_FILE: Final = ".selftune/store.db"


@dataclass(frozen=True, kw_only=True)
class StoreStatus:
    """Where the records are, and what lies beside them.

    Attributes:
        kept_in: The file, from the project's folder, or the database's address without a password.
        told_by: What names it.
        engine: Which SQLite or PostgreSQL, and what it does not promise.
        rows: How many rows each table holds.
        entries: The ledger's last place.
        dialogues: Where dialogues lie that are not over.
        left_behind: Older stores in the folder, in which words stand that nothing erases any more.
    """

    kept_in: str
    told_by: str
    engine: str
    rows: Mapping[str, int]
    entries: int
    dialogues: str
    left_behind: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """Records that came elsewhere.

    Attributes:
        source: Where they were, and still are.
        digest: Over every row, the same on both sides; empty where nothing was copied.
        done: Whether they were copied, and the config edited; else it was only looked.
    """

    source: str
    target: str
    rows: Mapping[str, int]
    entries: int
    digest: str
    done: bool


def store_status(folder: Path) -> StoreStatus:
    """Look at a project's store.

    Raises:
        DatabaseAwayError: the database does not answer.
    """
    config = load_config(folder)
    database = store_database(config)
    with Store.open(folder, database=database) as store:
        return StoreStatus(
            kept_in=_FILE if database is None else database.shown,
            told_by=_told_by(database),
            engine=store.sqlite_note,
            rows=store.count_rows(),
            entries=store.last_entry(),
            dialogues=_shown(dialogue_database(config), ".selftune/personas/dialogues.db"),
            left_behind=_left_behind(folder, database),
        )


def migrate_store(
    folder: Path, to: str, *, dry_run: bool = False, told: Callable[[Progress], None] = lambda _: None
) -> Migrated:
    """Copy every record into an empty database, or with `sqlite` into a file again, and let the config name it.

    The ids, the places and the ledger are the same there, compared row by row. The store of before stays as it is.
    `told` hears how many rows were copied, then compared.

    Raises:
        UsageError: something is kept there, it is where they are already, or the environment names a database.
        ConfigError: the URL can't be used.
        LockedError: somebody works in this project.
        IntegrityError: what was copied differs; everything is as it was then.
        DatabaseAwayError: the database does not answer.
    """
    if os.environ.get(STORE_URL):
        raise UsageError(
            f"{STORE_URL} is set, and comes before what selftune.toml would say.",
            next_step="Unset it, name that database under [store], and say it again.",
        )
    config = load_config(folder)
    wanted = None if to == TO_FILE else allowed_database(to, "--to", config)
    now = store_database(config)
    if now == wanted:
        raise UsageError("the records are there already.", next_step="Look at them with `selftune store status`.")
    source, target = _shown(now), _shown(wanted)
    with Store.open(folder, database=now) as store:
        if dry_run:
            _rehearse(folder, wanted)
            rows, entries = store.count_rows(), store.last_entry()
            return Migrated(source=source, target=target, rows=rows, entries=entries, digest="", done=False)
        # Whoever works here holds this lease; a second one would be told who does.
        with (
            store.acquire_lease(LEASE_NAME, "selftune store migrate", LEASE_SECONDS),
            store.copied_to(wanted, told) as made,
        ):
            _name(folder, to, wanted)
    return Migrated(source=source, target=target, rows=made.rows, entries=made.entries, digest=made.digest, done=True)


def _name(folder: Path, to: str, wanted: Database | None) -> None:
    """Let the folder and the config name where the records are now.

    A crash between the two leaves a config that names the place of before, which is refused with what to write there:
    whoever had that place open would else go on with it.
    """
    say_moved(folder / HIDDEN, TO_FILE if wanted is None else wanted.shown)
    edit_section(folder, "store", {"url": "" if wanted is None else to})


def _rehearse(folder: Path, wanted: Database | None) -> None:
    """See that nothing is kept there, and write nothing."""
    from selftune.store.moving import opened_target, refuse_used

    if wanted is None and (folder / _FILE).exists():
        raise UsageError(
            f"{_FILE} is there already: the store of before.", next_step="Move it away; then say it again."
        )
    if wanted is not None:
        with opened_target(folder / _FILE, wanted) as target:
            refuse_used(target)


def _shown(database: Database | None, otherwise: str = _FILE) -> str:
    return otherwise if database is None else database.shown


def _told_by(database: Database | None) -> str:
    if database is None:
        return "the default"
    return STORE_URL if os.environ.get(STORE_URL) else "[store] url in selftune.toml"


def _left_behind(folder: Path, database: Database | None) -> tuple[str, ...]:
    """Copies that an upgrade left, and with a database the file that was migrated from."""
    found = sorted((folder / HIDDEN).glob("store.db.before-*"))
    if database is not None and (folder / _FILE).exists():
        found.insert(0, folder / _FILE)
    return tuple(str(path.relative_to(folder)) for path in found)
