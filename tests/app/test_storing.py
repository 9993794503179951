"""Records that come from the file to a server and back: the same, row by row, and the store of before stays."""

from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

from selftune.app import bringing_up
from selftune.app.cli.main import app, register_commands
from selftune.app.storing import migrate_store, store_status
from selftune.context import Progress
from selftune.databases import connect, parse_database
from selftune.errors import ConfigError, IntegrityError, LockedError, MissingFileError, UsageError
from selftune.ledger import verify
from selftune.loop.config import load_config
from selftune.loop.databases import STORE_URL, store_database
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Rubric, Trigger
from selftune.store import Store, moving
from selftune.store.dialect import reading

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("postgres")]

if not app.registered_commands:
    register_commands()

WORDS = "the heron sleeps under the third bridge"


def said(number, **changes):
    return Interaction(
        salt=f"s{number}", conversation=f"c{number}", task_id="chat", trigger=Trigger.USER,
        messages=(Message(role="user", content=f"{WORDS} {number}"), Message(role="assistant", content="Yes. ß\0")),
        source="log\0.jsonl", position=f"line {number}", **changes,
    )  # fmt: skip


def verdict(interaction):
    return Judgement(
        salt="s", interaction_id=interaction, rubric_digest="sha256:00", status=JudgementStatus.SCORED, overall=4.1,
        judge=JudgeIdentity(name="checks", version="1"),
    )  # fmt: skip


@pytest.fixture
def folder(project):
    """A closed project with some of everything in its store."""
    store = project.store
    ids = store.save([said(number) for number in range(7)], event="captured")
    store.save([verdict(name) for name in ids[:3]], event="judged")
    store.finish_step("sha256:ab", "curate", [Rubric(name="r", version="1", description="d", criteria=())],
                      elapsed=lambda: 1.5, many=False)  # fmt: skip
    store.step_work("sha256:cd").put("paid", b"\x00\xff")
    store.fail_step("sha256:cd", "judge", "OSError: it broke")
    store.close()
    return project.folder


def everything(folder):
    config = load_config(folder)
    with Store.open(folder, database=store_database(config)) as store:
        with reading(store._engine) as connection:
            digests = moving._digests(connection)
        return digests, [entry.hash for entry in store.history()], [one for _, one in store.each(Interaction)]


def test_what_comes_to_a_server_and_back_is_the_same_row_by_row(folder, postgres_url):
    before = everything(folder)
    old = (folder / ".selftune" / "store.db").read_bytes()
    heard = list[Progress]()
    made = migrate_store(folder, postgres_url, told=heard.append)
    ends = {one.note: (one.done, one.total) for one in heard}
    rows = sum(made.rows.values())
    assert list(ends.items()) == [("rows copied", (rows, rows)), ("rows compared", (2 * rows, 2 * rows))]
    assert (made.done, made.rows["records"], made.rows["judgements"]) == (True, 11, 3)
    assert (folder / ".selftune" / "store.db").stat().st_size == len(old)
    assert f'url = "{postgres_url}"' in (folder / "selftune.toml").read_text()
    there = everything(folder)
    assert there[1:] == before[1:]
    assert {name: rows for name, rows in there[0].items() if name != "leases"} == {
        name: rows for name, rows in before[0].items() if name != "leases"
    }
    with Store.open(folder, database=store_database(load_config(folder))) as store:
        store.save([said(8), verdict(there[2][4].id)], event="after")
        assert store.acquire_lease("cycle", "me").token == 2, "tokens go on growing"
    assert verify.verify(folder / ".selftune" / "ledger").entries == made.entries + 2
    (folder / ".selftune" / "store.db").unlink()
    back = migrate_store(folder, "sqlite")
    assert (back.target, back.rows["records"]) == (".selftune/store.db", 13)
    assert [one.position for one in everything(folder)[2]] == [f"line {n}" for n in (*range(7), 8)]


def test_a_dry_run_changes_nothing_and_a_status_names_the_store_of_before(folder, postgres_url):
    config = (folder / "selftune.toml").read_text()
    shown = CliRunner().invoke(app, ["store", "migrate", "--to", postgres_url, "--dry-run", "--project", str(folder)])
    assert shown.exit_code == 0
    assert "Nothing was changed" in shown.stdout
    assert (folder / "selftune.toml").read_text() == config
    assert store_status(folder).left_behind == ()
    migrate_store(folder, postgres_url)
    told = CliRunner().invoke(app, ["store", "status", "--json", "--project", str(folder)])
    found = json.loads(told.stdout)
    assert found["left_behind"] == [".selftune/store.db"]
    assert found["kept_in"] == found["dialogues"] == postgres_url
    assert found["engine"].startswith("PostgreSQL 15")


def test_a_database_that_is_used_and_a_file_that_is_there_are_refused(folder, postgres_url):
    migrate_store(folder, postgres_url)
    with pytest.raises(UsageError, match="there already"):
        migrate_store(folder, postgres_url)
    for dry in (True, False):
        with pytest.raises(UsageError, match="the store of before"):
            migrate_store(folder, "sqlite", dry_run=dry)
    # The file again, by hand, as nobody should.
    (folder / "selftune.toml").write_text((folder / "selftune.toml").read_text().replace(postgres_url, ""))
    with pytest.raises(UsageError, match="were brought to postgresql://"):
        store_status(folder)
    (folder / ".selftune" / "store.moved").unlink()
    for dry in (True, False):
        with pytest.raises(UsageError, match="kept there already"):
            migrate_store(folder, postgres_url, dry_run=dry)


def test_records_of_a_file_that_were_left_behind_are_not_gone_on_with(folder, postgres_url):
    migrate_store(folder, postgres_url)
    with Store.open(folder, database=store_database(load_config(folder))) as store:
        store.note("on the server")
    (folder / ".selftune" / "store.moved").unlink()
    with pytest.raises(IntegrityError, match=r"store\.db does not hold what the ledger's mirror ends with"):
        Store.open(folder)


def test_who_had_the_file_open_keeps_nothing_in_it_any_more(folder, postgres_url):
    with Store.open(folder) as before:
        migrate_store(folder, postgres_url)
        with pytest.raises(UsageError, match="begin the command again"):
            before.note("late")
        assert before.count(Interaction) == 7
    assert store_status(folder).entries == 13


def test_who_had_the_server_open_keeps_nothing_in_it_once_the_records_went_back(folder, postgres_url):
    migrate_store(folder, postgres_url)
    (folder / ".selftune" / "store.db").unlink()
    database = store_database(load_config(folder))
    with Store.open(folder, database=database) as before:
        migrate_store(folder, "sqlite")
        with pytest.raises(UsageError, match="brought to the file"):
            before.note("late")
        with pytest.raises(UsageError, match="brought to the file"):
            Store.open(folder, database=database)
    assert store_status(folder).entries == verify.verify(folder / ".selftune" / "ledger").entries == 13


def test_a_second_role_of_the_server_sees_the_same_records(folder, postgres_server, postgres_url, monkeypatch):
    migrate_store(folder, postgres_url)
    monkeypatch.setenv(STORE_URL, postgres_url.replace("app@", "postgres@"))
    with connect(database_at(postgres_url), autocommit=True) as connection:
        connection.execute("CREATE ROLE postgres SUPERUSER LOGIN")
    assert store_status(folder).entries == 13


def test_two_projects_do_not_become_one_in_a_database(folder, postgres_url, tmp_path, monkeypatch):
    migrate_store(folder, postgres_url)
    other = tmp_path / "other"
    other.mkdir()
    for _ in range(2):
        with pytest.raises(UsageError, match="another project"):
            Store.open(other, database=database_at(postgres_url))
    fresh = tmp_path / "fresh"
    monkeypatch.setenv(STORE_URL, postgres_url)
    made = CliRunner().invoke(app, ["init", str(fresh), "--yes"])
    assert isinstance(made.exception, UsageError)
    assert "another project" in str(made.exception)
    assert list(fresh.iterdir()) == []
    assert store_status(folder).entries == 13


def test_an_empty_database_is_of_who_came_last_and_of_nobody_else(postgres_url, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with Store.open(folders[0], database=database_at(postgres_url)) as first:
        with Store.open(folders[1], database=database_at(postgres_url)) as second:
            second.note("begun")
        with pytest.raises(UsageError, match="became another project's"):
            first.note("late")
    with pytest.raises(UsageError, match="another project"):
        Store.open(folders[0], database=database_at(postgres_url))
    Store.open(folders[1], database=database_at(postgres_url)).close()


def test_a_folder_that_lost_the_name_goes_on_where_its_ledger_knows_the_records(folder, postgres_url):
    migrate_store(folder, postgres_url)
    named = folder / ".selftune" / "store.id"
    name = named.read_text()
    named.unlink()
    assert store_status(folder).entries == 13
    assert named.read_text() == name
    named.unlink()
    (folder / ".selftune" / "ledger").rename(folder / "lost")
    with pytest.raises(UsageError, match="another project") as refused:
        store_status(folder)
    assert f"write {name}" in refused.value.next_step
    named.write_text(name)
    assert store_status(folder).entries == verify.verify(folder / ".selftune" / "ledger").entries == 13


@pytest.mark.parametrize("dry", [True, False])
def test_a_row_in_any_table_is_a_store(folder, postgres_url, tmp_path, dry):
    other = tmp_path / "other"
    other.mkdir()
    with Store.open(other, database=database_at(postgres_url)) as store:
        store.step_work("sha256:cd").put("paid", b"x")
    with pytest.raises(UsageError, match="kept there already"):
        migrate_store(folder, postgres_url, dry_run=dry)
    with connect(database_at(postgres_url), schema="selftune_store", autocommit=True) as connection:
        connection.execute("DELETE FROM work")
    with Store.open(other, database=database_at(postgres_url)) as store:
        store.acquire_lease("cycle", "me").release()
    with pytest.raises(UsageError, match="kept there already"):
        migrate_store(folder, postgres_url, dry_run=dry)


def database_at(url):
    return parse_database(url, "the test")


def test_what_differs_when_it_is_compared_is_not_kept_there(folder, postgres_url, monkeypatch):
    config = (folder / "selftune.toml").read_text()
    monkeypatch.setattr(moving, "_digests", _digests_apart(moving._digests))
    with pytest.raises(IntegrityError, match="not what was there"):
        migrate_store(folder, postgres_url)
    monkeypatch.undo()
    assert (folder / "selftune.toml").read_text() == config
    assert migrate_store(folder, postgres_url).done


def _digests_apart(digests):
    """A fake of two databases that tell different things."""
    return lambda connection, *_: digests(connection) | {"records": (connection.dialect.name == "sqlite", "")}


def test_somebody_at_work_is_named(folder, postgres_url):
    with (
        Store.open(folder) as store,
        store.acquire_lease("serve", "somebody"),
        pytest.raises(LockedError, match="somebody holds 'serve'"),
    ):
        migrate_store(folder, postgres_url)
    assert store_status(folder).kept_in == ".selftune/store.db"


def test_a_url_in_the_environment_comes_first_and_a_password_may_stand_there(folder, postgres_url, monkeypatch):
    migrate_store(folder, postgres_url)
    secret = postgres_url.replace("app@", "app:hunter2@")
    with pytest.raises(ConfigError, match="holds a password"):
        migrate_store(folder, secret)
    monkeypatch.setenv(STORE_URL, secret)
    found = store_status(folder)
    assert (found.told_by, found.kept_in) == (STORE_URL, postgres_url)
    with pytest.raises(UsageError, match="comes before"):
        migrate_store(folder, "sqlite")


def test_what_is_brought_up_says_that_the_server_is_away_and_ends_where_nothing_could_speak_to_it(folder, monkeypatch):
    told = []
    monkeypatch.setattr(bringing_up, "_keep_up", lambda *_: 0)
    monkeypatch.setenv(STORE_URL, f"postgresql://app@/nothing?host={folder}")
    assert bringing_up.bring_up(folder, bringing_up.Wishes(), told.append) == 0
    (line,) = told
    assert "does not answer" in line
    assert "waits in .selftune/gateway" in line
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingFileError, match="psycopg") as missing:
        bringing_up.bring_up(folder, bringing_up.Wishes(), told.append)
    assert missing.value.exit_code == 2
    assert "selftune[postgres]" in missing.value.next_step
