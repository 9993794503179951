"""Dialogues that are not over, in a real PostgreSQL: the promises of the file, kept by a server."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "dialogue"))

from held_project import QUARREL, FakeGauge, open_held_project, reopen, script

from selftune.databases import parse_database
from selftune.errors import ConfigError, DatabaseAwayError, IntegrityError, LockedError, UsageError
from selftune.loop.dialogues import holding
from selftune.loop.forgetting.finding import Words
from selftune.loop.forgetting.forget import out_of_reach
from selftune.loop.forgetting.places import dialogues_that_quote, unswept_dialogues
from selftune.personas import postgres_checkpoints
from selftune.personas.checkpoints import open_checkpoints
from selftune.personas.dialogue import graph
from selftune.personas.postgres_checkpoints import open_postgres_checkpoints
from selftune.records import Interaction, Trigger
from selftune.store.erasure import Erasure

pytestmark = [pytest.mark.needs("graph", "postgres"), pytest.mark.xdist_group("postgres")]

SCORES = (0.1, 0.7, 0.4, 0.1)
SECRET = "jane.doe@example.com"


def there(url):
    return parse_database(url, "the test")


@pytest.fixture(params=["file", "postgres"])
def opener(request, tmp_path):
    """What opens dialogues that are not over: the same laws hold for both."""
    if request.param == "file":
        return lambda: open_checkpoints(tmp_path / "dialogues.db")
    url = request.getfixturevalue("postgres_url")
    return lambda: open_postgres_checkpoints(there(url), "dialogues")


def test_what_is_begun_is_found_again_in_its_order_and_its_words_go_when_it_is_over(opener):
    with opener() as opened:
        opened.begin("b", "first begun")
        opened.begin("a", "then this, with \\u0000 and ß")
        opened.keep("b", 2, "two")
        opened.keep("b", 1, "one")
        opened.keep("b", 1, "one again, which is late")
    with opener() as opened:
        assert [(one.thread, one.body) for one in opened.unfinished()] == [
            ("b", "first begun"), ("a", "then this, with \\u0000 and ß"),
        ]  # fmt: skip
        assert opened.kept("b") == ("one", "two")
        opened.finish("b", "interaction:x")
        assert [one.thread for one in opened.unfinished()] == ["a"]
        assert opened.kept("b") == ()


@pytest.mark.parametrize("over", [False, True])
def test_no_name_is_used_twice(opener, over):
    with opener() as opened:
        opened.begin("a", "body")
        if over:
            opened.finish("a", "interaction:x")
        with pytest.raises(UsageError, match="held already"):
            opened.begin("a", "body")
        opened.begin("b", "still works")


def test_a_checkpoint_holds_no_type_but_plain_ones(opener):
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    loose = JsonPlusSerializer(allowed_msgpack_modules=True).dumps_typed(Trigger.USER)
    with opener() as opened:
        assert not isinstance(opened.saver.serde.loads_typed(loose), Trigger)


def test_another_process_waits_and_is_told(postgres_url, monkeypatch):
    monkeypatch.setattr(postgres_checkpoints, "_LEAST_WAIT_SECONDS", 0.05)
    with (
        open_postgres_checkpoints(there(postgres_url), "dialogues"),
        pytest.raises(LockedError, match="another dialogue"),
        open_postgres_checkpoints(there(postgres_url), "dialogues"),
    ):
        pass
    with (
        open_postgres_checkpoints(there(postgres_url), "deliberations"),
        open_postgres_checkpoints(there(postgres_url), "dialogues"),
    ):
        """Each kind by itself."""


def test_one_of_a_newer_selftune_is_refused(postgres_url):
    import psycopg

    with open_postgres_checkpoints(there(postgres_url), "dialogues"):
        pass
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE selftune_dialogues.version SET number = 99")
    with (
        pytest.raises(IntegrityError, match="newer selftune"),
        open_postgres_checkpoints(there(postgres_url), "dialogues"),
    ):
        pass


def tables_with(server, url, words):
    """Files of the server's tables, the write-ahead log apart, in which these words stand."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (number,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    files = (server.folder / "d" / "base" / str(number)).iterdir()
    return [file.name for file in files if words.encode() in file.read_bytes()]


def test_no_byte_of_what_is_over_stays_in_the_tables(postgres_server, postgres_url):
    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        opened.begin("a", "my opening words")
        opened.keep("a", 1, "my turn")
        assert tables_with(postgres_server, postgres_url, "my opening words")
        opened.finish("a", "interaction:x")
        assert tables_with(postgres_server, postgres_url, "my opening words") == []
        assert tables_with(postgres_server, postgres_url, "my turn") == []


def test_words_that_somebody_else_keeps_in_the_tables_go_when_they_are_opened_next(postgres_server, postgres_url):
    import psycopg

    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        opened.begin("a", "my opening words")
        with psycopg.connect(postgres_url) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 'a snapshot, and no table is held'")
            opened.finish("a", "interaction:x")
            assert opened.unswept
            assert tables_with(postgres_server, postgres_url, "my opening words")
    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        assert not opened.unswept
        assert tables_with(postgres_server, postgres_url, "my opening words") == []


def test_a_table_that_somebody_holds_fails_no_dialogue_that_is_over(postgres_url, monkeypatch):
    import psycopg

    monkeypatch.setattr(postgres_checkpoints, "_SWEEPING_WAITS", "20ms")
    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        opened.begin("a", "my opening words")
        with psycopg.connect(postgres_url) as holder:
            holder.execute("SELECT count(*) FROM selftune_dialogues.threads, selftune_dialogues.turns")
            opened.finish("a", "interaction:x")
            assert (opened.unswept, opened.unfinished()) == (True, ())
        opened.begin("b", "more")
        opened.finish("b", "interaction:y")
        assert not opened.unswept


def test_no_sample_of_words_is_in_the_statistics_of_the_server(postgres_server, postgres_url):
    import psycopg

    def sampled(connection):
        connection.execute("ANALYZE")
        asked = "SELECT tablename FROM pg_stats WHERE attname = 'body' AND schemaname = 'selftune_dialogues'"
        return connection.execute(asked).fetchall()

    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        opened.begin("a", "my opening words")
        for number in range(60):
            opened.keep("a", number, f"my turn {number}")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        assert sampled(connection) == []
        # As tables were that an earlier selftune made.
        for table in ("turns", "outsets"):
            connection.execute(f"ALTER TABLE selftune_dialogues.{table} ALTER COLUMN body SET STATISTICS -1")
        assert sorted(sampled(connection)) == [("outsets",), ("turns",)]
        with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
            opened.finish("a", "interaction:x")
        assert sampled(connection) == []


# --- In a project -----------------------------------------------------------------------------------------------------


@contextmanager
def project_at(folder, url):
    with open_held_project(folder) as project:
        inside = project.folder
    with (inside / "selftune.toml").open("a", encoding="utf-8") as config:
        config.write(f'[personas]\ncheckpoints = "{url}"\n')
    with reopen(inside) as project:
        yield project


def held(project, prompt="Does it hold?"):
    return holding.hold(
        project, prompt, voice=script(*QUARREL), gauge=FakeGauge(*SCORES), task_id="auto-001", trigger=Trigger.MOTIVATOR
    )


def test_a_dialogue_is_held_there_and_leaves_no_file(tmp_path, postgres_url):
    with project_at(tmp_path, postgres_url) as project:
        held(project)
        (kept,) = (one for _, one in project.store.each(Interaction))
        assert not holding.place_of(project).exists()
        assert holding.unfinished(project) == ()
    assert [(turn.persona, turn.content) for turn in kept.messages[1:]] == list(QUARREL)


def die_at(step, folder):
    """A process that holds the dialogue and kills itself when so many places were reached; whether it came so far."""
    child = os.fork()
    if child == 0:  # pragma: no cover - it dies
        try:
            _count_to(step)
            with reopen(folder) as project:
                held(project)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _count_to(step):
    saver = postgres_checkpoints.saver_between_steps()
    passed = iter(range(1, 200))

    def place(*_):
        if next(passed) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(method):
        def watched(*args, **keywords):
            place()
            done = method(*args, **keywords)
            place()
            return done

        return watched

    graph.reach = holding.reach = place
    saver.put = around(saver.put)
    saver.put_writes = around(saver.put_writes)


@pytest.fixture
def woken(tmp_path, postgres_server):
    """What a dialogue imports is imported once, not by each process that dies."""
    url = postgres_server.new_database()
    (tmp_path / "woken").mkdir()
    with project_at(tmp_path / "woken", url) as project:
        held(project)
    postgres_server.drop(url)


@pytest.mark.needs("fork")
@pytest.mark.usefixtures("woken")
def test_a_kill_between_any_two_steps_loses_no_turn_and_doubles_none(tmp_path, postgres_url):
    with project_at(tmp_path, postgres_url) as project:
        folder = project.folder
    killed = 0
    # Each process goes on where the one before it died, one place further: all places of one dialogue are met.
    for step in range(1, 60):
        if not die_at(step, folder):
            break
        killed += 1
    assert killed >= 8, "each time it goes on from a later place, so that a dialogue of five turns ends"
    with reopen(folder) as project:
        assert holding.unfinished(project) == ()
        (kept,) = (one for _, one in project.store.each(Interaction))
    assert [(turn.persona, turn.content) for turn in kept.messages[1:]] == list(QUARREL)
    assert kept.dissonance == SCORES


def test_a_server_that_goes_away_is_named_and_nothing_written_down_is_lost(tmp_path, postgres_server, postgres_url):
    class Pulls(FakeGauge):
        """Stops the server when the fourth turn is measured."""

        def measure(self, turns, codex):
            if sum(turn.role == "assistant" for turn in turns) == 4:
                postgres_server.stop()
            return super().measure(turns, codex)

    with project_at(tmp_path, postgres_url) as project:
        try:
            with pytest.raises(DatabaseAwayError, match="does not answer") as away:
                holding.hold(project, "Does it hold?", voice=script(*QUARREL), gauge=Pulls(*SCORES))
        finally:
            postgres_server.start()
        assert "run the same command again" in away.value.next_step
        (lying,) = holding.unfinished(project)
        done = holding.resume(project, lying.thread, voice=script(*QUARREL), gauge=FakeGauge(*SCORES))
        assert [turn.message.content for turn in done.turns] == [words for _, words in QUARREL]


# --- What may stand in a URL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://localhost/x", "no PostgreSQL URL"),
        ("postgresql://app:hunter2@localhost/x", "holds a password"),
        ("postgresql:///x?host=/tmp&password=hunter2", "holds a password"),
        ("postgresql://localhost", "names no database"),
        ("postgresql://localhost/x?service=other", "says 'service'"),
        ("postgresql://localhost/x?nonsense=hunter2", "can't be read"),
        ("postgresql://db.example/x?sslmode=disable", "in the clear"),
        ("postgresql://db.example/x", "beyond this machine"),
    ],
)
def test_a_url_that_may_not_stand_in_the_config_is_refused_and_no_password_shown(tmp_path, url, why):
    with project_at(tmp_path, url) as project, pytest.raises(ConfigError, match=why) as refused:
        held(project)
    assert "hunter2" not in str(refused.value)


def test_a_password_is_never_shown():
    database = parse_database("postgresql://app:hunter2@localhost:5/x", "the test", secret=True)
    assert database.shown == "postgresql://app@localhost:5/x"
    assert "hunter2" not in repr(database)
    with pytest.raises(DatabaseAwayError, match="localhost:5/x") as away, open_postgres_checkpoints(database, "x"):
        pass
    assert "hunter2" not in str(away.value)


def test_a_lock_that_is_let_go_is_taken(postgres_url):
    held_by_other = open_postgres_checkpoints(there(postgres_url), "dialogues")
    held_by_other.__enter__()
    waiter = threading.Timer(0.2, lambda: held_by_other.__exit__(None, None, None))
    waiter.start()
    with open_postgres_checkpoints(there(postgres_url), "dialogues") as opened:
        assert opened.unfinished() == ()
    waiter.join()


def test_a_forgetting_names_an_unfinished_dialogue_in_the_database_that_quotes(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setattr(graph, "reach", _dies_after_two_turns())
    with project_at(tmp_path, postgres_url) as project:
        with pytest.raises(DeathError):
            held(project)
        assert list(dialogues_that_quote(project, [QUARREL[0][1]])) == ["auto-001"]
        assert list(dialogues_that_quote(project, ["nobody said this"])) == []


def test_a_forgetting_names_dialogues_that_are_over_and_are_still_in_the_tables(tmp_path, postgres_url):
    import psycopg

    nothing = Words(of="person", erasure=Erasure())
    with project_at(tmp_path, postgres_url) as project:
        # LangGraph makes its indexes beside whoever writes, and waits for everybody who reads.
        assert not unswept_dialogues(project)
        with psycopg.connect(postgres_url) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 'a snapshot, and no table is held'")
            held(project)
            assert any("dialogues that are over" in place for place in out_of_reach(project, nothing))
        assert not any("dialogues that are over" in place for place in out_of_reach(project, nothing))


class DeathError(Exception):
    """Stands for a death in this process: nothing of ours catches it."""


def _dies_after_two_turns():
    places = []

    def reach(name):
        places.append(name)
        if places.count("dialogue-turn-kept") == 2:
            raise DeathError

    return reach
