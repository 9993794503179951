"""A PostgreSQL database by its URL: what may stand in it, how it is reached, and what its errors mean.

Nothing here prints a password, and none is read out of a file that is shared: it comes from the environment
(`PGPASSWORD`, `PGPASSFILE`) or from `~/.pgpass`, as for every PostgreSQL program.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selftune.errors import (
    BudgetError,
    ConfigError,
    DamagedFileError,
    DatabaseAwayError,
    LockedError,
    MissingFileError,
    SelftuneError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

SCHEMES: Final = ("postgresql", "postgres")
_NOT_HERE: Final = ("service", "passfile", "options", "sslpassword")
_SERVICES: Final = ("PGSERVICE", "PGSERVICEFILE")
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
_CONNECT_SECONDS: Final = 10
# A machine that vanished holds no lock for longer than this; a process that died lets go at once.
_SESSION: Final = (
    "-c synchronous_commit=on -c lock_timeout=30s -c idle_in_transaction_session_timeout=15min "
    "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=20 -c tcp_keepalives_count=3"
)
_DAMAGED: Final = (
    DamagedFileError,
    "{where} is damaged: {said}.",
    "Restore it from a backup; the ledger's mirror is in .selftune.",
)
# By the code of the server's error (postgresql.org/docs/current/errcodes-appendix.html).
_MEANINGS: Final[dict[str, tuple[type[SelftuneError], str, str]]] = {
    "55P03": (
        LockedError,
        "{where} is being written by another process.",
        "Wait for it to end, then try again.",
    ),
    "53100": (
        BudgetError,
        "the disk of {where} is full. Nothing was kept half.",
        "Free some disk space on its server, then run the same command again.",
    ),
    "42501": (
        UsageError,
        "{where} does not allow that: {said}.",
        "Let its owner run `GRANT ALL ON DATABASE … TO …` for the user that the URL names.",
    ),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database and how it is reached.

    Attributes:
        shown: Its address as it may be printed: no password stands in it.
        hosts: Where it is; empty for a socket on this machine.
        parameters: What libpq is handed.
    """

    shown: str
    hosts: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = field(repr=False)


def parse_database(url: str, where: str, *, secret: bool = False) -> Database:
    """The database that a URL names: `postgresql://USER@HOST:PORT/NAME`, or `postgresql:///NAME?host=/a/socket/folder`.

    Args:
        url: As it was written.
        where: What messages call the place where it stands.
        secret: Whether that place may hold a password, as the environment may and `selftune.toml` may not.

    Raises:
        ConfigError: it is no such URL, names no database, or holds what may not stand there.
        MissingFileError: psycopg is not installed.
    """
    if _scheme_of(url) not in SCHEMES:
        raise ConfigError(f"{where} is no PostgreSQL URL.", next_step="Write it as postgresql://USER@HOST:PORT/NAME.")
    psycopg = _psycopg()
    try:
        named = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(url).items()}
    except psycopg.Error:  # its text may quote the password
        raise ConfigError(
            f"{where} can't be read as a PostgreSQL URL.",
            next_step="Write it as postgresql://USER@HOST:PORT/NAME; signs such as @ and / in a name are written %40.",
        ) from None
    if "password" in named and not secret:
        raise ConfigError(
            f"{where} holds a password.",
            next_step="Take it out of the file, change it, and set it as PGPASSWORD or in ~/.pgpass.",
        )
    foreign = next((name for name in _NOT_HERE if name in named), None)
    if foreign is not None:
        raise ConfigError(f"{where} says {foreign!r}.", next_step="Leave it out; say host, port, user and name.")
    if not named.get("dbname"):
        raise ConfigError(f"{where} names no database.", next_step="Write it as postgresql://USER@HOST:PORT/NAME.")
    return _reached(named, where)


def _scheme_of(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # brackets that hold no address
        return ""


def _reached(named: dict[str, str], where: str) -> Database:
    service = next((name for name in _SERVICES if os.environ.get(name)), None)
    if service is not None:
        raise ConfigError(
            f"{service} is set: a file that selftune does not read would say which server {where} means.",
            next_step=f"Unset {service} where selftune runs, and name host, port, user and database in the URL.",
        )
    # As libpq reads them: an address goes before a name, wherever the two stand.
    address = named.get("hostaddr") or os.environ.get("PGHOSTADDR")
    said = address or named.get("host") or os.environ.get("PGHOST", "")
    hosts = tuple(one for one in said.split(",") if one and not one.startswith(("/", "@")))
    if _leaves(hosts) and named.setdefault("sslmode", "require") not in _ENCRYPTED:
        raise ConfigError(
            f"{where} says sslmode={named['sslmode']}: people's words would cross the network in the clear.",
            next_step="Say sslmode=verify-full, or leave it out.",
        )
    user = f"{named['user']}@" if "user" in named else ""
    port = f":{named['port']}" if "port" in named else ""
    host = said if hosts else ""
    beside = f"?host={said}" if said and not hosts else ""
    shown = f"postgresql://{user}{host}{port if hosts else ''}/{named['dbname']}{beside}"
    return Database(shown=shown, hosts=hosts, parameters=tuple(sorted(named.items())))


def _leaves(hosts: tuple[str, ...]) -> bool:
    return any(host not in {"localhost", "127.0.0.1", "::1"} for host in hosts)


def connect(database: Database, *, schema: str = "", **options: Any) -> psycopg.Connection[Any]:
    """A new connection: commits are on the disk when they return, and no lock is waited for longer than half a minute.

    Names of tables are looked for in the schema, where one is given.

    Raises:
        DatabaseAwayError: the server does not answer, or does not let us in.
        MissingFileError: psycopg is not installed.
    """
    driver = _psycopg()
    with named_errors(database):
        opened: psycopg.Connection[Any] = driver.connect(
            **dict(database.parameters),
            connect_timeout=_CONNECT_SECONDS,
            application_name="selftune",
            options=f"{_SESSION} -c search_path={schema}" if schema else _SESSION,
            **options,
        )
    return opened


@contextmanager
def named_errors(database: Database) -> Iterator[None]:
    """What psycopg raises, as an error with a next step; a fault of ours passes as it is."""
    psycopg = _psycopg()
    try:
        yield
    except psycopg.Error as error:
        ours = meaning_of(error, database)
        if ours is None:
            raise
        raise ours from error


def meaning_of(error: BaseException | None, database: Database) -> SelftuneError | None:
    """What an error of psycopg means to whoever typed the command; None for a fault of ours."""
    psycopg = _psycopg()
    if not isinstance(error, psycopg.Error):
        return None
    named = _MEANINGS.get(error.sqlstate or "")
    said = str(error).strip().partition("\n")[0]
    if named is not None:
        kind, fault, next_step = named
        return kind(fault.format(where=database.shown, said=said), next_step=next_step)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    return DatabaseAwayError(
        f"{database.shown} does not answer: {said}.",
        next_step="See that its server runs and lets you in (`psql` with the same URL; the password comes from "
        "PGPASSWORD or ~/.pgpass), then run the same command again. What it had taken before is there.",
    )


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingFileError(
            "psycopg is not installed, by which PostgreSQL is spoken to.",
            next_step="Run `pip install 'selftune[postgres]'`.",
        ) from error
    return psycopg
