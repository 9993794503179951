"""What every room's tests may ask for: prerequisites by name, outside data, shards, and no network.

`@pytest.mark.needs("serve")` skips a test by name where that prerequisite is missing. When `SELFTUNE_REQUIRE` lists it
(`serve,netns`), the test fails instead: a machine that should have it cannot skip in silence. `SELFTUNE_WITHOUT` names
what is to be taken for missing though it is there. The last lines of a run say what was NOT RUN, and why.
"""

from __future__ import annotations

import compileall
import errno
import gc
import hashlib
import importlib.util
import ipaddress
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import pytest
import typer.testing
from hypothesis import settings
from packaging.requirements import Requirement

from selftune.store import migrate
from selftune.store.dialect import sqlite

ROOT: Final = Path(__file__).resolve().parent.parent
# Tests are no package: what several rooms share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(ROOT / "tests"))
LONG_ROOMS: Final = {"faults"}
MIGRATIONS: Final = "tests/store/test_tables.py"
INSTALLED_EXTRAS: Final = ("train", "serve", "graph", "lance", "inspect", "postgres", "notify", "otel", "dev")


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


def _field_data() -> Path | None:
    folder = os.environ.get("SELFTUNE_FIELD_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def _can_unshare_network() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    command = ["unshare", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _can_mount_tmpfs() -> bool:
    if not shutil.which("unshare"):
        return False
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _can_name_a_file_oddly() -> bool:
    """Whether the file system takes a name that is no UTF-8."""
    try:
        with tempfile.NamedTemporaryFile(prefix=os.fsdecode(b"\xff")):
            return True
    except OSError:
        return False


def _every_declared_package() -> bool:
    """Whether everything is installed that `install.py --dev` brings on this platform."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (project["optional-dependencies"][name] for name in INSTALLED_EXTRAS)
    groups = [project["dependencies"], *extras]
    wanted = [Requirement(line) for group in groups for line in group]
    return all(_has_package(one.name) for one in wanted if one.marker is None or one.marker.evaluate())


def _has_package(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _has_card() -> bool:
    """Whether torch finds a card that it can compute on."""
    if not _installed("torch"):
        return False
    import torch

    return bool(torch.cuda.is_available())


def _can_serve_ssh() -> bool:
    """As root it wants a folder of its own, which its package or its service makes."""
    there = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin") and shutil.which("ssh")
    return bool(there) and (os.name != "posix" or os.geteuid() != 0 or Path("/run/sshd").is_dir())


def _postgres_programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: on the path, or where Debian keeps them."""
    on_path = shutil.which("pg_ctl")
    found = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(found) if (folder / "initdb").exists()), None)


PREREQUISITES: Final = {
    "train": lambda: _installed("torch", "transformers", "peft", "trl"),
    "serve": lambda: _installed("xllamacpp"),
    "gpu": _has_card,
    "bitsandbytes": lambda: _installed("bitsandbytes"),
    "every-package": _every_declared_package,
    "docs": lambda: _installed("mkdocs", "material"),
    "inspect": lambda: _installed("inspect_ai"),
    "ray": lambda: _installed("ray"),
    "lance": lambda: _installed("lancedb"),
    "graph": lambda: _installed("langgraph", "langgraph.checkpoint.sqlite"),
    "postgres": lambda: _installed("psycopg") and _postgres_programs() is not None,
    "chromium": lambda: _installed("playwright") and shutil.which("chromium") is not None,
    "bwrap": lambda: shutil.which("bwrap") is not None,
    "netns": _can_unshare_network,
    "tmpfs": _can_mount_tmpfs,
    "odd-file-names": _can_name_a_file_oddly,
    "sshd": _can_serve_ssh,
    "fork": lambda: hasattr(os, "fork"),
    "field-data": lambda: _field_data() is not None,
}

# What brings it, for the last lines of a run.
BRINGS: Final = {
    "train": "python install.py --extras train",
    "serve": "python install.py --extras serve, on x86-64",
    "gpu": "a card that torch can compute on",
    "bitsandbytes": "pip install bitsandbytes, and a card",
    "every-package": "python install.py --dev",
    "docs": "python install.py --dev",
    "inspect": "python install.py --extras inspect",
    "ray": "pip install ray",
    "lance": "python install.py --extras lance",
    "graph": "python install.py --extras graph",
    "postgres": "PostgreSQL 15 or newer with initdb and pg_ctl, and python install.py --extras postgres",
    "chromium": "Chromium on the PATH, and python install.py --dev",
    "bwrap": "bubblewrap on the PATH",
    "netns": "a kernel that lets a user unshare the network",
    "tmpfs": "a kernel that lets a user mount a file system of their own",
    "odd-file-names": "a file system that takes any bytes as a name",
    "sshd": "OpenSSH with its server",
    "fork": "a system that can fork: no Windows",
    "field-data": "SELFTUNE_FIELD_DATA, the folder of outside data",
}


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker takes, where there are several")
    config.addinivalue_line("markers", "sqlite_only: of the store's tests, one that takes SQLite's own words")
    config.addinivalue_line("markers", "needs(*names): prerequisites; skipped by name without, see SELFTUNE_REQUIRE")
    unknown = _required() - set(PREREQUISITES)
    if unknown:
        raise pytest.UsageError(f"SELFTUNE_REQUIRE names {sorted(unknown)}; known are {sorted(PREREQUISITES)}.")
    # No model or data set is ever fetched by a test; a library that tries is told so at once.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # As `bases.offline` says it, but before a test may have loaded torch: where workers share the cores, threads that
    # spin while they wait cost most of the time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not hasattr(config, "workerinput"):
        _compile_sources()
    _hold_laws_on_any_machine(hasattr(config, "workerinput"))
    typer.testing._get_command = _Made(typer.testing._get_command)
    migrate._upgrade = _Tables(migrate._upgrade)
    sqlite.create_engine = _Known(sqlite.create_engine)
    sys.addaudithook(_stay_on_this_machine)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session):
    """Look for no garbage while eleven thousand tests are made, and never again through what was made."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        _LOADED.freeze()


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(config, items):
    part, whole = (int(number) for number in os.environ.get("SELFTUNE_SHARD", "1/1").split("/"))
    chosen = [item for item in items if _bucket(item.nodeid, whole) == part - 1]
    config.hook.pytest_deselected(items=[item for item in items if _bucket(item.nodeid, whole) != part - 1])
    # What takes longest begins first. A file stays on one worker, and so does a room whose tests share a long making;
    # a long test that shares nothing names a group of its own.
    items[:] = sorted(chosen, key=lambda item: (_room(item) not in LONG_ROOMS, not _is_long(item)))
    for item in items:
        room = _room(item)
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(room if room in LONG_ROOMS else item.nodeid.partition("::")[0]))
        if getattr(config.option, "loadgroup", False):
            # As pytest-xdist 3.8 writes it into a name that pytest 9.2 no longer reads: its groups were none.
            item._id = type(item._id).parse(f"{item.nodeid}@{item.get_closest_marker('xdist_group').args[0]}")


def pytest_terminal_summary(terminalreporter):
    """What was NOT RUN and why: what is missing and what brings it, then every other reason."""
    reasons = Counter(str(one.longrepr[2]) for one in terminalreporter.stats.get("skipped", ()) if one.longrepr)
    for reason, times in sorted(reasons.items()):
        said = reason.removeprefix("Skipped: ")
        missing = said.removeprefix("needs ")
        mend = f" ({BRINGS[missing]})" if missing in BRINGS else ""
        terminalreporter.write_line(f"NOT RUN: {times} test{'s' * (times > 1)}, {said}{mend}")


def pytest_runtest_logfinish():
    _LOADED.freeze_what_came()


@pytest.fixture
def thawing():
    """Python's own freezing and thawing, for tests of who does both."""
    with pytest.MonkeyPatch.context() as here:
        here.setattr(gc, "freeze", _LOADED.really_freeze)
        here.setattr(gc, "unfreeze", _LOADED.really_thaw)
        yield
    _LOADED.freeze()


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            _insist_on(name)


@pytest.fixture
def field_data() -> Path:
    """The folder of outside data that `SELFTUNE_FIELD_DATA` names; the test is skipped by name without it."""
    _insist_on("field-data")
    folder = _field_data()
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server of the tests' own; skipped by name where there is none to start."""
    _insist_on("postgres")
    from postgres import running_server

    programs = _postgres_programs()
    assert programs is not None
    with running_server(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of a fresh database, thrown away afterwards."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop(url)


class _Loaded:
    """Keeps what is loaded out of the search for garbage, though a training that lets its base go thaws all there is.

    Each of its three searches would walk through eleven thousand tests and all modules: a second each time.
    """

    really_freeze, really_thaw = staticmethod(gc.freeze), staticmethod(gc.unfreeze)
    many = 200

    def __init__(self) -> None:
        self._modules = 0

    def freeze(self) -> None:
        gc.collect()
        self.really_freeze()
        gc.freeze = gc.unfreeze = lambda: None
        self._modules = len(sys.modules)

    def freeze_what_came(self) -> None:
        """Once libraries were imported since."""
        if len(sys.modules) > self._modules + self.many:
            self.freeze()


_LOADED: Final = _Loaded()


class _Tables:
    """Makes the tables of a new store by the words that made the first one's; all migrations in turn take far longer.

    The migrations' own tests, and a store that is there already, have the migrations themselves.
    """

    def __init__(self, upgrade) -> None:
        self._upgrade, self._words = upgrade, {}

    def __call__(self, config, head) -> None:
        run = config.attributes["connection"].exec_driver_sql
        their_own = os.environ.get("PYTEST_CURRENT_TEST", MIGRATIONS).startswith(MIGRATIONS)
        which = config.get_main_option("script_location"), head
        if their_own or run("SELECT count(*) FROM sqlite_master").scalar():
            self._upgrade(config, head)
        elif which in self._words:
            for one in self._words[which]:
                run(one)
        else:
            self._upgrade(config, head)
            self._words[which] = [*_words_of(run)]


def _words_of(run):
    """What makes the tables that are there, and the one row that they begin with."""
    ours = "FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    for kind, name, words in run(f"SELECT type, name, sql {ours}").fetchall():
        if kind == "table" and (rows := run(f"SELECT * FROM {name}").fetchall()):  # noqa: S608 - a name of our own
            assert name == "alembic_version", "a migration that writes rows must write them here too"
            yield from (words, f"INSERT INTO alembic_version VALUES ('{rows[0][0]}')")  # noqa: S608 - its own
        else:
            yield words


class _Known:
    """Tells each store the SQL of what one before it has asked: a command opens one store, tests open thousands."""

    def __init__(self, make) -> None:
        self._make, self._first = make, {}

    def __call__(self, url, *, module):
        if module not in self._first:
            self._first[module] = self._make("sqlite+pysqlite://", module=module)
            self._first[module].connect().close()  # learns what the library can
        first, engine = self._first[module], self._make(url, module=module)
        engine.dialect = engine.pool._dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
        return engine


class _Made:
    """Makes the commands of each app once: a fifth of a second, which `CliRunner` pays at each command otherwise."""

    def __init__(self, make) -> None:
        self._make, self._made = make, {}

    def __call__(self, app):
        state = id(app), len(app.registered_commands), len(app.registered_groups)
        if state not in self._made:
            self._made[state] = app, self._make(app)  # the app itself too, so that none other gets its id
        return self._made[state][1]


def _hold_laws_on_any_machine(is_worker: bool) -> None:
    """Let no law fail because the machine was slow, and none of the whole suite by the luck of one draw.

    A law is no promise about time: Hypothesis ends an example after a fifth of a second otherwise. The workers of the
    whole suite draw the same examples each time; a test that a person runs by itself draws new ones.
    """
    settings.register_profile("house", deadline=None, derandomize=is_worker)
    settings.load_profile("house")


def _compile_sources() -> None:
    """Compile once what every program that a test starts would compile anew, half its start, where none is kept."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the workers keep what they make of the tests too
    compileall.compile_dir(ROOT / "src", quiet=2)


@pytest.fixture(scope="session")
def warm():
    """Runs `selftune` in processes of their own, which find their modules imported."""
    _insist_on("fork")
    from warm_cli import warm_cli

    with warm_cli() as running:
        yield running


def _is_long(item) -> bool:
    return _room(item) in LONG_ROOMS or item.get_closest_marker("xdist_group") is not None


def _room(item) -> str:
    return _room_of(item.path)


@cache
def _room_of(path: Path) -> str:
    return path.relative_to(ROOT / "tests").parts[0] if path.is_relative_to(ROOT / "tests") else ""


def _required() -> set[str]:
    return _named_in("SELFTUNE_REQUIRE")


def _named_in(variable: str) -> set[str]:
    return {name for name in os.environ.get(variable, "").split(",") if name}


def _insist_on(name: str) -> None:
    if name not in _named_in("SELFTUNE_WITHOUT") and PREREQUISITES[name]():
        return
    if name in _required():
        pytest.fail(f"{name} is missing, and SELFTUNE_REQUIRE lists it.", pytrace=False)
    pytest.skip(f"needs {name}")


def _bucket(nodeid: str, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(nodeid.encode()).digest()[:4], "big") % buckets


def _stay_on_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    """Answer like a machine without a network; programs that a test starts are not held by this."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"  # a name in the file system
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        raise OSError(errno.ENETUNREACH, f"tests stay on this machine; this one asked for {host!r}")


def _is_loopback(host: object) -> bool:
    if host in {None, "", b"", "localhost", b"localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback or str(host) in {"0.0.0.0", "::"}  # noqa: S104 - own sockets
    except ValueError:
        return False
