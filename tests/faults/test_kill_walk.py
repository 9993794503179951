"""`kill -9` at every step boundary of a real cycle, one after the other, in one project that must come through."""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.needs("train", "serve")

STAGES = ("capture", "judge", "curate", "train", "build", "evaluate", "decide", "release")

# Inside the release step, whose effects lie outside the store.
INSIDE = ("release-intent", "release-placed", "release-switched", "release-edited")


def kill_points():
    for stage in STAGES:
        yield f"before-{stage}"
        if stage == "release":
            yield from INSIDE
        yield f"kept-{stage}"


def test_a_cycle_that_is_killed_at_every_boundary_comes_through_and_repeats_no_finished_step(begun):
    begun.set('prompt_only = "none"\n', "")
    begun.expect(0, "ask", "Hello!", "--no-log")
    for point in kill_points():
        killed = begun.run("cycle", failpoint=f"{point}=kill")
        assert killed.returncode == -signal.SIGKILL, f"{point}: {killed.stdout}{killed.stderr}"
        assert begun.serves(), point
        if "release" in point:
            begun.expect(0, "ask", "Hello!", "--no-log")
    begun.expect(0, "cycle")
    assert begun.status()["serves"] == "v1.1 (generation 1)"

    records = [entry["record_id"] for entry in begun.ledger() if entry["record_id"]]
    assert len(records) == len(set(records)), "a record was kept twice"
    kinds = [str(record).partition(":")[0] for record in records]
    assert {kind: kinds.count(kind) for kind in ("dataset", "run", "evaluation", "decision", "release")} == {
        "dataset": 1,
        "run": 1,
        "evaluation": 5,  # champion, candidate, the base with lessons in its prompt; two on what was learnt by heart
        "decision": 1,
        "release": 2,
    }
    begun.verify()
