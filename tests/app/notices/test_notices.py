"""Notices: what is due and told once, that no URL and nobody's words get out, and that none stops a night."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from configured_project import open_test_project

from selftune.app.cli import everyday, nights, notify
from selftune.app.notices import telling
from selftune.app.notices.due import NIGHT_FAILED, begin_watching, notices_now
from selftune.app.notices.telling import TOLD, send_test, tell_quietly, tell_what_is_due
from selftune.errors import ConfigError, IntegrityError
from selftune.loop.canary.settling import EVENT as CANARY_ENDED
from selftune.loop.fronting import NoticeEvent, NotifySection
from selftune.records import Mode, Night

NAME = "MY_NOTICES"
SECRET = "s3cret-path"
PATIENCE = 60
"""Seconds for telling: a busy machine needs long to load Apprise."""


@pytest.fixture
def fake_service():
    """A fake service on loopback that takes Apprise's json:// messages, or answers with `server.status`."""

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            said = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.took.append(json.loads(said))
            self.server.wait.wait(self.server.seconds)
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_):
            """A fake says nothing of its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    server.took, server.status, server.seconds, server.wait = [], 200, 0.0, threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.wait.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path):
    with open_test_project(tmp_path) as opened:
        yield told_by(opened)


def told_by(project, **changes):
    notify = replace(NotifySection(urls_env=(NAME,), seconds=PATIENCE), **changes)
    return replace(project, config=replace(project.config, notify=notify))


@pytest.fixture
def pointed(fake_service, monkeypatch):
    monkeypatch.setenv(NAME, f"json://127.0.0.1:{fake_service.server_port}/{SECRET}")
    return fake_service


def night(project, **changes):
    now = project.context().now()
    said = {"name": "2026-11-22", "began": now, "ended": now, "ended_by": "deadline", "mode": Mode.FULL} | changes
    project.store.save([Night(**said)], event="night ended")


class FakeSender:
    """A fake sender: it keeps what it was to send, and says the problem it was made with."""

    def __init__(self, problem=""):
        self.sent = []
        self.problem = problem

    def __call__(self, project, name, title, body):
        self.sent.append((name, title, body))
        return self.problem


def test_a_morning_goes_out_once_and_quotes_nobody(project, pointed):
    night(project, told=("jane said a private thing",))
    (told,) = tell_what_is_due(project)
    assert (told.by, told.notices, told.problem) == (NAME, 1, "")
    (message,) = pointed.took
    assert message["message"].startswith("Night 2026-11-22: 0 tries, ended by deadline. The gate was not asked.")
    assert "jane" not in json.dumps(message)
    assert tell_what_is_due(project)[0].notices == 0
    assert len(pointed.took) == 1
    ledger = json.dumps([detail for _, detail in project.store.noted(TOLD)])
    assert SECRET not in ledger
    assert NAME in ledger


def test_what_failed_to_go_out_is_due_again_and_each_url_is_told_by_itself(project, monkeypatch):
    project = told_by(project, urls_env=(NAME, "OTHER"))
    night(project)
    dead, well = FakeSender("the service did not take it"), FakeSender()
    assert [one.problem for one in tell_what_is_due(project, dead)] == ["the service did not take it"] * 2
    assert [one.notices for one in tell_what_is_due(project, well)] == [1, 1]
    assert [one.notices for one in tell_what_is_due(project, well)] == [0, 0]
    assert [name for name, _, _ in well.sent] == [NAME, "OTHER"]


def test_failures_and_a_returned_candidate_are_told_and_what_was_before_is_no_news(project):
    project.store.fail_step("old", "train", "ServingError: old words")
    begin_watching(project)
    project.store.fail_step("key", "judge", "ServingError: jane said a private thing")
    project.store.note(CANARY_ENDED, {"build": "b", "end": "returned", "why": "errors"})
    project.store.note(CANARY_ENDED, {"build": "b", "end": "stopped", "why": ""})
    found = notices_now(project)
    assert [one.event for one in found] == [NoticeEvent.FAILURE, NoticeEvent.CANARY]
    assert "judge failed (ServingError)" in found[0].text
    assert "jane" not in found[0].text
    only = told_by(project, events=(NoticeEvent.CANARY,))
    assert [one.event for one in notices_now(only)] == [NoticeEvent.CANARY]


def test_a_hold_is_told_without_its_words(project):
    from selftune.app.lifting import put_stay
    from selftune.records import StatementKind

    put_stay(project, StatementKind.HOLD, "jane said a private thing", author="jane")
    (found,) = notices_now(project)
    assert found.event is NoticeEvent.HOLD
    assert "private" not in found.text


def test_many_things_are_one_message(project):
    begin_watching(project)
    for number in range(30):
        project.store.fail_step(f"key{number}", "judge", "ServingError: x")
    sender = FakeSender()
    assert tell_what_is_due(project, sender)[0].notices == 30
    ((_, title, body),) = sender.sent
    assert "30 things" in title
    assert body.splitlines()[-1] == "And 18 more."


def test_a_dead_service_costs_its_time_and_no_more_and_no_problem_shows_the_url(project, pointed):
    pointed.seconds = 30.0
    slow = told_by(project, seconds=1.0)
    night(slow)
    said = tell_quietly(slow)
    assert "did not answer within 1 s" in said
    assert SECRET not in said
    pointed.seconds, pointed.status = 0.0, 500
    (told,) = send_test(project)
    assert told.problem == "the service did not take it"
    assert project.store.noted(TOLD) == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("json://192.0.2.7/s3cret-path", "192.0.2.7"),
        ("jsons://somewhere.example/s3cret-path", "somewhere.example"),
        ("no url s3cret-path", "no URL that Apprise knows"),
    ],
)
def test_beyond_this_machine_only_what_egress_names_is_reached(url, problem, project, monkeypatch):
    monkeypatch.setenv(NAME, url)
    (told,) = send_test(project)
    assert problem in told.problem
    assert SECRET not in told.problem


def test_a_datagram_that_names_its_host_only_as_it_is_sent_is_refused_too():
    # In a process of its own: what is put up there can't be taken down.
    program = (
        "import socket; from selftune.app.notices.sender import _Fence; fence = _Fence(()); fence.put_up()\n"
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "for host in ('127.0.0.1', '192.0.2.7'):\n"
        "    try: one.sendmsg([b'x'], [], 0, (host, 9))\n"
        "    except OSError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "192.0.2.7 is not allowed\n"


def test_a_variable_that_is_not_set_and_nobody_to_tell_say_what_to_do(project, monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    night(project)
    with pytest.raises(ConfigError, match=NAME):
        send_test(project)
    assert NAME in tell_quietly(project)
    nobody = told_by(project, urls_env=())
    assert tell_what_is_due(nobody) == ()
    assert tell_quietly(nobody) == ""
    with pytest.raises(ConfigError, match="nobody to tell"):
        send_test(nobody)


def test_a_variable_that_is_not_set_keeps_nothing_from_the_others(project, pointed, monkeypatch):
    monkeypatch.delenv("GONE", raising=False)
    both = told_by(project, urls_env=("GONE", NAME))
    night(both)
    gone, here = tell_what_is_due(both)
    assert (gone.by, gone.notices, here.by, here.problem) == ("GONE", 1, NAME, "")
    assert "is not set" in gone.problem
    assert len(pointed.took) == 1
    assert [one.problem[:23] for one in send_test(both)] == ["the variable is not set", ""]
    assert tell_quietly(both).startswith("Not everybody was told (GONE: the variable is not set")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), IntegrityError("it broke.", next_step="Look.")]
)
def test_a_night_that_breaks_off_is_on_record_whatever_broke_it(error, tmp_path, pointed, monkeypatch):
    def breaks(*_):
        raise error

    monkeypatch.setattr("selftune.loop.night.night.run_night", breaks)
    with open_test_project(tmp_path) as opened:
        config = opened.folder / "selftune.toml"
    text = config.read_text(encoding="utf-8").replace('"fake"', '"reference"')
    config.write_text(f'{text}\n[notify]\nurls_env = ["{NAME}"]\nseconds = {PATIENCE}\n', encoding="utf-8")
    command = typer.Typer()
    nights.register(command)
    done = CliRunner().invoke(command, ["nightly", "--now", "--project", str(config.parent)])
    assert done.exception is error
    assert type(error).__name__ in pointed.took[0]["message"]


def test_without_apprise_the_error_names_the_pip_line(project, monkeypatch):
    monkeypatch.setattr(telling, "find_spec", lambda _: None)
    assert "pip install 'selftune[notify]'" in tell_quietly(project)


def test_the_command_sends_a_test_and_ends_with_1_where_one_did_not_go_out(tmp_path, pointed):
    with open_test_project(tmp_path) as opened:
        folder = opened.folder
        config = folder / "selftune.toml"
        text = config.read_text(encoding="utf-8").replace('"fake"', '"reference"')
        config.write_text(f'{text}\n[notify]\nurls_env = ["{NAME}"]\nseconds = {PATIENCE}\n', encoding="utf-8")
    app = typer.Typer()
    notify.register(app)
    done = CliRunner().invoke(app, ["notify", "test", "--project", str(folder)])
    assert (done.exit_code, pointed.took[-1]["title"].endswith("a test")) == (0, True), done.output
    pointed.status = 500
    done = CliRunner().invoke(app, ["notify", "test", "--project", str(folder), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [{"by": NAME, "notices": 1, "problem": "the service did not take it"}]


def test_a_night_that_can_tell_nobody_says_so_and_ends_as_it_would_have(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(NAME, raising=False)
    with open_test_project(tmp_path) as opened:
        config = opened.folder / "selftune.toml"
    quiet = config.read_text(encoding="utf-8").replace('"fake"', '"reference"')
    command = typer.Typer()
    nights.register(command)
    endings = []
    for text in (quiet, f'{quiet}\n[notify]\nurls_env = ["{NAME}"]\nseconds = {PATIENCE}\n'):
        config.write_text(text, encoding="utf-8")
        done = CliRunner().invoke(command, ["nightly", "--now", "--project", str(config.parent)])
        endings.append((done.exit_code, type(done.exception), "Nobody was told" in done.output))
    assert [told for _, _, told in endings] == [False, True]
    assert endings[0][:2] == endings[1][:2]


def test_a_cycle_tells_what_is_due_too_and_ends_as_it_would_have(tmp_path, pointed):
    with open_test_project(tmp_path) as opened:
        begin_watching(opened)
        opened.store.note(NIGHT_FAILED, {"error": "ServingError"})
        config = opened.folder / "selftune.toml"
    text = config.read_text(encoding="utf-8").replace('"fake"', '"reference"')
    config.write_text(f'{text}\n[notify]\nurls_env = ["{NAME}"]\nseconds = {PATIENCE}\n', encoding="utf-8")
    command = typer.Typer()
    everyday.register(command)
    ended = [CliRunner().invoke(command, ["cycle", "--project", str(config.parent)]) for _ in range(2)]
    assert {type(done.exception) for done in ended} == {IntegrityError}
    assert len(pointed.took) == 1
