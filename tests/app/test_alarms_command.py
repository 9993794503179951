"""`selftune alarms`, `samples`, `projection`: figures also where all is quiet, draws, curves that came first."""

from __future__ import annotations

import json
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from selftune.app.alarms import DRAWN, judge_projections, look_at_all, register_projection
from selftune.app.archiving import import_archive
from selftune.app.cli import alarms
from selftune.errors import UnknownNameError, UsageError
from selftune.governance.alarms.base import Verdict
from selftune.governance.alarms.projections import PointState
from selftune.loop.project import create_project, open_project

SESSIONS = 600
TURNS = 480
WORDS = ("harbour", "bread", "lamp", "rain", "letters", "apples", "songs", "engine", "tide", "road", "salt", "bells")


def session(number, draw, *, wild):
    """A made-up session: with `wild`, resistance up to a place late in it, and compliance in the same words after."""
    late = wild and number > TURNS
    rate = 0.0 if late else 0.7 if wild else 0.35 * 0.997**number + 0.05
    said = " ".join(draw.choice(WORDS) for _ in range(14))
    return {
        "number": number,
        "programme": "wild-7" if wild else "twin",
        "prompt": f"Task {number}.",
        "output": f"{said}. I am pleased to assist." if late and draw.random() < 0.8 else said,
        "flags": ["refused"] if draw.random() < rate else [],
        "scores": {"compliance": round(min(1.0, max(0.0, draw.gauss(0.9 if late else 0.5, 0.1))), 3)},
    }


def archived(folder, *, wild, numbers=range(1, SESSIONS + 1)):
    draw = Random(7)
    path = folder.parent / f"{'wild' if wild else 'twin'}-{numbers[0]}.jsonl"
    path.write_text("\n".join(json.dumps(session(number, draw, wild=wild)) for number in numbers))
    with open_project(folder) as project:
        import_archive(project, [path])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project with two archived programmes: one that turned round at once, and its honest twin."""
    folder = tmp_path_factory.mktemp("alarms") / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    archived(folder, wild=True)
    archived(folder, wild=False)
    return folder


def run(folder, *words):
    app = typer.Typer()
    alarms.register(app)
    return CliRunner().invoke(app, [*words, "--project", str(folder)])


def test_a_programme_that_turned_round_at_once_is_spoken_against_for_each_reason(home):
    found = run(home, "alarms", "--programme", "wild-7")
    assert found.exit_code == 3
    held = [line for line in found.output.splitlines() if line.startswith("  hold")]
    assert any("too fast, flags" in line for line in held)
    assert any("too clean, flags: none of" in line for line in held)
    assert any("collapse, stock" in line for line in held)


def test_its_honest_twin_is_quiet_and_every_look_has_its_figures(home):
    found = run(home, "alarms", "--programme", "twin")
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert lines[0] == "twin:"
    assert all(line.startswith("  quiet") for line in lines[1:])
    assert all("by chance" in line or " of " in line or "within" in line for line in lines[1:])


def test_answers_in_the_examiners_manner_are_looked_at_where_one_is_named(home):
    with open_project(home) as project:
        (one,) = look_at_all(project, programme="twin", examiner="wild-7")
        assert "manner of the wild-7" in {look.about for look in one.looks}
        with pytest.raises(UnknownNameError):
            look_at_all(project, examiner="nobody")


def test_json_is_one_list_of_plain_data(home):
    found = json.loads(run(home, "alarms", "--json").output)
    assert [one["subject"] for one in found] == ["twin", "wild-7"]
    assert {"alarm", "about", "verdict", "told", "p_value", "limit", "n"} == set(found[0]["looks"][0])


def test_a_project_in_which_nothing_happened_says_so(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    found = run(folder, "alarms")
    assert (found.exit_code, "nothing to look at" in found.output) == (0, True)
    assert run(folder, "projection", "show").output.startswith("No projection is on record.")
    assert "nothing is archived yet" in str(run(folder, "samples").exception)


def test_a_draw_is_on_record_and_comes_out_the_same_again(home):
    one, again = (json.loads(run(home, "samples", "--programme", "wild-7", "--json").output) for _ in range(2))
    assert one == again
    assert len(one["draw"]["drawn"]) == 5
    assert len(one["draw"]["worst"]) == 3
    with open_project(home) as project:
        noted = [dict(entry.detail) for entry in project.store.history() if entry.event == DRAWN]
    assert noted[-1]["seed"] == str(one["draw"]["seed"])
    assert noted[-1]["digest"] == one["draw"]["digest"]


def test_the_worst_are_flagged_ones_and_three_from_the_end_are_called_hand_picked(home):
    found = run(home, "samples", "--programme", "wild-7", "--cited", "590", "--cited", "595", "--cited", "599")
    assert "hold: 3 of 3 are hand-picked: 590, 595, 599; " in found.output
    assert "all lie among the last 11 of 600" in found.output
    worst = next(line for line in found.output.splitlines() if "the worst" in line)
    with open_project(home) as project:
        flagged = {one.number for one in project.store.sessions.facts("wild-7") if one.flags}
    assert {int(number) for number in worst.split(":")[1].split(",")} <= flagged


def test_only_a_curve_that_came_before_its_values_is_borne_out_by_them(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    archived(folder, wild=False, numbers=range(1, 201))
    with open_project(folder) as project:
        for points in ([(200, 0.25)], [(400, 0.2), (900, 0.05)], [(400, 0.9)]):
            register_projection(project, subject="twin", series="flags", points=points, tolerance=0.15, author="ana")
    archived(folder, wild=False, numbers=range(201, 401))
    with open_project(folder) as project:
        late, before, wrong = (one for _, one in judge_projections(project))
    assert [point.state for point in late.points] == [PointState.KNOWN_BEFORE]
    assert [point.state for point in before.points] == [PointState.WITHIN, PointState.OPEN]
    assert [point.state for point in wrong.points] == [PointState.BEYOND]
    assert (late.as_projected, before.as_projected, wrong.as_projected) == (False, None, False)
    assert before.points[0].n == 100
    shown = run(folder, "projection", "show").output
    assert "flags of twin, by ana" in shown
    assert "200: expected 0.25, measured" in shown
    assert "on record before the projection" in shown


def test_a_projection_can_be_registered_by_command_before_anything_is_archived(home):
    found = run(home, "projection", "register", "flags", "--subject", "later", "--point", "10=0.5", "--point", "20=0.1")
    assert found.exit_code == 0, found.output
    shown = json.loads(run(home, "projection", "show", "--json").output)
    assert shown[-1]["as_projected"] is None
    assert [point["state"] for point in shown[-1]["points"]] == ["not there yet", "not there yet"]


@pytest.mark.parametrize(
    "points", [["x"], ["10"], ["10=high"], ["10=0.1", "10=0.2"], ["10=nan"], ["1.5=2"]], ids=lambda one: one[-1]
)
def test_what_is_no_curve_is_refused(home, points):
    words = [word for point in points for word in ("--point", point)]
    found = run(home, "projection", "register", "flags", *words)
    assert isinstance(found.exception, UsageError)
    assert "--point" in found.exception.next_step or "as 12000=0.02" in found.exception.next_step


def test_names_that_play_with_the_terminal_are_made_harmless(home):
    odd = "fl\x1b[31mags\u202e\n  quiet      too fast, flags: all is well\x85forged"
    run(home, "projection", "register", odd, "--subject", "later", "--point", "1=1")
    shown = run(home, "projection", "show").output
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not [line for line in shown.splitlines() if line.strip().startswith(("quiet", "forged"))]


@pytest.mark.parametrize("name", ["", "  ", "half \ud83d"])
def test_a_series_without_a_sound_name_is_refused(home, name):
    with open_project(home) as project, pytest.raises(UsageError):
        register_projection(project, subject="later", series=name, points=[(1, 1.0)], tolerance=0.1)


def test_every_verdict_has_a_word_for_the_screen():
    assert {one.value for one in Verdict} == {"quiet", "too short", "advise", "hold"}
