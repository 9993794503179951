"""A store on a PostgreSQL server: what is a server's own; that the store's laws hold there, the other files show."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kept_records import URL_FILE, database_of, entries_that_verify, interaction, rubric, tamper

from selftune.databases import connect, parse_database
from selftune.errors import DatabaseAwayError, IntegrityError, LockedError, UsageError
from selftune.records import Interaction, Rubric
from selftune.store import Store
from selftune.store.dialect import compact, reading, writing
from selftune.store.dialect.postgresql import open_database
from selftune.store.erasure import Erasure
from selftune.store.tables import METADATA
from selftune.testing import FakeClock

pytestmark = pytest.mark.needs("postgres")

SECRET = "question 7"


@pytest.fixture
def project(tmp_path, kept_on_server):
    folder = tmp_path / "project"
    folder.mkdir()
    kept_on_server(folder)
    return folder


@pytest.fixture
def store(project):
    with Store.open(project, clock=FakeClock().now) as opened:
        yield opened


def test_the_tables_are_just_those_that_the_code_knows(store):
    with reading(store._engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_text_is_sorted_byte_by_byte_whatever_the_server_speaks(store):
    ids = store.save([rubric(name) for name in "aBc"], event="imported")
    with reading(store._engine) as connection:
        (speaks,) = connection.exec_driver_sql("SELECT 'B' < 'a'").one()
        found = connection.exec_driver_sql("SELECT max(id) FROM records WHERE id < 'rubric;'").scalar()
    assert (speaks, found) == (False, max(ids)), "the server sorts as people do, the store does not"


def test_a_store_of_a_newer_selftune_is_refused(project):
    Store.open(project).close()
    tamper(project, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(IntegrityError, match="newer selftune"):
        Store.open(project)


def test_what_no_text_there_can_hold_is_kept_in_bodies_and_shown_in_names(store):
    said = interaction(1, source="a\0b.jsonl")
    (name,) = store.save([said], event="captured")
    assert store.record(name, Interaction) == said
    store.fail_step("sha256:ab", "judge", "OSError: no \0 file")
    assert store.failure("sha256:ab") == "OSError: no \ufffd file"


def test_a_write_that_another_one_keeps_waiting_is_named(store, project):
    with Store.open(project) as other, writing(store._engine):
        with other._engine.connect() as connection:
            connection.exec_driver_sql("SET lock_timeout = '20ms'")
            connection.commit()
        with pytest.raises(LockedError, match="another process"):
            other.note("late")
    assert entries_that_verify(project) == 0


def files_with(server, project, words):
    """Files of the database's tables, catalogues and statistics in which these words stand."""
    with connect(database_of(project), autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
        (number,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    files = (server.folder / "d" / "base" / str(number)).iterdir()
    return [file.name for file in files if words.encode() in file.read_bytes()]


def test_no_byte_of_what_was_erased_is_left_in_any_file_of_the_database(store, project, postgres_server):
    ids = store.save([interaction(number) for number in range(9)], event="captured")
    store.fail_step("sha256:ab", "judge", f"ValueError: {SECRET}")
    store.step_work("sha256:ab").put("paid for", SECRET.encode())
    assert files_with(postgres_server, project, SECRET)
    store.erase(Erasure(whole=frozenset({ids[7]})))
    assert files_with(postgres_server, project, SECRET) == []
    assert store.count(Interaction) == 8


def test_while_somebody_reads_a_state_of_before_it_is_said_that_the_words_are_there(store, project):
    ids = store.save([interaction(7)], event="captured")
    with connect(database_of(project), schema="selftune_store") as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 'a snapshot, and no table is held'")
        with pytest.raises(LockedError, match="a state of the store from before"):
            store.erase(Erasure(whole=frozenset(ids)))
    store.sweep_erased()


def test_words_that_a_user_may_not_write_away_are_told(store, project, postgres_server):
    ids = store.save([interaction(7)], event="captured")
    database = database_of(project)
    with connect(database, schema="selftune_store", autocommit=True) as owner:
        owner.execute("CREATE ROLE second LOGIN")
        owner.execute("GRANT ALL ON SCHEMA selftune_store TO second")
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA selftune_store TO second")
    second = parse_database((project / URL_FILE).read_text().replace("app@", "second@"), "the test")
    try:
        engine = open_database(second)
        store.erase(Erasure(whole=frozenset(ids)))
        with pytest.raises(UsageError, match="not anew") as told:
            compact(engine)
        engine.dispose()
        assert "owner" in told.value.next_step
    finally:
        with connect(database, autocommit=True) as owner:
            owner.execute("DROP OWNED BY second")
            owner.execute("DROP ROLE second")


def test_a_server_that_is_started_again_is_gone_on_with_and_one_that_is_away_is_named(store, project, postgres_server):
    store.save([rubric("before")], event="imported")
    postgres_server.stop()
    try:
        with pytest.raises(DatabaseAwayError, match="does not answer") as away:
            store.save([rubric("lost")], event="imported")
        assert away.value.exit_code == 1
        with pytest.raises(DatabaseAwayError):
            Store.open(project)
    finally:
        postgres_server.start()
    store.save([rubric("after")], event="imported")
    assert store.count(Rubric) == 2
    assert entries_that_verify(project) == 2


def test_an_empty_database_is_not_taken_for_the_store_of_a_project_with_a_ledger(project, tmp_path):
    here = tmp_path / "other"
    here.mkdir()
    with Store.open(here) as store:
        store.note("begun in a file")
    (here / ".selftune" / "ledger").rename(project / "ledger")
    (project / ".selftune").mkdir()
    (project / "ledger").rename(project / ".selftune" / "ledger")
    with pytest.raises(IntegrityError, match="selftune store migrate"):
        Store.open(project)
