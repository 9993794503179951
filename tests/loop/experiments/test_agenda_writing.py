"""Only the marked block of `program.md` may be written by who proposes; everything else stays byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from agenda_worlds import program, read

from selftune.errors import ConfigError
from selftune.loop.experiments.agenda.document import BEGIN, END, PROGRAM
from selftune.loop.experiments.agenda.writing import refuse_changes, with_tries, write_lessons, write_tries
from selftune.loop.experiments.base import Lane, Lesson, Proposal

MARKED = program(Proposals=f"Words.\n\n{BEGIN}\n- lora_rank=8: smaller\n{END}\n", Lessons="- one (from e-1)\n")
MORE = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=32",), reason="more room", proposer="llm")


def test_tries_replace_what_stood_between_the_marks_and_touch_nothing_else(project):
    read(project, MARKED)
    path = write_tries(project, (MORE,))
    after = path.read_bytes().decode()
    assert after == MARKED.replace("- lora_rank=8: smaller\n", "- lora_rank=32: more room\n")
    assert [one.changes for one in read(project).tries] == [("lora_rank=32",)]
    write_tries(project, ())
    assert read(project).tries == ()


def test_a_project_without_one_gets_the_shipped_agenda_with_the_tries_in_it(project):
    assert not (project.folder / PROGRAM).exists()
    write_tries(project, (MORE,))
    agenda = read(project)
    assert [one.changes for one in agenda.tries] == [("lora_rank=32",)]
    assert len(agenda.knobs) == 3


def test_line_ends_of_another_system_stay(project):
    text = MARKED.replace("\n", "\r\n")
    read(project, text)
    after = write_tries(project, (MORE,)).read_bytes().decode()
    assert after == text.replace("- lora_rank=8: smaller\r\n", "- lora_rank=32: more room\r\n")


@given(st.text(max_size=80))
def test_no_reason_gets_out_of_the_block(reason):
    sly = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=32",), reason=reason)
    refuse_changes(MARKED, with_tries(MARKED, (sly,)))


@pytest.mark.parametrize(
    "reason", [f"x {END}\n## Constraints\n", "<!<!--!-- proposals:end --<!-->>", f"\n{END}\n{BEGIN}\n"]
)
def test_a_reason_that_ends_the_block_is_written_without_its_marks(project, reason):
    read(project, MARKED)
    sly = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=32",), reason=reason)
    after = write_tries(project, (sly,)).read_text(encoding="utf-8")
    assert after.count(BEGIN) == after.count(END) == 1
    refuse_changes(MARKED, after)
    assert len(read(project).tries) == 1


def test_tries_that_are_none_leave_the_file_as_it_was(project):
    read(project, MARKED)
    wrong = Proposal(lane=Lane.HYPERPARAMETERS, changes=("max_seconds=9999",))
    with pytest.raises(ConfigError, match="can't be searched"):
        write_tries(project, (wrong,))
    assert (project.folder / PROGRAM).read_text(encoding="utf-8") == MARKED


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("[4, 64]", "[4, 128]", "Search space"),
        ("Better.", "Longer.", "Goal"),
        ("- one (from e-1)", "", "Lessons"),
        ("Words.", "Words", "Proposals"),
        ("# Agenda", "# Another", "the top"),
    ],
)
def test_an_edited_copy_that_touches_more_than_the_block_is_refused_by_what_it_touched(old, new, where):
    assert old in MARKED
    with pytest.raises(ConfigError, match=f"under {where}") as refused:
        refuse_changes(MARKED, MARKED.replace(old, new))
    assert "marked block" in refused.value.message


def test_an_edited_copy_that_adds_to_the_end_or_loses_a_mark_is_refused():
    with pytest.raises(ConfigError, match="Lessons"):
        refuse_changes(MARKED, MARKED + "- another\n")
    with pytest.raises(ConfigError, match="begin once"):
        refuse_changes(MARKED, MARKED.replace(END, ""))
    with pytest.raises(ConfigError, match="begin once"):
        refuse_changes(MARKED, MARKED.replace("- lora_rank=8", f"{END}\n{BEGIN}\n- lora_rank=8"))


def test_lessons_go_behind_those_that_are_there_and_are_read_again(project):
    read(project, MARKED)
    lesson = Lesson(
        text="twice the rate\nlost isolation", conditions=("learning_rate>0.002",), base="fake-base", source="e-2"
    )
    after = write_lessons(project, (lesson,)).read_text(encoding="utf-8")
    line = "- twice the rate lost isolation (when learning_rate>0.002; on fake-base; from e-2)\n"
    assert after == MARKED.replace("- one (from e-1)\n", f"- one (from e-1)\n{line}")
    assert read(project).lessons[1].conditions == ("learning_rate>0.002",)


@pytest.mark.parametrize("text", [program(), program(Lessons=""), None])
def test_the_first_lesson_finds_its_place(project, text):
    before = read(project, text)
    write_lessons(project, (Lesson(text="first", source="e-1"), Lesson(text="second")))
    after = read(project)
    assert [lesson.text for lesson in after.lessons] == ["first", "second"]
    assert after.digest == before.digest


def test_a_lesson_that_could_not_be_read_again_is_not_written(project):
    read(project, MARKED)
    with pytest.raises(ConfigError):
        write_lessons(project, (Lesson(text="x", conditions=("nothing>1",)),))
    assert (project.folder / PROGRAM).read_text(encoding="utf-8") == MARKED
