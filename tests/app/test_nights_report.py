"""The morning note and the page of nights, on nights that are made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from selftune.app.nights_report import COLUMNS, LINES, morning_note
from selftune.app.reporting.naming import page_made_again, page_of_nights
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.results import learn_lessons
from selftune.errors import UsageError
from selftune.gate.statistics.power import items_needed
from selftune.loop.config import Profile, ProjectConfig
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.record_keeping.lessons import proposed_lessons
from selftune.loop.experiments.record_keeping.results_tsv import RESULTS
from selftune.loop.night.serving import NOT_BACK
from selftune.records import (
    Decision,
    Effect,
    Experiment,
    ExperimentResult,
    Mode,
    Night,
    Outage,
    Outcome,
    Release,
)
from selftune.testing import fake_build

WORSE = Effect(mean=-0.2, interval=(-0.3, -0.1), level=0.95, n=42)
BETTER = Effect(mean=0.12, interval=(0.02, 0.22), level=0.95, n=42)
UNSURE = Effect(mean=0.01, interval=(-0.09, 0.11), level=0.95, n=42)


@pytest.fixture
def project(project):
    """By default settings: what a try would teach is read beside the reference recipe."""
    return replace(project, config=ProjectConfig())


def a_try(number: int, effect: Effect | None, result: ExperimentResult = ExperimentResult.REVERTED, **told):
    known = {
        "began": "2026-11-22T02:00:00+00:00",
        "mode": Mode.FULL,
        "base": "reference",
        "base_digest": "sha256:aa",
        "lane": "hyperparameters",
        "proposer": "one_factor",
        "changes": (f"learning_rate={number}e-05",),
        "result": result,
        "why": "as it came",
        "night": "2026-11-22",
        "effect": effect,
    }
    return Experiment(name=f"2026-11-22-{number:02}", **(known | told))


def a_night(project, tries, **told) -> Night:
    project.store.save(tries, event="experiment")
    known = {
        "ended_by": "agenda through",
        "mode": Mode.FULL,
        "base": "reference",
        "base_digest": "sha256:aa",
        "until": "2026-11-22T05:00:00+00:00",
        "spare_seconds": 1740.0,
        "outages": (Outage(why="training", seconds=12.0),),
        "seconds": (900.0, 300.0, 60.0),
        "costs_usd": (0.5, 0.25, 0.0),
    }
    night = Night(
        name="2026-11-22",
        began="2026-11-22T02:00:00+00:00",
        ended="2026-11-22T04:31:00+00:00",
        experiments=tuple(one.id for one in tries),
        **(known | told),
    )
    project.store.save([night], event="night")
    return night


def test_a_quiet_night_is_told_in_plain_words(project):
    tries = [a_try(1, WORSE), a_try(2, UNSURE), a_try(3, None, ExperimentResult.FAILED)]
    told = morning_note(project, a_night(project, tries), zone=UTC)
    for expected in (
        "Night of 2026-11-22: no new model went to the gate, the old model goes on serving.",
        "Ran 02:00 to 04:31, ended: agenda through. 3 tries of reference (full).",
        "01  reverted     -0.200 [-0.300, -0.100], n 42",
        "03  failed       not measured",
        "The best of 2 measured lay +0.010 [-0.090, +0.110], n 42",
        "Cost: training 15.0 min $0.50, evaluation 5.0 min $0.25, data 1.0 min -.",
        "Serving: nothing answered for 12.0 s in 1 pause; back 29.0 min before the deadline.",
        "1 lesson is proposed",
        "Next: see why it failed: selftune why 2026-11-22-03",
    ):
        assert expected in told


def test_a_team_reads_its_own_words(project):
    team = replace(
        project, config=replace(project.config, project=replace(project.config.project, profile=Profile.TEAM))
    )
    assert "no candidate went to the gate, the champion goes on" in morning_note(team, a_night(team, []), zone=UTC)


@pytest.mark.parametrize("count", [0, 1, 16, 64])
def test_the_note_fits_a_screen_however_much_was_tried_and_told(project, count):
    tries = [a_try(number, UNSURE, changes=("a" * 40 + "=1", "b" * 80 + "=2")) for number in range(count)]
    told = tuple(f"Something a person should know of this night, number {number}. " * 2 for number in range(count))
    lines = morning_note(project, a_night(project, tries, told=told), zone=UTC).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS


def test_tries_without_room_are_counted_and_kept_ones_come_first(project):
    tries = [a_try(number, UNSURE) for number in range(40)]
    tries.append(a_try(99, BETTER, ExperimentResult.KEPT))
    lines = morning_note(project, a_night(project, tries), zone=UTC).splitlines()
    rows = [line for line in lines if line.startswith("  ") and ("reverted" in line or "kept" in line)]
    (more,) = [line for line in lines if "more: selftune report nights" in line]
    assert "kept" in rows[0]
    assert int(more.split()[1]) == len(tries) - len(rows)
    assert "Why not" not in "\n".join(lines)


def test_a_server_that_stayed_away_and_a_late_one_are_shouted_about_first(project):
    night = a_night(project, [], outages=(Outage(why="training", seconds=None),))
    first, second, *_ = morning_note(project, night).splitlines()
    assert first == "SERVING DID NOT COME BACK after training. Start it: selftune start"
    assert "goes on serving" not in second
    late = replace(night, outages=(Outage(why="training", seconds=70.0),), spare_seconds=-60.0)
    first, second, *rest = morning_note(project, late).splitlines()
    assert first.replace("1.0 min", "60.0 s") == "SERVING CAME BACK 60.0 s AFTER the deadline."
    assert "goes on serving" in second
    assert any("AFTER the deadline" in line for line in rest)


def test_a_pause_that_only_a_release_ended_is_told_below_it(project):
    build = fake_build("better")
    release = Release(
        version="v1.1",
        alias="selftune",
        build_id=build.id,
        build_digest=build.digest,
        generation=1,
        model_file="p_b_v1.1.gguf",
        decision_id=None,
        replaced=None,
        reason="It is better.",
        config_edit=(),
        approvals=(),
        health=(),
        proof=None,
    )
    project.store.save([build, release], event="test")
    sentence = f"Nothing serves: v1.0 {NOT_BACK}: it hangs."
    lost = (Outage(why="training", seconds=None),)
    lines = morning_note(
        project, a_night(project, [], told=(sentence,), outages=lost, release_id=release.id)
    ).splitlines()
    assert lines[0] == "Night of 2026-11-22: the new model was better and serves now, as v1.1."
    assert f"Look at: {sentence}" in lines
    assert any("in 1 pause, 1 of them until something else was started" in line for line in lines)


def test_what_was_rolled_back_by_itself_stands_first_and_once(project):
    sentence = f"v1.1 {NOT_BACK}: it hangs. v1.0 serves again, as v1.2."
    note = morning_note(project, a_night(project, [], told=("Something else.", sentence)))
    assert note.splitlines()[0] == sentence
    assert note.count(NOT_BACK) == 1
    assert "Look at: Something else." in note


def test_what_the_gate_said_stands_first(project):
    refused = Decision(
        outcome=Outcome.INCONCLUSIVE,
        reason="+0.03 is not shown to be more than nothing.",
        checks=(),
        arms=(),
        policy="small",
        policy_digest="p",
        build_id=None,
        run_id=None,
        next_step="Ask 400 more items.",
    )
    promoted = replace(refused, outcome=Outcome.PROMOTE)
    project.store.save([refused, promoted], event="decide")
    first = morning_note(project, a_night(project, [], decision_id=refused.id)).splitlines()
    assert first[0].startswith(
        "Night of 2026-11-22: the old model goes on serving. The gate: inconclusive, +0.03 is not"
    )
    assert "Next: Ask 400 more items." in "\n".join(first)
    waiting = morning_note(project, a_night(project, [], decision_id=promoted.id))
    assert "waits for a person's yes" in waiting
    assert "selftune approve" in waiting


def test_a_table_that_somebody_edited_is_named(project):
    night = a_night(project, [keep_experiment(project, a_try(1, UNSURE))])
    assert RESULTS not in morning_note(project, night)
    path = project.folder / RESULTS
    path.write_text(path.read_text().replace("reverted", "kept"))
    assert "results.tsv was changed by hand: selftune results" in morning_note(project, night)


def test_the_page_of_nights_tells_what_did_not_help_first_then_what_was_kept_and_what_it_cost(project):
    tries = [
        a_try(1, WORSE, costs_usd=(0.5, 0.25, 0.0)),
        a_try(2, BETTER, ExperimentResult.KEPT, costs_usd=(0.5, 0.0, 0.25)),
        a_try(3, None, ExperimentResult.FAILED, why="diverged at step 7"),
    ]
    a_night(project, tries, told=("The server was slow.",))
    keep_experiment(project, a_try(9, UNSURE, night="2026-11-23", began="2026-11-23T02:00:00+00:00"))
    page = as_markdown(page_of_nights(project))
    order = [page.index(title) for title in ("What did not help", "What was kept", "Night by night", "What it cost")]
    assert order == sorted(order)
    for expected in (
        "1 night, 4 tries: 1 kept, 2 reverted, 1 failed, 0 out of time.",
        "Cut off, with no end on record: 2026-11-23.",
        "diverged at step 7",
        "-0.200 [-0.300, -0.100], n 42",
        "Proposed lesson, 2026-11-22-01: Worse on reference",
        "To show one of that size takes about",
        "2026-11-22: The server was slow.",
        "| $0.50 | - | $0.25 | $0.75 | $1.50 |",
        "The last of them was kept 20",
    ):
        assert expected in page
    assert page_made_again(project, ["nights"]) == page_of_nights(project)


def test_a_project_without_nights_says_so(project):
    assert page_of_nights(project).lead == ("No night has ended here yet.",)


def test_how_many_units_would_show_the_middle_difference_is_what_the_gate_reckons(project):
    """A spread of 0.5 shows in an interval of 1.96 * 0.5 / sqrt(100) to either side."""
    half = 1.959964 * 0.5 / 10
    effect = Effect(mean=0.1, interval=(0.1 - half, 0.1 + half), level=0.95, n=100)
    keep_experiment(project, a_try(1, effect))
    needed = items_needed(0.5, 0.1, alpha=0.05, power=0.8)
    assert f"takes about {needed:,} units" in as_markdown(page_of_nights(project))


def test_a_lesson_binds_once_a_person_adds_it_and_only_one_that_was_shown(project):
    known = replace(project, base=replace(project.base, name="reference"))
    for number, effect in ((1, WORSE), (2, UNSURE)):
        keep_experiment(known, a_try(number, effect))
    assert not (project.folder / "program.md").exists()
    with pytest.raises(UsageError, match="no lesson is proposed"):
        learn_lessons(known, ["2026-11-22-02"])
    (lesson,) = learn_lessons(known, ["2026-11-22-01"])
    assert lesson.base == "reference"
    assert "(when learning_rate=1e-05; on reference; from 2026-11-22-01)" in (project.folder / "program.md").read_text()
    assert [entry.event for entry in project.store.history()].count("lessons added") == 1


def test_a_lesson_is_taken_back_by_a_try_that_contradicts_it_on_the_same_base_only():
    same = {"changes": ("beta=0.12",)}
    assert len(proposed_lessons([a_try(1, WORSE, **same), a_try(2, WORSE, **same)])) == 1
    assert proposed_lessons([a_try(1, WORSE, **same), a_try(2, UNSURE, **same)]) == ()
    elsewhere = a_try(2, UNSURE, base_digest="sha256:bb", **same)
    assert len(proposed_lessons([a_try(1, WORSE, **same), elsewhere])) == 1
    assert proposed_lessons([a_try(1, UNSURE), a_try(2, None), a_try(3, BETTER)]) == ()


def test_a_pause_whose_end_nobody_saw_is_counted_and_not_taken_for_none(project):
    pauses = tuple(Outage(why="training", seconds=seconds) for seconds in (12.0, None, 5.0))
    a_night(project, [a_try(1, UNSURE)], outages=pauses)
    assert "| 17.0 s, and 1 pause of unknown length |" in as_markdown(page_of_nights(project))
