"""Bring a store's tables up to this version: a copy first, then all steps in one transaction. Newer is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text

from selftune.errors import IntegrityError
from selftune.interrupts import held_back
from selftune.store.dialect import copy_database, is_file, reading, writing
from selftune.store.tables import METADATA

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD: Final = "0005"
_FOLDER: Final = Path(__file__).parent / "migrations"


def migrate(engine: Engine, path: Path, *, head: str = HEAD, folder: Path = _FOLDER) -> None:
    """Make or update the tables; does nothing, and wakes nothing, when they are up to date.

    Raises:
        IntegrityError: the store was written by a newer selftune.
    """
    with reading(engine) as connection:
        found = _revision(connection)
    if found == head:
        return
    if found is None and not is_file(engine):
        _make_on_server(engine, head)
        return
    config = _config(folder)
    if found is not None:
        _refuse_newer(found, path, config)
        if is_file(engine):
            _keep_copy(engine, path.with_name(f"{path.name}.before-{head}"))
    with writing(engine) as connection:
        # Another process may have been faster while this one waited for the lock; then nothing is left to do.
        config.attributes["connection"] = connection
        _upgrade(config, head)


def _make_on_server(engine: Engine, head: str) -> None:
    """The tables as they are today: no server ever held those of before they came there."""
    from selftune.store.dialect.postgresql import make_tables

    with held_back():
        make_tables(engine, METADATA, head)


def known_revisions(folder: Path = _FOLDER) -> tuple[str, ...]:
    """Every revision this selftune can read, newest first."""
    return _revisions(_config(folder))


def _config(folder: Path) -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic reads the value through configparser, to which a percent sign is special.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _revisions(config: Config) -> tuple[str, ...]:
    from alembic.script import ScriptDirectory

    return tuple(step.revision for step in ScriptDirectory.from_config(config).walk_revisions())


def _upgrade(config: Config, head: str) -> None:
    from alembic import command

    command.upgrade(config, head)


def _refuse_newer(found: str, path: Path, config: Config) -> None:
    if found not in _revisions(config):
        raise IntegrityError(
            f"{path} was written by a newer selftune (tables {found}).",
            next_step="Upgrade selftune, or restore the copy that the upgrade left beside the file.",
        )


def _keep_copy(engine: Engine, target: Path) -> None:
    if not target.exists():
        with held_back(), engine.connect() as connection:
            copy_database(connection, target)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
