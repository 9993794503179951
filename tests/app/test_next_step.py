"""What a person is told to type next, by where the project stands."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from selftune.app.lifting import put_stay
from selftune.app.next_step import next_step, under_way
from selftune.app.summary import status_summary
from selftune.governance.brake.at_work import at_work
from selftune.loop.under_way import FOLDER
from selftune.records import Decision, Outcome, Release, StatementKind

READ = "selftune import FILE, or selftune ask"


@pytest.fixture
def somebody_at_work(released):
    """Another process that says it trains here: a sleeper under a note like that of a night."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with at_work(released.hidden):
            (own,) = (released.hidden / "at_work").glob("*.json")
            told = json.loads(own.read_text()) | {"started": psutil.Process(sleeper.pid).create_time()}
        (released.hidden / "at_work" / f"{sleeper.pid}-x.json").write_text(json.dumps(told))
        (released.hidden / FOLDER).mkdir(exist_ok=True)
        note = {"pid": sleeper.pid, "stage": "train", "done": 25, "total": 100, "began": 0, "noted": 2_000_000_000}
        (released.hidden / FOLDER / f"{sleeper.pid}.json").write_text(json.dumps(note | {"began": 1_999_999_880}))
        yield released
    finally:
        sleeper.kill()
        sleeper.wait()


def decided(project, said):
    """A decision that promoted nothing and says what to do."""
    project.store.save(
        [
            Decision(
                outcome=Outcome.INCONCLUSIVE, reason="Not sure.", checks=(), arms=(), policy="small",
                policy_digest="sha256:p", build_id=project.store.last(Release).build_id, run_id=None, difference=None,
                interval=None, n=0, next_step=said,
            )
        ],
        event="decided by a test",
    )  # fmt: skip


def test_a_project_in_which_nothing_serves_is_made_first(project):
    assert next_step(project, new=9).startswith("selftune init")


def test_with_nothing_new_it_asks_for_something_to_learn_from(released):
    assert next_step(released, new=0) == READ
    assert next_step(released, new=3) == "selftune cycle"


def test_a_gate_that_is_not_sure_says_itself_what_would_help_until_something_new_is_there(released):
    decided(released, "selftune pick: 20 pairs would settle it")
    assert next_step(released, new=0) == "selftune pick: 20 pairs would settle it"
    assert next_step(released, new=3) == "selftune cycle"


def test_what_is_frozen_waits_for_a_lift_and_a_hold_of_promotions_stops_nothing(released):
    put_stay(released, StatementKind.HOLD, "I am on holiday")
    assert next_step(released, new=3) == "selftune cycle"
    put_stay(released, StatementKind.FREEZE, "something odd came in")
    assert next_step(released, new=3) == 'selftune lift freeze --because "..."'
    told = status_summary(released)
    assert told["next"] == 'selftune lift freeze --because "..."'
    assert "odd" not in told["next"]


def test_work_that_is_under_way_is_waited_for(somebody_at_work):
    assert under_way(somebody_at_work) == "train, 25 of 100, about 6 min left"
    assert next_step(somebody_at_work, new=3).startswith("wait for it")
