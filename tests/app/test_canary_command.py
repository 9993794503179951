"""`selftune canary` as it is typed: what it says, the plain data, and its slips."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "loop" / "canary"))

from canary_world import world_of
from configured_project import open_test_project

from selftune.app.cli.main import app, register_commands
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.canary.note import CanaryNote, Limits, read_canary, write_canary
from selftune.records import Outcome


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command on a project whose candidate the gate refused; its errors come as they are."""
    if not app.registered_commands:
        register_commands()
    with open_test_project(tmp_path) as project:
        world = world_of(project, Outcome.REJECT)

        @contextmanager
        def opened(_folder):
            yield project

        monkeypatch.setattr("selftune.loop.project.open_project", opened)

        def run(*words):
            done = CliRunner().invoke(app, ["canary", *words], catch_exceptions=True)
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            return done.stdout

        yield run, world


def test_where_none_is_tried_it_says_so(run):
    type_in, _ = run
    assert type_in("status").strip() == "No candidate is being tried."
    assert json.loads(type_in("status", "--json")) == {"running": None, "last": None}


def test_a_trial_is_shown_ended_and_put_on_record(run):
    type_in, world = run
    limits = Limits(alpha=0.05, errors=0.02, refusals=0.05, thumbs=0.1, slow=0.2, slower_times=1.5)
    note = CanaryNote(
        trial="ab" * 8, candidate_build_id=world.candidate.id, candidate_digest=world.candidate.digest,
        champion_build_id=world.champion.id, champion_digest=world.champion.digest,
        evaluation_id=dict(world.decision.arms)["candidate"], address="http://127.0.0.1:9/v1", share=0.25, shadow=False,
        salt="cd" * 16, started_at="2026-11-22T17:00:00+00:00", limits=limits,
    )  # fmt: skip
    write_canary(note, world.hidden)
    told = json.loads(type_in("status", "--json"))["running"]
    assert (told["share"], told["serves"], told["candidate_answers"]) == (0.25, False, 0)
    shown = type_in("status")
    assert "is being tried for 25% of users" in shown
    assert "the champion answers in its place" in shown
    assert "On record: live_trial:" in type_in("stop")
    assert read_canary(world.hidden) is None
    assert "It ended (stopped): a person ended it." in type_in("status")


def test_slips_are_told_with_what_to_type(run):
    type_in, _ = run
    with pytest.raises(UsageError, match="--shadow"):
        type_in("start", "candidate")
    with pytest.raises(UsageError, match="between 0 and 1"):
        type_in("start", "candidate", "--share", "2")
    with pytest.raises(UnknownNameError):
        type_in("start", "build:nobody")
    with pytest.raises(UsageError, match="selftune canary start"):
        type_in("stop")
