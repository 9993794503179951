"""Stop, hold, freeze and lift by command: what each keeps from beginning, what none does, and who may end it."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
import typer
from typer.testing import CliRunner

from selftune.app.braking import ARMS, STUDY, Patience, describe_stop, record_stop, stop_here
from selftune.app.cli import braking, concerns
from selftune.app.doubting import end
from selftune.app.doubts_page import stays_in_words
from selftune.app.lifting import lift_stays, put_stay
from selftune.app.people import add_person
from selftune.app.signing import keys_folder, speak
from selftune.app.trainings import repeat_run
from selftune.errors import SelftuneError, UsageError, WaitingForPersonError
from selftune.failpoints import VARIABLE
from selftune.governance.brake import file
from selftune.governance.brake.at_work import at_work, who_works
from selftune.governance.brake.file import BRAKE, is_braked, new_stop, put_on, read_stops
from selftune.governance.clearance import clear_for_release
from selftune.governance.people.keys import make_person_key
from selftune.governance.people.roster import Person
from selftune.interactions.stage import capture
from selftune.judges.stage import judge
from selftune.loop.braking import check_amid, check_brake, check_freeze, check_step
from selftune.loop.executor import Silent
from selftune.loop.hearing import hear_project
from selftune.loop.night.alarms import note_began, refuse_stopped, resume_nights
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import run_night
from selftune.loop.night.shift import Wishes
from selftune.loop.night.window import window_for
from selftune.loop.project import create_project, open_project
from selftune.loop.runner import go_round, go_until, start_service
from selftune.loop.stops import settle_brake
from selftune.loop.study import arms
from selftune.loop.study.plan import PLAN_FILE
from selftune.records import Decision, Outcome, Statement, StatementKind
from selftune.training.stage import train

QUICK = Patience(by_itself=0.3, interrupted=0.3, asked=0.3)
PASSPHRASE = "eight letters or more"
WORK = """
import signal, sys, time
from pathlib import Path
from selftune.governance.brake.at_work import at_work
from selftune.governance.brake.file import Braked
how, hidden = sys.argv[1], Path(sys.argv[2])
answers = {"steps": [], "hangs": [], "deaf": [signal.SIGINT], "dead": [signal.SIGINT, signal.SIGTERM]}[how]
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in answers:
    signal.signal(number, signal.SIG_IGN)
with at_work(hidden):
    print("at work", flush=True)
    wish = Braked(hidden)
    while not (how == "steps" and wish()):
        time.sleep(0.01)
"""


def told(_):
    """A person who types the passphrase: a fake one."""
    return PASSPHRASE


def nobody(prompt):
    """Nobody may be asked."""
    raise AssertionError(prompt)


@pytest.fixture
def home(tmp_path):
    """The folder of a project that commands can open."""
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    return folder


@pytest.fixture
def team(released, tmp_path, monkeypatch):
    """The same with Ana, who keeps the roster, and Ben on it."""
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "own-home"))
    for name in ("ana", "ben"):
        key = make_person_key(keys_folder(), name, told).public
        add_person(released, Person(name=name, key=key), author="ana", because="joined", ask=told)
    return released


def said(project, kind):
    return [one for _, one in project.store.each(Statement) if one.kind is kind]


def run(folder, *words):
    group = typer.Typer()
    braking.register(group)
    concerns.register(group)
    return CliRunner().invoke(group, [*words, "--project", str(folder)])


def stop(project, because="I want to look.", author="ana"):
    """A stop with a reason, on record."""
    stopped = stop_here(project.folder, because=because, author=author, patience=QUICK)
    settle_brake(project)
    return stopped


def lift(project, word="stop", because="I have looked.", *, author="ana", ask=nobody):
    return lift_stays(project, word, because, author=author, ask=ask)


# --- Stop -------------------------------------------------------------------------------------------------------------


def test_an_idle_project_is_stopped_as_ever_and_leaves_nothing_to_lift(released):
    stopped = stop_here(released.folder, because=" ", author="")
    assert (stopped.braked, stopped.served, stopped.ended) == (False, False, ())
    assert list(describe_stop(stopped)) == ["Nothing was running."]
    check_brake(released)


def test_a_folder_without_a_project_is_not_made_one(tmp_path):
    assert not stop_here(tmp_path, because="now", author="").braked
    assert list(tmp_path.iterdir()) == []


def test_all_arms_of_a_study_are_stopped_together(tmp_path):
    assert (STUDY, ARMS) == (PLAN_FILE, arms.ARMS)
    for arm in ("learning", "never_trains"):
        (tmp_path / "arms" / arm / ".selftune").mkdir(parents=True)
    assert not stop_here(tmp_path, because="now", author="ana").braked, "no study"
    (tmp_path / "study.toml").touch()
    with at_work(tmp_path / "arms" / "learning" / ".selftune"):
        assert stop_here(tmp_path, because="now", author="ana").braked
    for arm in ("learning", "never_trains"):
        assert [one.text for one in read_stops(tmp_path / "arms" / arm / ".selftune")] == ["now"]


def test_a_note_of_a_server_that_cannot_be_read_stops_nobody_from_stopping_the_rest(released):
    (released.hidden / "serving.json").write_text("{")
    stopped = stop_here(released.folder, because="now", author="ana")
    assert stopped.braked
    assert len(stopped.trouble) == 1
    assert "What serves was not stopped" in stopped.trouble[0]


def test_a_reason_puts_the_brake_on_and_lies_on_record_word_for_word(released):
    words = "It says\x1b[2J\u202e odd things.\r\n\x00 e\u0301"
    stopped = stop(released, words)
    assert stopped.braked
    (statement,) = said(released, StatementKind.STOP)
    assert (statement.text, statement.author, statement.subject) == (words, "ana", "project")
    settle_brake(released)
    assert said(released, StatementKind.STOP) == [statement], "it was put on record twice"
    assert any("selftune lift stop" in line for line in describe_stop(stopped))


BEGINNINGS = {
    "cycle": go_round,
    "stage": lambda project: go_until(project, "judge"),
    "night": lambda project: run_night(project, Wishes(now=True)),
    "start": start_service,
    "repeat": lambda project: repeat_run(project, "newest", Silent()),
}


@pytest.mark.parametrize("what", BEGINNINGS)
def test_while_the_brake_is_on_nothing_begins(released, what):
    stop(released)
    with pytest.raises(WaitingForPersonError, match=r"all work here is stopped: 'I want to look\.' \(ana\)") as refused:
        BEGINNINGS[what](released)
    assert 'selftune lift stop --because "..."' in refused.value.next_step


def test_a_step_begins_and_goes_on_only_while_the_brake_is_off(released):
    for check in (partial(check_step, released), partial(check_amid, released)):
        check(judge.__name__)
    stop(released)
    for check in (check_step, check_amid):
        with pytest.raises(WaitingForPersonError):
            check(released, judge.__name__)
        check(released, capture.__name__)  # words may come in so that their authors can take them back
    check_amid(released, train.__name__)  # it ends by itself, with a checkpoint
    with pytest.raises(WaitingForPersonError):
        check_step(released, train.__name__)


def test_the_brake_holds_with_its_file_taken_away_by_hand(released):
    stop(released)
    (released.hidden / BRAKE).unlink()
    with pytest.raises(WaitingForPersonError, match="all work here is stopped"):
        check_brake(released)
    lift(released)
    check_brake(released)


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"version": 1, "stops": []}'])
def test_a_brake_that_cannot_be_read_is_on_and_is_lifted_with_a_reason(released, content):
    (released.hidden / BRAKE).write_bytes(content)
    with pytest.raises(WaitingForPersonError, match="can't be read") as refused:
        check_brake(released)
    assert "selftune lift stop" in refused.value.next_step
    assert "can't be read" in next(stays_in_words(released))
    lift(released)
    check_brake(released)
    (statement,) = said(released, StatementKind.STOP)
    assert statement.author_is_model
    assert "can't be read" in statement.text
    assert [path.read_bytes() for path in released.hidden.glob("brake.damaged-*")] == [content]


@pytest.mark.parametrize("database", ["locked", "gone", "damaged"])
def test_a_stop_works_with_a_store_that_does_not(released, database):
    path, holder = released.hidden / "store.db", None
    if database == "locked":
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
    else:
        released.store.close()
        path.unlink()
        if database == "damaged":
            path.write_bytes(b"no database" * 1000)
    try:
        assert stop_here(released.folder, because="now", author="ana").braked
        assert record_stop(released.folder)
        assert path.exists() == (database != "gone"), "a store was made in the place of one that is gone"
    finally:
        if holder is not None:
            holder.execute("ROLLBACK")
            holder.close()
    assert [one.text for one in read_stops(released.hidden)] == ["now"]


def test_a_full_disk_keeps_nobody_from_stopping(released, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file, "publish_bytes", full)
    stopped = stop_here(released.folder, because="now", author="ana")
    assert stopped.braked
    assert "no room for your words" in stopped.trouble[0]


@pytest.mark.skipif(sys.platform == "win32", reason="its processes are not asked, but ended")
@pytest.mark.parametrize(
    ("kind", "how", "answers"),
    [
        ("steps", "by itself", "by_itself"),
        ("hangs", "interrupted", "interrupted"),
        ("deaf", "asked to end", "asked"),
        ("dead", "by force", None),
    ],
)
def test_what_works_is_ended_and_no_harder_than_it_takes(released, kind, how, answers):
    with subprocess.Popen([sys.executable, "-c", WORK, kind, str(released.hidden)], stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"at work\n"
        # What it answers to has a minute: a busy machine needs long to end even a small Python.
        patience = replace(QUICK, **{answers: 60.0}) if answers else QUICK
        stopped = stop_here(released.folder, because="", author="ana", patience=patience)
        assert [(one.pid, one.how) for one in stopped.ended] == [(worker.pid, how)]
    assert stopped.braked, "work was under way, so it takes a person to go on"
    assert read_stops(released.hidden)[0].text.startswith("stopped by hand while work was under way")
    assert who_works(released.hidden) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="its processes are not asked, but ended")
def test_what_a_worker_started_ends_with_it(released):
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    code = child + WORK
    with subprocess.Popen([sys.executable, "-c", code, "dead", str(released.hidden)], stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"at work\n"
        (process,) = who_works(released.hidden)
        (below,) = process.children()
        stop_here(released.folder, because="", author="ana", patience=QUICK)
    below.wait(timeout=60)


def test_a_stop_beside_a_stop_keeps_the_words_of_both_and_one_lift_ends_both(released):
    stop(released, "first")
    stop(released, "second", "ben")
    assert [one.text for one in said(released, StatementKind.STOP)] == ["first", "second"]
    assert len(lift(released)) == 2
    assert not is_braked(released.hidden)
    check_brake(released)


def test_who_runs_what_is_stopped_does_not_lift_somebody_else_s_stop(released, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "okafor")
    stop(released, author="vasquez")
    with pytest.raises(WaitingForPersonError, match="okafor, who runs what it is about"):
        lift(released, author="")
    assert is_braked(released.hidden)
    lift(released, author="vasquez")
    check_brake(released)


def test_a_stop_is_lifted_whatever_the_clock_says(released):
    stop(released)
    put_on(released.hidden, new_stop("ana", "later", "2099-01-01T00:00:00+00:00"))
    lifted = lift(released)
    assert len(lifted) == 2
    assert all(one.said_at < "2099" for one in lifted), "the lifts are older than one of the stops"
    check_brake(released)
    assert not is_braked(released.hidden)


# --- Lift -------------------------------------------------------------------------------------------------------------


def test_a_lift_wants_a_reason_and_something_to_lift(released):
    with pytest.raises(UsageError, match="no stop"):
        lift(released)
    stop(released)
    with pytest.raises(UsageError, match="empty"):
        lift(released, because="  ")
    assert is_braked(released.hidden)


def test_a_lift_that_is_cut_off_before_the_file_goes_is_finished_by_the_next_command(home, monkeypatch):
    stop_here(home, because="now", author="ana")
    monkeypatch.setenv(VARIABLE, "lift-on-record=raise")
    assert isinstance(run(home, "lift", "stop", "--because", "looked", "--author", "ana").exception, SelftuneError)
    assert is_braked(home / ".selftune")
    monkeypatch.delenv(VARIABLE)
    with open_project(home) as project:
        assert not is_braked(project.hidden)
        check_brake(project)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_lift_that_is_killed_is_finished_by_the_next_command(home):
    stop_here(home, because="now", author="ana")
    # A fork, for all is imported already; nothing of this project is open here.
    child = os.fork()
    if child == 0:
        os.environ[VARIABLE] = "lift-on-record=kill"
        run(home, "lift", "stop", "--because", "looked", "--author", "ana")
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert is_braked(home / ".selftune")
    assert run(home, "concern", "list").exit_code == 0
    assert not is_braked(home / ".selftune")


def test_in_a_team_a_stop_is_lifted_by_a_key_and_put_on_without_one(team):
    stop(team)
    with pytest.raises(SelftuneError, match="cy is not on the roster"):
        lift(team, author="cy", ask=told)
    with pytest.raises(UsageError, match="was not unlocked"):
        lift(team, author="ben", ask=lambda _: "wrong")
    assert is_braked(team.hidden)
    lift(team, author="ben", ask=told)
    check_brake(team)


def test_no_model_lifts_anything(team):
    key = make_person_key(keys_folder(), "aligned", told).public
    add_person(team, Person(name="aligned", key=key, is_model=True), author="ana", because="helps", ask=told)
    stop(team)
    with pytest.raises(WaitingForPersonError):
        lift(team, author="aligned", ask=told)
    with pytest.raises(WaitingForPersonError):
        check_brake(team)


def test_in_a_team_nights_go_on_by_a_key_alone(team):
    clock = SimulatedClock(datetime(2026, 11, 1, 2, tzinfo=UTC))
    for night in range(3):
        note_began(team, f"2026-11-0{night + 1}", window_for(clock, "05:00"))
    resume_nights(team, "mended", author="ana")
    with pytest.raises(WaitingForPersonError, match="3 nights in a row"):
        refuse_stopped(team)
    resume_nights(team, "mended", author="ana", sign=lambda words: speak(hear_project(team), words, told))
    refuse_stopped(team)


# --- Hold and freeze --------------------------------------------------------------------------------------------------

DECISION = Decision(
    outcome=Outcome.PROMOTE, reason="It is better.", checks=(), arms=(), policy="small", policy_digest="sha256:p",
    build_id="build:" + "1" * 64, run_id="run:" + "2" * 64,
)  # fmt: skip


def test_a_hold_stops_promotions_and_nothing_else(released):
    released.store.save([DECISION], event="decided")
    clear_for_release(hear_project(released), DECISION)
    held = put_stay(released, StatementKind.HOLD, "Not before Monday.", author="ana")
    with pytest.raises(WaitingForPersonError, match=r"Not before Monday\."):
        clear_for_release(hear_project(released), DECISION)
    for stage in (train, judge):
        check_step(released, stage.__name__)
    assert f"hold: 'Not before Monday.' (ana, {held.said_at}; lift: selftune lift hold)" in stays_in_words(released)
    lift(released, "hold")
    clear_for_release(hear_project(released), DECISION)
    assert list(stays_in_words(released)) == []


def test_a_hold_on_one_record_is_not_lifted_with_those_of_the_whole_project(released):
    released.store.save([DECISION], event="decided")
    held = put_stay(released, StatementKind.HOLD, "Not this one.", on=DECISION.id[:20], author="ana")
    with pytest.raises(UsageError, match="no hold of the whole project"):
        lift(released, "hold")
    end(released, held.id, "Looked.", author="ana", evidence=(), ask=nobody)
    clear_for_release(hear_project(released), DECISION)


def test_a_freeze_keeps_from_learning_and_from_nothing_else(released):
    put_stay(released, StatementKind.FREEZE, "Consent is not settled.", author="ana")
    for stage in ("train", "train_part", "search_prompt"):
        with pytest.raises(WaitingForPersonError, match=r"nothing is trained on new data: 'Consent is not settled\.'"):
            check_step(released, stage)
    for stage in ("capture", "judge", "curate", "build", "evaluate", "decide", "release"):
        check_step(released, stage)
    with pytest.raises(WaitingForPersonError, match="nothing is trained"):
        run_night(released, Wishes(now=True))
    assert go_round(released).halted.exit_code == 5
    check_brake(released)
    lift(released, "freeze")
    check_freeze(released)


def test_by_command_each_says_how_it_ends_and_is_refused_without_a_reason(home):
    for word in ("hold", "freeze"):
        done = run(home, word, "--because", "Wait.", "--author", "ana")
        assert f'selftune lift {word} --because "..."' in done.stdout
        assert isinstance(run(home, word, "--because", " ").exception, UsageError)
        assert run(home, word).exit_code == 2
        assert run(home, "lift", word, "--because", "Done.", "--author", "ana").exit_code == 0
    assert run(home, "lift", "everything", "--because", "Done.").exit_code == 2
    stopped = json.loads(run(home, "stop", "--because", "Now.", "--author", "ana", "--json").stdout)
    assert (stopped["braked"], stopped["not_on_record"]) == (True, "")
    assert "Nothing was running." not in run(home, "stop").stdout, "the brake is still on"
    assert run(home, "lift", "stop", "--because", "Done.", "--author", "ana").exit_code == 0
    assert run(home, "stop").stdout == "Nothing was running.\n"


def test_what_is_shown_of_odd_words_steers_no_terminal(home):
    odd = "\x1b[2J\u202eliftet\nhold: nothing"
    run(home, "stop", "--because", odd, "--author", "ana\x1b[0m")
    with open_project(home) as project:
        shown = list(stays_in_words(project))
    assert len(shown) == 1
    assert all(letter.isprintable() for letter in shown[0])


def test_the_brake_keeps_nobody_from_doubting_and_from_looking(home):
    run(home, "stop", "--because", "Now.", "--author", "ana")
    assert run(home, "concern", "raise", "project", "Too fast.", "--author", "ana").exit_code == 0
    assert "Too fast." in run(home, "concern", "list").stdout
    assert run(home, "hold", "--because", "And hold.", "--author", "ana").exit_code == 0
