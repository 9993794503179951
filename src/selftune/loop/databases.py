"""Which PostgreSQL database a project's config or the environment names, if any, and whether words may go there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from selftune.databases import Database, parse_database
from selftune.errors import ConfigError
from selftune.judges.endpoint import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.config import ProjectConfig

STORE_URL: Final = "SELFTUNE_STORE_URL"


def has_store(folder: Path, config: ProjectConfig) -> bool:
    """Whether a project has, or was told to have, a store already: in its folder or in a database."""
    return (folder / ".selftune" / "store.db").is_file() or bool(os.environ.get(STORE_URL) or config.store.url)


def store_database(config: ProjectConfig) -> Database | None:
    """Where the records are kept beyond the project's folder: by the environment first, then `[store] url`.

    Raises:
        ConfigError: the URL can't be read, holds a password in a file, or names a host that [egress] does not allow.
        MissingFileError: psycopg is not installed.
    """
    named = os.environ.get(STORE_URL, "")
    if named:
        return allowed_database(named, STORE_URL, config, secret=True)
    return allowed_database(config.store.url, "[store] url", config) if config.store.url else None


def dialogue_database(config: ProjectConfig) -> Database | None:
    """Where dialogues that are not over lie beyond the folder: by `[personas] checkpoints`, or as the records.

    Raises:
        ConfigError: as `store_database`.
        MissingFileError: psycopg is not installed.
    """
    if config.personas.checkpoints:
        return allowed_database(config.personas.checkpoints, "[personas] checkpoints", config)
    return store_database(config)


def allowed_database(url: str, where: str, config: ProjectConfig, *, secret: bool = False) -> Database:
    """The database of a URL, which lies on this machine or under [egress].

    Args:
        url: As it was written.
        where: What messages call the place where it stands.
        config: The project's config.
        secret: Whether that place may hold a password.

    Raises:
        ConfigError: it can't be read, or lies elsewhere.
        MissingFileError: psycopg is not installed.
    """
    database = parse_database(url, where, secret=secret)
    beyond = next((host for host in database.hosts if not is_loopback(host)), None)
    if beyond is not None and beyond not in config.egress.allow:
        raise ConfigError(
            f"{where} names {beyond!r}, which lies beyond this machine, and [egress] does not allow it.",
            next_step=f'Add it in selftune.toml: [egress] allow = ["{beyond}"]. What people said is kept there then.',
        )
    return database
