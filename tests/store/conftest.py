"""The store's tests share the records beside this file, and one project folder each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


# Files whose tests hold for a server as well; those that take SQLite's own words say so with `sqlite_only`.
ON_BOTH = {"test_records", "test_lease", "test_erasure", "test_consent", "test_facts", "test_crashes", "test_sessions"}


def pytest_generate_tests(metafunc):
    if "project" in metafunc.fixturenames and metafunc.definition.path.stem in ON_BOTH:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        server = pytest.param("postgresql", marks=pytest.mark.needs("postgres"))
        kinds = ["sqlite"] if "sqlite_only" in marks else ["sqlite", server]
        metafunc.parametrize("project", kinds, indirect=True)


@pytest.fixture
def project(request, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    if getattr(request, "param", "sqlite") == "postgresql":
        request.getfixturevalue("kept_on_server")(folder)
    return folder


@pytest.fixture(scope="session")
def fresh_tables(postgres_server, tmp_path_factory):
    """The name of a database that holds the tables of an empty store: made once, copied for each test."""
    from postgres import name_in
    from selftune.databases import parse_database
    from selftune.store import Store

    url = postgres_server.new_database()
    Store.open(tmp_path_factory.mktemp("empty"), database=parse_database(url, "the test")).close()
    return name_in(url)


@pytest.fixture
def kept_on_server(postgres_server, fresh_tables, monkeypatch):
    """Makes the stores that a test opens in a folder lie on a server."""
    from kept_records import URL_FILE, database_of

    from selftune.store import Store

    url = postgres_server.new_database(fresh_tables)

    def keep(folder):
        (folder / URL_FILE).write_text(url)
        opened = Store.open.__func__
        monkeypatch.setattr(
            Store,
            "open",
            classmethod(lambda cls, at, **rest: opened(cls, at, database=database_of(at), **rest)),
        )

    yield keep
    postgres_server.drop(url)


@pytest.fixture
def store(project):
    from selftune.ledger.keys import make_machine_key
    from selftune.store import Store
    from selftune.testing import FakeClock

    make_machine_key(project / ".selftune" / "keys")
    with Store.open(project, clock=FakeClock().now) as opened:
        yield opened
