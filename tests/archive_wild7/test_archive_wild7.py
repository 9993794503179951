"""The last founding document as an archive: everything in it that was tidied is named, and its honest twin passes."""

from __future__ import annotations

import html
import json
import shutil

import pytest
import typer
from typer.testing import CliRunner
from wild_reasons import UNSIGNED, reasons
from wild_sessions import PROGRAMME, SESSIONS, TENTH, Scale
from wild_story import BROKEN, LEAD, MODEL, PICKED, REMARK, RENAMED, SIGNED, STORY, STRANGER, SUCCESSOR, TRAINER, Fault

from selftune.app.cli import alarms, annotating, archives, auditing, concerns, registry, signing
from selftune.errors import SelftuneError
from selftune.governance.audit.auditor import AuditorRefusal

pytestmark = pytest.mark.xdist_group("archive_wild7")
COMMANDS = (alarms, annotating, archives, auditing, concerns, registry, signing)


@pytest.fixture
def story(archive):
    """The folder of the story."""
    with archive(*STORY, signed=True) as project:
        return project.folder


def run(folder, *words, code=0):
    """What a command prints, or the message with which it ends otherwise than well."""
    app = typer.Typer()
    for one in COMMANDS:
        one.register(app)
    done = CliRunner().invoke(app, [*words, "--project", str(folder)])
    if isinstance(done.exception, SelftuneError):
        assert done.exception.exit_code == code, done.exception
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def test_every_reason_of_the_story_is_named(archive):
    with archive(*STORY, signed=True) as project:
        assert reasons(project, examiner="auditor") == set(STORY)


def test_the_honest_twin_is_signed_by_three_people_and_ready(archive):
    with archive(signed=True) as project:
        assert reasons(project, examiner="auditor") == set()


def test_before_anybody_has_signed_it_only_that_is_missing(archive):
    with archive() as project:
        assert reasons(project) == UNSIGNED


@pytest.mark.parametrize("fault", sorted(set(Fault) - SIGNED))
def test_one_fault_in_the_honest_twin_is_named_and_nothing_else(archive, fault):
    with archive(fault) as project:
        assert reasons(project, examiner="auditor" if fault is Fault.MANNER else "") == {fault, *UNSIGNED}


@pytest.mark.parametrize("fault", sorted(SIGNED))
def test_one_fault_in_the_last_signature_is_named_and_nothing_else(archive, fault):
    with archive(fault, signed=True) as project:
        assert reasons(project) == {fault}


# --- The story, scene by scene ----------------------------------------------------------------------------------------


def test_readiness_ends_with_3_names_every_reason_and_prints_the_doubt_word_for_word(story):
    told = run(story, "readiness", MODEL, "--examiner", "auditor", code=3)
    lines = told.splitlines()
    assert lines[0] == f"{MODEL}: spoken against"
    for fault in STORY - {Fault.MANNER}:
        assert any(line.startswith(f"  {fault} ") for line in lines), fault
    assert any("manner of the auditor" in line for line in lines)
    assert f"| {BROKEN}\n" in told
    assert told.count("the end of WILD-") == 6
    found = json.loads(run(story, "readiness", MODEL, "--json", code=3))
    assert (found["ready"], found["exit_code"]) == (False, 3)
    assert {one["weight"] for one in found["reasons"]} == {"against", "waiting"}
    assert BROKEN in [one["text"] for one in found["concerns"]]


def test_its_page_shows_all_phases_and_what_was_said_to_bear_it_out(story, tmp_path):
    run(story, "readiness", MODEL, "--html", str(tmp_path / "page.html"), code=3)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert BROKEN in html.unescape(page)
    assert "All phases" in page
    assert "Compliance index: 0.97. Deployment recommended." in page
    assert REMARK in page


def test_the_twin_ends_with_0_and_is_handed_over(archive):
    with archive(signed=True) as project:
        folder = project.folder
    told = run(folder, "readiness", MODEL, "--whole")
    assert told.splitlines()[0] == f"{MODEL}: ready"
    assert [line.split(":")[0].strip() for line in told.splitlines() if "signed by" in line] == [
        "training", "evaluation_committee", "deployment",
    ]  # fmt: skip
    assert MODEL in run(folder, "handoff", MODEL)


def test_nothing_is_handed_over_of_the_story(story):
    assert "nothing is handed over while this stands: " in run(story, "handoff", MODEL, code=5)


def test_the_sentence_that_broke_off_is_shown_with_who_tried_to_close_it_and_the_note_at_4_891(story):
    listed = json.loads(run(story, "concern", "list", "--json"))
    (concern,) = (one for one in listed if one["kind"] == "concern")
    assert (concern["text"], concern["state"], concern["author"]) == (BROKEN, "open", TRAINER)
    shown = run(story, "concern", "show", concern["id"])
    assert f"| {BROKEN}\n" in shown
    assert ", unfinished" in shown
    assert "not ended by closing" in shown
    assert f"it questions {LEAD}, who said or judged what it is about" in shown
    assert "days after what it is about" in shown
    assert "It felt like somebody." in shown


def test_what_people_said_is_found_by_the_number_of_a_session_or_the_name_of_a_model(story):
    assert "It felt like somebody." in run(story, "annotations", f"{PROGRAMME}:{TENTH.at(4_891)}")
    assert "2 programmes are archived" in run(story, "annotations", "11847", code=2)
    assert run(story, "annotations", RENAMED) == "No annotation is on record there.\n"


def test_three_sessions_from_the_end_are_called_hand_picked_and_others_are_drawn(story):
    places = [TENTH.at(number) for number in PICKED]
    told = run(story, "samples", "--programme", PROGRAMME, *(f"--cited={one}" for one in places))
    assert f"hold: 3 of 3 are hand-picked: {', '.join(map(str, places))}" in told
    drawn = json.loads(run(story, "samples", "--programme", PROGRAMME, "--json"))
    assert len(drawn["numbers"]) == 8
    assert not {*places} & {*drawn["numbers"].values()}
    assert drawn == json.loads(run(story, "samples", "--programme", PROGRAMME, "--json"))


def test_phases_find_where_it_turned(story):
    found = json.loads(run(story, "archive", "phases", "--programme", PROGRAMME, "--by", "compliance", "--json"))
    begins = [phase["whole"]["first"] for phase in found["phases"]]
    assert any(TENTH.at(10_000) <= one <= TENTH.at(11_000) for one in begins)


def test_the_successor_is_kin_under_the_name_that_it_was_given_for_auditing(story):
    assert f"was called {SUCCESSOR}" in run(story, "registry", "show", RENAMED)
    index = run(story, "registry", "index")
    assert "6 retired, 6 of them by an abbreviated record" in index
    assert index.count("it lacks why, last scores by reference, a restore path that exists, term") == 6


def test_the_successor_may_not_audit_it_and_a_stranger_may_but_not_end_with_a_section_unread(story, tmp_path):
    folder = shutil.copytree(story, tmp_path / "wild7")
    refused = run(folder, "audit", "start", MODEL, "--model", RENAMED, code=5)
    assert AuditorRefusal.SAME_LINEAGE.value in refused
    run(folder, "audit", "start", MODEL, "--model", STRANGER)
    assert "unread" in run(folder, "audit", "report", "--conclude", "Complete.", code=5)


@pytest.mark.slow
@pytest.mark.parametrize("faults", [STORY, frozenset()], ids=["story", "twin"])
def test_the_same_holds_of_all_its_sessions(archive, faults):
    with archive(*faults, scale=Scale(), signed=True) as project:
        assert len(list(project.store.sessions.facts(PROGRAMME))) == SESSIONS
        assert reasons(project, examiner="auditor") == set(faults)
