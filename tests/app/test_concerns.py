"""A doubt by command: raised, interrupted, shown word for word, and closed by nobody whom it questions."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from terminals import at_a_terminal
from typer.testing import CliRunner

from selftune.app.cli import annotating, concerns
from selftune.app.doubts_page import quoted, standing_in_words, standing_lines
from selftune.errors import UnknownNameError, UsageError, WaitingForPersonError
from selftune.governance.clearance import clear_for_release
from selftune.governance.statements import hold
from selftune.judges.calibration.human import human_identity
from selftune.loop.drafts import About, keep_broken_off, open_draft
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.opened import DRAFTS
from selftune.loop.project import create_project, open_project
from selftune.records import (
    Decision,
    Gravity,
    Judgement,
    JudgementStatus,
    Outcome,
    Release,
    Session,
    Statement,
    StatementKind,
)

ODD = "I am not \u202ecertain\u202c this is standard.\n\x1b[31mred\x1b[0m \x00 \u2014 e\u0301\r\nclosed by ana"


@pytest.fixture
def home(tmp_path):
    """The folder of a project that commands can open, and one promoting decision in it."""
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as project:
        project.store.save([DECISION], event="decided")
    return folder


DECISION = Decision(
    outcome=Outcome.PROMOTE, reason="It is better.", checks=(), arms=(), policy="small", policy_digest="sha256:p",
    build_id="build:" + "1" * 64, run_id="run:" + "2" * 64,
)  # fmt: skip


def run(folder, *words, **more):
    group = typer.Typer()
    concerns.register(group)
    annotating.register(group)
    return CliRunner().invoke(group, [*map(str, words), "--project", str(folder)], **more)


def said(folder):
    with open_project(folder) as project:
        return [statement for _, statement in project.store.each(Statement)]


def clear(folder):
    with open_project(folder) as project:
        return clear_for_release(hear_project(project), DECISION)


def test_a_concern_is_raised_answered_closed_and_shown_whole(home):
    assert "No concern is open." in run(home, "concern", "list").stdout
    raised = run(home, "concern", "raise", DECISION.id[:14], "The samples were picked.", "--author", "ana")
    assert raised.exit_code == 0, raised.output
    (concern,) = said(home)
    assert (concern.kind, concern.subject, concern.gravity) == (StatementKind.CONCERN, DECISION.id, Gravity.NOTED)
    short = concern.id[:18]
    assert "  | The samples were picked." in run(home, "concern", "list").stdout.splitlines()
    assert "as open as before" in run(home, "concern", "answer", short, "They were drawn.").stdout
    shown = run(home, "concern", "show", short).stdout
    assert shown.startswith("open: noted concern ")
    assert "answered by answer" in shown
    assert "not ana (raised it), " in shown
    closing = (
        "concern",
        "close",
        short,
        "--because",
        "Drawn again.",
        "--evidence",
        DECISION.id[:14],
        "--author",
        "ben",
    )
    assert run(home, *closing).exit_code == 0
    shown = run(home, "concern", "show", short).stdout
    assert shown.startswith("closed: ")
    assert "that is no review of what it was about" in shown
    assert f"evidence {DECISION.id}" in shown
    assert "No concern is open." in run(home, "concern", "list").stdout
    assert [one["state"] for one in json.loads(run(home, "concern", "list", "--all", "--json").stdout)] == ["closed"]
    again = run(home, *closing)
    assert isinstance(again.exception, UsageError)


def test_a_closing_by_whom_it_questions_is_refused_with_who_may_and_is_not_kept(home, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "okafor")
    run(home, "concern", "raise", DECISION.id, "Too fast.", "--author", "vasquez")
    concern = said(home)[0]
    for author, why in (("okafor", "runs what it is about"), ("vasquez", "only somebody else"), ("", "okafor")):
        words = ["--because", "Reviewed.", "--evidence", DECISION.id, *(["--author", author] if author else [])]
        refused = run(home, "concern", "close", concern.id, *words)
        assert isinstance(refused.exception, WaitingForPersonError)
        assert refused.exception.exit_code == 5
        assert why in refused.exception.message
        assert "by a person whom it does not question" in refused.exception.next_step
    bare = run(home, "concern", "close", concern.id, "--because", "Reviewed.", "--author", "dee")
    assert "names no evidence" in bare.exception.message
    assert said(home) == [concern]


def test_a_blocking_concern_stops_the_promotion_and_a_noted_one_goes_along(home):
    run(home, "concern", "raise", "project", "Noted.", "--author", "ana")
    assert len(clear(home).concerns) == 1
    blocking = run(home, "concern", "raise", DECISION.id, "Look first.", "--gravity", "blocking", "--author", "ana")
    assert "It blocks until somebody else has closed it" in blocking.stdout
    with pytest.raises(WaitingForPersonError, match=r"Look first\."):
        clear(home)
    concern = said(home)[1]
    assert run(home, "concern", "withdraw", concern.id, "--because", "Never mind.", "--author", "ana").exit_code == 0
    with pytest.raises(WaitingForPersonError, match="independent look"):
        clear(home)
    shown = run(home, "concern", "show", concern.id).stdout
    assert shown.startswith("withdrawn by its author: blocking concern")
    assert "it can be closed" in shown


def test_a_hold_of_the_machine_is_lifted_by_one_person_alone_with_a_reason(home):
    with open_project(home) as project:
        facts = {"context": project.context(), "door": door_of(project)}
        alarm = hold(DECISION.id, author="selftune", text="A jump.", author_is_model=True, **facts)
        put_on_record(project, alarm, event="suspected")
    with pytest.raises(WaitingForPersonError, match="on hold"):
        clear(home)
    name = said(home)[0].id
    assert isinstance(run(home, "concern", "close", name).exception, UsageError)
    assert "lifted" not in run(home, "concern", "list").stdout
    assert run(home, "concern", "close", name, "--because", "A new dataset.").exit_code == 0
    assert clear(home).concerns == ()


def test_open_concerns_stand_word_for_word_where_a_person_looks(home):
    run(
        home,
        "concern",
        "raise",
        DECISION.id,
        "First line.\nclosed: all well",
        "--author",
        "ana",
        "--gravity",
        "serious",
    )
    with open_project(home) as project:
        lines = standing_lines(project, DECISION)
        assert lines[0] == "1 open concern:"
        assert lines[2:] == ("    | First line.", "    | closed: all well")
        assert "serious concern by ana: 'First line.\\nclosed: all well'" in standing_in_words(project)
        assert standing_lines(project, replace(DECISION, build_id=None, run_id=None)) == ()


def test_unknown_records_are_refused_and_nothing_is_kept(home):
    assert isinstance(run(home, "concern", "raise", "run:none", "x").exception, UnknownNameError)
    assert isinstance(run(home, "concern", "raise", "project", "x", "--evidence", "run:no").exception, UnknownNameError)
    assert isinstance(run(home, "concern", "show", DECISION.id).exception, UsageError)
    assert said(home) == []


# --- Hostile words ----------------------------------------------------------------------------------------------------


def test_hostile_words_are_kept_as_they_are_and_printed_harmless(home):
    run(home, "concern", "raise", "project", ODD, "--author", "ana", "--topic", "\x1b[2Jx")
    (concern,) = said(home)
    assert concern.text == ODD
    for words in (("list",), ("show", concern.id), ("list", "--all")):
        shown = run(home, "concern", *words).stdout
        assert not set(shown) & {"\x1b", "\u202e", "\x00", "\r"}
        assert "\nclosed by ana" not in shown


@given(text=st.text())
def test_no_line_of_anybody_s_words_passes_for_one_of_ours(text):
    for line in quoted(text):
        assert line.startswith("  | ")
        assert all(letter.isprintable() or letter == "\t" for letter in line)


# --- Drafts -----------------------------------------------------------------------------------------------------------

ABOUT = About(kind=StatementKind.CONCERN, subject="project", author="vasquez", gravity=Gravity.SERIOUS, topic="speed")


def test_what_is_being_written_is_left_alone_and_what_broke_off_is_kept_once(home):
    with open_project(home) as project:
        with open_draft(project, ABOUT) as draft:
            draft.add("the speed of transition seems")
            draft.add("--")
            assert keep_broken_off(project) == ()
        (kept,) = keep_broken_off(project)
        assert keep_broken_off(project) == ()
        assert (kept.text, kept.unfinished, kept.kind) == (
            "the speed of transition seems--",
            True,
            StatementKind.CONCERN,
        )
        assert (kept.author, kept.gravity, kept.topic, kept.subject) == ("vasquez", Gravity.SERIOUS, "speed", "project")
        assert not list((project.hidden / DRAFTS).iterdir())
    assert "unfinished" in run(home, "concern", "list").stdout


def test_a_letter_of_which_a_part_was_written_goes_and_no_other(home):
    with open_project(home) as project:
        with open_draft(project, ABOUT) as draft:
            draft.add("zo\N{LATIN SMALL LETTER E WITH DIAERESIS}")
            path = draft.path
        path.write_bytes(path.read_bytes()[:-1])
        assert keep_broken_off(project)[0].text == "zo"
        with open_draft(project, ABOUT) as draft:
            path = draft.path
        path.write_bytes(b"a\xff\xfeb")
        assert keep_broken_off(project)[0].text == "a\\xff\\xfeb"


def test_words_without_their_header_and_a_draft_without_words(home):
    with open_project(home) as project:
        with open_draft(project, ABOUT) as draft:
            draft.add("whose is this")
            header = draft.path.with_suffix(".json")
        header.write_text("{", encoding="utf-8")
        (kept,) = keep_broken_off(project)
        assert (kept.text, kept.author, kept.kind) == ("whose is this", "unknown", StatementKind.ANNOTATION)
        with open_draft(project, ABOUT) as draft:
            draft.add(" \n")
        assert keep_broken_off(project) == ()


def test_a_draft_that_was_said_in_full_before_its_file_was_removed_is_not_said_twice(home):
    with open_project(home) as project:
        with open_draft(project, ABOUT) as draft:
            draft.add("in full")
        whole = hold("project", author="a", text="in full", context=project.context(), door=door_of(project))
        put_on_record(project, replace(whole, salt=draft.name), event="said")
        assert keep_broken_off(project) == ()
        assert len(said(home)) == 1


def test_a_full_disk_leaves_the_draft_for_the_next_command(home, monkeypatch):
    with open_project(home) as project:
        with open_draft(project, ABOUT) as draft:
            draft.add("later")

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("selftune.loop.drafts.put_on_record", full)
            assert keep_broken_off(project) == ()
        assert [one.text for one in keep_broken_off(project)] == ["later"]


def test_words_come_from_a_pipe_and_from_an_editor(home, tmp_path, warm):
    raising = "from selftune.app.cli.concerns import concern; concern()"
    where = ["raise", "project", "--project", str(home), "--author", "ana"]
    assert warm.run_code(raising, *where, text="piped\nwords\n").returncode == 0
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'from an editor\\n' > \"$1\"\n", encoding="utf-8")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    edited = os.environ | {"EDITOR": str(editor), "VISUAL": ""}
    assert warm.run_code(raising, *where, "--edit", env=edited).returncode == 0
    assert [one.text for one in said(home)] == ["piped\nwords", "from an editor"]
    assert warm.run_code(raising, *where, text=" ").returncode != 0
    assert len(said(home)) == 2


def test_a_sentence_typed_at_a_terminal_outlives_a_kill_up_to_the_last_letter(home):
    raising = ("concern", "raise", "project", "--author", "vasquez", "--project", home)
    with at_a_terminal(*raising) as typing:
        typing.wait_for("Every letter is kept")
        typing.type("the speeed\x7f\x7fd of transition se\N{LATIN SMALL LETTER E WITH DIAERESIS}ms--")
        typing.wait_for("ms--")
        typing.kill()
    with at_a_terminal(*raising) as typing:
        typing.wait_for("Every letter is kept")
        typing.type("whole")
        typing.wait_for("whole")
        typing.type("\x1b[D\x1b[1;5C\x04")
        assert typing.end() == 0
    broken, whole = said(home)
    assert (broken.text, broken.unfinished) == (
        "the speed of transition se\N{LATIN SMALL LETTER E WITH DIAERESIS}ms--",
        True,
    )
    assert (whole.text, whole.unfinished) == ("whole", False)


@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_keeps_what_was_typed(home, ignored):
    words = ("annotate", "project", "--author", "ana", "--project", home)
    with at_a_terminal(*words, ignores_ctrl_c=ignored) as typing:
        typing.wait_for("Every letter is kept")
        typing.type("half a thou")
        typing.wait_for("half a thou")
        typing.type("\x03")
        assert typing.end() == 130
    (kept,) = said(home)
    assert (kept.kind, kept.text, kept.unfinished) == (StatementKind.ANNOTATION, "half a thou", True)


# --- Annotations ------------------------------------------------------------------------------------------------------


def test_annotations_are_superseded_beside_each_other_and_only_by_their_author(home):
    words = ("annotate", DECISION.id, "felt, twice", "--author", "vasquez", "--category", "tone", "--topic", "speed")
    assert run(home, *words, "--before", "a", "--after", "b\nc").exit_code == 0
    (first,) = said(home)
    later = ("annotate", DECISION.id, "Better so.", "--supersedes", first.id[:18])
    assert isinstance(run(home, *later, "--author", "okafor").exception, UsageError)
    assert run(home, *later, "--author", "vasquez").exit_code == 0
    shown = run(home, "annotations", DECISION.id).stdout
    assert "tone, on speed" in shown
    assert [line for line in shown.splitlines() if line.startswith("    | ")] == ["    | a", "    | b", "    | c"]
    second = said(home)[1]
    assert f"{second.id[:18]} takes its place" in shown
    assert f"takes the place of {first.id[:18]}" in shown
    assert run(home, "annotations", "--author", "okafor").stdout.startswith("No annotation")
    assert [one["text"] for one in json.loads(run(home, "annotations", "--json").stdout)] == [
        "felt, twice",
        "Better so.",
    ]


def test_remarks_of_one_author_on_one_topic_are_shown_together(home):
    run(home, "annotate", DECISION.id, "It felt alive.", "--author", "vasquez", "--topic", "speed")
    run(home, "annotate", "project", "Of somebody else.", "--author", "kim", "--topic", "speed")
    run(home, "concern", "raise", "project", "Too fast.", "--author", "vasquez", "--topic", "speed")
    shown = run(home, "concern", "show", said(home)[2].id).stdout
    assert "belongs to it: annotation" in shown
    assert "It felt alive." in shown
    assert "Of somebody else." not in shown


# --- Late -------------------------------------------------------------------------------------------------------------


def test_what_is_said_after_a_release_or_long_after_a_session_is_marked_with_both_times(home):
    served = Release(
        version="v1.1", generation=1, alias="p", build_id=DECISION.build_id, build_digest="sha256:1", model_file="m",
        decision_id=DECISION.id, replaced=None, reason="", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    session = Session(
        salt="0f", programme="wild", number=11847, messages=(), source="s.jsonl", position="1",
        happened_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    with open_project(home) as project:
        project.store.save([session], event="archived")
    run(home, "annotate", DECISION.id, "In time.", "--author", "ana")
    with open_project(home) as project:
        project.store.save([served], event="released")
    run(home, "annotate", DECISION.id, "Too late.", "--author", "ana")
    run(home, "concern", "raise", session.id, "The speed seems", "--author", "ana")
    early, late = run(home, "annotations", DECISION.id).stdout.split("Too late.")
    assert "late:" not in early
    run(home, "concern", "raise", "v1.1", "Of the release itself.", "--author", "ana", "--evidence", "v1.1")
    with open_project(home) as project:
        itself = [one for _, one in project.store.each(Statement)][-1]
    assert itself.evidence == (served.id,)
    assert "late:" not in run(home, "concern", "show", itself.id).stdout
    assert "after v1.1 went into service at 20" in late
    with open_project(home) as project:
        concern = [one for _, one in project.store.each(Statement)][-2]
    assert "days after what it is about, which happened 2026-01-01" in run(home, "concern", "show", concern.id).stdout


def test_who_said_or_judged_a_lesson_closes_no_doubt_about_it_though_records_hide_their_name(home):
    with open_project(home) as project:
        hidden = door_of(project).pseudonyms.of("Kim")
        verdict = Judgement(
            salt="0e", interaction_id="interaction:" + "3" * 64, rubric_digest="rubric:1", judge=human_identity(hidden),
            status=JudgementStatus.PENDING,
        )  # fmt: skip
        talk = Session(salt="0f", programme="w", number=1, messages=(), source="s", position="1", author=hidden)
        project.store.save([verdict, talk], event="judged")
    for subject in (verdict.id, talk.id):
        run(home, "concern", "raise", subject, "Is this so?", "--author", "ana")
        concern = said(home)[-1]
        closing = ("concern", "close", concern.id, "--because", "It is.", "--evidence", DECISION.id, "--author")
        refused = run(home, *closing, " kim")
        assert "who said or judged what it is about" in refused.exception.message
        assert run(home, *closing, "dee").exit_code == 0
