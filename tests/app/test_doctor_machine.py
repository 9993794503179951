"""`selftune doctor` on what may be wrong with a machine: each trouble is found, and comes with what mends it."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import psutil
import pytest

from selftune.app import health, machine
from selftune.app.endpoints import look_at_endpoints
from selftune.app.machine import (
    judge_clock,
    judge_python,
    look_at_ledger_clock,
    look_at_machine,
    look_at_ports,
    look_at_windows,
    noted_processes,
)
from selftune.app.projects import start_project
from selftune.errors import ServingError, UsageError
from selftune.loop.executor import Silent
from selftune.serving import processor

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_machine_is_looked_at_as_a_whole_and_nothing_is_written(tmp_path):
    told = "\n".join(finding.what for finding in look_at_machine(tmp_path))
    for word in ("Python 3.", "cores", "GB free on disk", "memory free", "card", "SQLite", "clock", "checkpoints"):
        assert word in told
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_little_memory_and_a_broken_driver_are_named_with_what_mends_each(tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nexit 9\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**8))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**9, total=8 * 10**9))
    found = {one.what: one for one in look_at_machine(tmp_path)}
    for what, level, mend in (
        ("0.1 GB free on disk", "bad", "Free some space"),
        ("1.0 of 8.0 GB memory free", "note", "smaller base"),
        ("nvidia-smi is here and fails", "bad", "driver"),
    ):
        assert found[what].level == level
        assert mend in found[what].mend
    assert [one.what for one in found.values() if one.level != "ok" and not one.mend] == []


def test_a_package_that_is_missing_and_a_processor_without_avx2_are_named_with_what_mends_each(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "find_spec", lambda _: None)
    monkeypatch.setattr(health, "_sandbox", lambda: ())

    def refuse() -> None:
        raise ServingError("no AVX2.", next_step="Use another machine.")

    monkeypatch.setattr(processor, "require_avx2", refuse)
    found = {one.what: one for one in health.examine(tmp_path)}
    assert found["no AVX2."].mend == "Use another machine."
    for what, extra in (
        ("training: torch", "train"),
        ("serving: xllamacpp", "serve"),
        ("dialogues: langgraph", "graph"),
    ):
        assert f"selftune[{extra}]" in found[f"no {what} is missing"].mend
    assert [one.what for one in found.values() if one.level != "ok" and not one.mend] == []


@pytest.mark.parametrize(("version", "level"), [((3, 10), "bad"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "bad")])
def test_a_python_that_nobody_tried_is_named(version, level):
    assert judge_python(version).level == level


@pytest.mark.parametrize(
    ("now", "newest", "level"),
    [
        (NOW, None, "ok"),
        (NOW, NOW - timedelta(days=3), "ok"),
        (NOW, NOW + timedelta(seconds=59), "ok"),
        (NOW, NOW + timedelta(minutes=5), "bad"),
        (datetime(1970, 1, 1, tzinfo=UTC), None, "bad"),
    ],
)
def test_a_clock_is_held_against_the_newest_entry_of_the_ledger(now, newest, level):
    found = judge_clock(now, newest)
    assert found.level == level
    assert ("timedatectl" in found.mend) == (level == "bad")


def test_the_clock_is_held_against_what_this_ledger_says(project, monkeypatch):
    project.store.note("something happened")
    assert look_at_ledger_clock(project).level == "ok"
    past = type("Past", (datetime,), {"now": classmethod(lambda cls, zone: datetime.now(zone) - timedelta(days=2))})
    monkeypatch.setattr(machine, "datetime", past)
    assert "2 days" in look_at_ledger_clock(project).what or "1 days" in look_at_ledger_clock(project).what


def test_a_port_that_somebody_else_has_is_named_with_another_to_take():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = look_at_ports({"gateway": port})
    assert found.level == "note"
    assert Path(sys.executable).name in found.what  # how a worker of xdist was started names no pytest
    assert "[gateway] port = " in found.mend
    (free,) = look_at_ports({"gateway": port})
    assert free.level == "ok"


def test_a_port_is_ours_only_where_this_project_noted_the_process_that_has_it(tmp_path, monkeypatch):
    # Another project's program may have `selftune` in its command, too.
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: ["python", "-m", "selftune", "elsewhere"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (other,) = look_at_ports({"gateway": port}, noted_processes(tmp_path))
        note = tmp_path / ".selftune" / "gateway" / "gateway.json"
        note.parent.mkdir(parents=True)
        note.write_text("half a no")
        assert noted_processes(tmp_path) == ()
        note.write_text(json.dumps({"port": port, "pid": os.getpid(), "token": "t"}))
        (own,) = look_at_ports({"gateway": port}, noted_processes(tmp_path))
    assert (other.level, "selftune elsewhere" in other.what) == ("note", True)
    assert (own.level, "own gateway answers" in own.what) == ("ok", True)


def test_an_old_sqlite_is_kept_from_the_fault_it_has_and_named(monkeypatch):
    import sqlite3

    monkeypatch.setattr("selftune.store.dialect.sqlite_module", lambda: sqlite3)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    found = machine._sqlite()
    assert (found.level, "journal delete" in found.what) == ("note", True)
    assert "pip install pysqlite3" in found.mend


@pytest.mark.parametrize(("said", "level"), [({}, "ok"), ({"LANGGRAPH_STRICT_MSGPACK": "false"}, "note")])
def test_an_environment_that_lets_any_type_into_checkpoints_is_named(said, level):
    (found,) = machine._strictness(said)
    assert found.level == level


def test_a_project_on_a_drive_of_windows_is_found_and_none_is_made_there(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "windows_mount", lambda folder: "/mnt/c")
    levels = {finding.level for finding in look_at_windows(tmp_path, "172.23.16.1")}
    told = "\n".join(f"{finding.what} {finding.mend}" for finding in look_at_windows(tmp_path, "172.23.16.1"))
    assert "bad" in levels
    assert "http://172.23.16.1:11434/v1" in told
    monkeypatch.setattr("selftune.app.projects.windows_mount", lambda folder: "/mnt/c")
    with pytest.raises(UsageError, match="drive of Windows") as refused:
        start_project(tmp_path / "p", base=None, name="", profile=None, observer=Silent())
    assert "~/project" in refused.value.next_step
    assert list(tmp_path.iterdir()) == []


@contextmanager
def answering(status: int, body: object):
    """A fake endpoint that lists its models so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def judged_at(project, url):
    section = replace(project.config.judge, name="oracle", endpoint=url, model="wise")
    return replace(project, config=replace(project.config, judge=section))


@pytest.mark.parametrize(
    ("status", "body", "level", "word"),
    [
        (200, {"data": [{"id": "wise"}]}, "ok", "has 'wise'"),
        (200, {"data": [{"id": "other"}]}, "bad", "no model 'wise'"),
        (404, {}, "note", "lists no models"),
        (401, {}, "bad", "refuses the key"),
    ],
)
def test_a_judge_is_asked_for_its_models_and_nothing_else(project, status, body, level, word):
    with answering(status, body) as url:
        (found,) = look_at_endpoints(judged_at(project, url))
    assert found.level == level
    assert word in found.what


def test_a_judge_that_does_not_answer_or_may_not_be_asked_is_named(project):
    (away,) = look_at_endpoints(judged_at(project, "http://127.0.0.1:1/v1"))
    assert (away.level, "does not answer" in away.what) == ("bad", True)
    (elsewhere,) = look_at_endpoints(judged_at(project, "http://judge.example/v1"))
    assert "egress" in elsewhere.mend
    assert list(look_at_endpoints(project)) == []
