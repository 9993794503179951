"""Tables: made by migration, equal to what the code knows; newer ones refused; SQLite's faults named."""

from __future__ import annotations

import shutil
import sqlite3
import types
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kept_records import entries_that_verify, interaction, rubric, tamper

from selftune.errors import BudgetError, DamagedFileError, IntegrityError, LockedError, MissingFileError
from selftune.records import Interaction, Rubric
from selftune.store import Store
from selftune.store import migrate as migrate_module
from selftune.store.dialect import describe_sqlite, journal_mode, open_engine, reading, sqlite_module, writing
from selftune.store.migrate import HEAD, known_revisions, migrate
from selftune.store.tables import METADATA


def pragma(store, name: str):
    with reading(store._engine) as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_the_migrations_make_just_the_tables_that_the_code_knows(store):
    with reading(store._engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_newest_migration_is_the_one_the_code_expects():
    assert known_revisions()[0] == HEAD


def test_commits_are_durable_and_deleted_words_are_overwritten(store):
    assert pragma(store, "synchronous") == 2  # FULL
    assert pragma(store, "foreign_keys") == 1
    assert pragma(store, "secure_delete") == 1
    assert pragma(store, "busy_timeout") == 30_000
    assert pragma(store, "journal_mode") == journal_mode(sqlite_module())


def test_a_store_of_a_newer_selftune_is_refused(project):
    Store.open(project).close()
    tamper(project, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(IntegrityError, match="newer selftune"):
        Store.open(project)


NEXT = f"{int(HEAD) + 1:04}"
LATER = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    op.add_column("records", sa.Column("colour", sa.String))
    op.execute("UPDATE records SET colour = 'red'")
    {end}
"""


@pytest.fixture
def later_migrations(tmp_path):
    """Our migrations and one more, whose last line the test writes."""

    def make(end: str):
        folder = tmp_path / "migrations"
        shutil.copytree(Path(migrate_module.__file__).parent / "migrations", folder)
        later = LATER.format(end=end, revision=NEXT, before=HEAD)
        (folder / "versions" / f"v{NEXT}_later.py").write_text(later, encoding="utf-8")
        return folder

    return make


def colours(project):
    connection = sqlite_module().connect(project / ".selftune" / "store.db")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(records)")]
    found = list(connection.execute("SELECT colour FROM records")) if "colour" in columns else None
    connection.close()
    return found


def test_an_upgrade_keeps_the_records_and_leaves_a_copy_of_the_store_as_it_was(project, later_migrations):
    with Store.open(project) as store:
        (name,) = store.save([rubric("a")], event="imported")
        path = project / ".selftune" / "store.db"
        migrate(store._engine, path, head=NEXT, folder=later_migrations("pass"))
        assert store.record(name, Rubric) == rubric("a")
    assert colours(project) == [("red",)]
    path.with_name(f"store.db.before-{NEXT}").replace(path)
    for left in path.parent.glob("store.db-*"):
        left.unlink()
    with Store.open(project) as store:
        assert store.record(name, Rubric) == rubric("a")
    assert colours(project) is None


def test_an_upgrade_that_breaks_leaves_the_store_as_it_was(project, later_migrations):
    with Store.open(project) as store:
        store.save([rubric("a")], event="imported")
        folder = later_migrations("raise RuntimeError('the power went')")
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the power went"):
                migrate(store._engine, project / ".selftune" / "store.db", head=NEXT, folder=folder)
    assert colours(project) is None
    with Store.open(project) as store:
        assert store.count(Rubric) == 1


def test_with_an_older_sqlite_the_rollback_journal_is_used_and_it_is_said(project):
    old = types.SimpleNamespace(__name__="sqlite3", sqlite_version="3.40.1", sqlite_version_info=(3, 40, 1))
    assert journal_mode(old) == "delete"
    assert "3.40.1 from sqlite3, journal delete; older than 3.51.3" in describe_sqlite(old)
    new = types.SimpleNamespace(__name__="pysqlite3", sqlite_version="3.53.4", sqlite_version_info=(3, 53, 4))
    assert describe_sqlite(new) == "SQLite 3.53.4 from pysqlite3, journal wal"


def test_where_there_is_no_wheel_python_s_own_sqlite_is_used():
    assert sqlite_module("no_such_wheel") is sqlite3


def test_the_store_works_with_python_s_own_sqlite(project):
    with Store.open(project, module=sqlite3) as store:
        store.save((interaction(n) for n in range(600)), event="captured")
        for sequence, _ in store.each(Interaction):
            if sequence == 10:
                store.note("written while a walk is under way")
        assert pragma(store, "journal_mode") == journal_mode(sqlite3)
    assert entries_that_verify(project) == 601


def test_a_full_disk_keeps_what_was_there_and_says_so(store):
    store.save([rubric("a")], event="imported")
    pages = pragma(store, "page_count")
    with reading(store._engine) as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(BudgetError, match="database or disk is full"):
        store.save((interaction(n) for n in range(500)), event="captured")
    assert (store.count(Rubric), store.count(Interaction)) == (1, 0)


def test_a_file_that_is_no_database_is_named(project):
    Store.open(project).close()
    for left in (project / ".selftune").glob("store.db*"):
        left.unlink()
    (project / ".selftune" / "store.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(DamagedFileError, match=r"store\.db can't be read or written"):
        Store.open(project)


def test_a_database_that_can_not_be_opened_is_named(project):
    (project / ".selftune" / "store.db").mkdir(parents=True)
    with pytest.raises(MissingFileError, match=r"store\.db can't be opened"):
        Store.open(project)


def test_a_writer_that_never_ends_is_named_as_a_lock(store, project):
    impatient = open_engine(project / ".selftune" / "store.db", sqlite_module())
    with impatient.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    with writing(store._engine), pytest.raises(LockedError, match="another process"), writing(impatient):
        pass
    impatient.dispose()


def test_our_own_mistakes_in_sql_pass_as_they_are(store):
    from sqlalchemy.exc import OperationalError

    with pytest.raises(OperationalError, match="no such table"), writing(store._engine) as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")
