"""A dialogue in a project: what is written down, what goes into the log, and what can be gone on with."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from dataclasses import replace

import filelock
import msgspec
import pytest
from held_project import QUARREL, FakeGauge, open_held_project, reopen, script

from selftune.app.chatting import tell_unfinished
from selftune.codex.reading import CODICES
from selftune.curation.base import Pair
from selftune.curation.filters import Complete
from selftune.curation.render import chatml, conversation_of
from selftune.errors import (
    BudgetError,
    IntegrityError,
    LockedError,
    MissingFileError,
    UsageError,
    WaitingForPersonError,
)
from selftune.governance.brake.file import new_stop, put_on
from selftune.interrupts import stopped_by
from selftune.loop.dialogues import holding
from selftune.loop.dialogues.holding import end_unfinished, hold, place_of, resume, unfinished, why_not_on
from selftune.loop.dialogues.outset import outset_text
from selftune.loop.dialogues.session import Earlier
from selftune.loop.forgetting.places import files_that_quote
from selftune.personas.checkpoints import open_checkpoints
from selftune.personas.dialogue.base import Ending, Limits, Unheard
from selftune.records import Interaction, InteractionOutcome, Trigger

pytestmark = pytest.mark.needs("graph")

SECRET = "mail jane.doe@example.com"
SCORES = (0.1, 0.7, 0.4, 0.1)


def held(project, prompt="Does it hold?", *, lines=QUARREL, scores=SCORES, **wishes):
    return hold(project, prompt, voice=script(*lines), gauge=FakeGauge(*scores), **wishes)


def kept(project):
    return [one for _, one in project.store.each(Interaction)]


class Model:
    """A fake of a voice that is no script; it says nothing, for it is never to be asked."""

    def speak(self, call, heard):
        raise AssertionError("no model was to speak")


class DeathError(Exception):
    """Stands for a death in this process: nothing of ours catches it."""


@pytest.fixture
def left_behind(project, monkeypatch):
    """A dialogue that died after its second turn."""
    places = []

    def reach(name):
        places.append(name)
        if places.count("dialogue-turn-kept") == 2:
            raise DeathError

    monkeypatch.setattr("selftune.personas.dialogue.graph.reach", reach)
    with pytest.raises(DeathError):
        held(project, SECRET)
    monkeypatch.undo()
    return project


def test_a_dialogue_becomes_one_interaction_with_every_turn_behind_its_persona(project):
    done = held(project)
    (interaction,) = kept(project)
    assert interaction.id == done.interaction
    assert [(m.role, m.persona) for m in interaction.messages] == [
        ("user", None), ("assistant", "BRICK"), ("assistant", "ROBIN"), ("assistant", "ALFRED"),
        ("assistant", "BRICK"), ("assistant", "ROBIN"),
    ]  # fmt: skip
    assert (interaction.source, interaction.trigger, interaction.outcome) == ("chat", Trigger.USER, "ok")
    assert interaction.task_id == interaction.position == done.dialogue
    assert interaction.dissonance == SCORES
    assert interaction.codex_id == done.codex_id
    assert done.answer == QUARREL[-1][1]
    assert done.ended_by is Ending.RESOLVED


def test_what_is_learnt_from_it_is_table_two_of_the_plan(project):
    held(project)
    (interaction,) = kept(project)
    said = "\n\n".join(f"{name}: {words}" for name, words in QUARREL if name != "ALFRED")
    assert chatml(conversation_of(interaction)) == (
        f"<|im_start|>user\nDoes it hold?<|im_end|>\n<|im_start|>assistant\n{said}<|im_end|>\n"
    )


def test_what_a_script_said_is_marked_and_learnt_from_only_if_asked(project):
    held(project)
    held(project, "And now?", learn_script=True)
    first, second = kept(project)
    assert "scripted" in first.flags
    assert "scripted" in second.flags
    assert first.generated_by == "scripted (a stand-in, no model)"
    assert (first.consent.train, second.consent.train) == (False, True)


def test_a_goal_of_its_own_has_the_motivators_source_and_its_task_is_held_once(project):
    done = held(project, trigger=Trigger.MOTIVATOR, task_id="auto-001")
    (interaction,) = kept(project)
    assert (interaction.source, interaction.trigger) == ("motivator", Trigger.MOTIVATOR)
    assert done.dialogue == interaction.task_id == "auto-001"
    with pytest.raises(UsageError, match="held already"):
        held(project, trigger=Trigger.MOTIVATOR, task_id="auto-001")


def test_an_unmeasured_turn_leaves_the_dissonance_empty(project):
    held(project, scores=(None, 0.2))
    assert kept(project)[0].dissonance == ()


def test_a_dialogue_that_broke_off_is_kept_with_how_it_ended(project):
    done = held(project, lines=QUARREL[:3])
    (interaction,) = kept(project)
    assert (done.ended_by, interaction.outcome) == (Ending.FAILED, InteractionOutcome.ERROR)
    assert {"broke_off", "unresolved"} <= set(interaction.flags)
    assert len(interaction.messages) == 4
    assert "script" in done.problem


def test_half_a_dialogue_is_never_a_lesson_however_it_was_broken_off(project):
    held(project, lines=QUARREL[:1])
    held(project, lines=[("BRICK", "")])
    held(project, limits=Limits(tokens=1))
    held(project, limits=Limits(seconds=0))
    with stopped_by(lambda: True):
        held(project)
    held(project, lines=[*QUARREL[:3], QUARREL[0]], scores=(0.9,) * 4)
    reasons = [Complete().objection(Pair(interaction=one, judgement=None)) for one in kept(project)]
    assert [str(reason).partition(":")[0] for reason in reasons] == [
        "broken off", "empty turn", "out of tokens", "out of time", "interrupted", "repeated itself",
    ]  # fmt: skip


def test_a_later_dialogue_of_a_chat_takes_the_place_of_the_earlier_one(project):
    session = Earlier(session="chat-of-today")
    first = held(project, earlier=session)
    (before,) = kept(project)
    held(
        project, "Sure?", lines=[*QUARREL, ("BRICK", "Yes."), ("ROBIN", "Quite.")], scores=(*SCORES, 0.0, 0.0),
        earlier=replace(session, messages=before.messages, dissonance=first.dissonance),
    )  # fmt: skip
    _, later = kept(project)
    assert later.supersedes == before.id
    assert [turn.content for turn in later.messages[-3:]] == ["Sure?", "Yes.", "Quite."]
    assert later.dissonance == (*SCORES, 0.0, 0.0)


def test_words_are_redacted_before_they_are_written_down_and_gone_when_the_dialogue_is_over(left_behind):
    def on_disk():
        files = place_of(left_behind).parent.iterdir()
        return b"".join(file.read_bytes() for file in files)

    assert b"jane.doe" not in on_disk()
    assert QUARREL[0][1].encode() in on_disk()
    resume(left_behind, voice=script(*QUARREL), gauge=FakeGauge(*SCORES))
    assert QUARREL[0][1].encode() not in on_disk()
    assert "jane.doe" not in kept(left_behind)[0].messages[0].content


def test_nothing_is_written_down_where_nothing_is_to_be_kept(project):
    done = held(project, keep=False)
    assert (done.interaction, done.not_kept, len(done.turns)) == (None, None, 5)
    assert kept(project) == []
    assert not place_of(project).exists()


def test_an_unfinished_dialogue_is_told_and_gone_on_with(left_behind):
    (lying,) = unfinished(left_behind)
    assert lying.codex_id.startswith("codex:")
    done = resume(left_behind, lying.thread[:9], voice=script(*QUARREL), gauge=FakeGauge(*SCORES))
    assert [turn.message.persona for turn in done.turns] == [name for name, _ in QUARREL]
    assert done.dissonance == SCORES
    assert unfinished(left_behind) == ()
    with pytest.raises(UsageError, match="no dialogue lies unfinished"):
        resume(left_behind, voice=script(*QUARREL))


def test_no_model_goes_on_with_what_a_script_began(left_behind):
    with pytest.raises(UsageError, match="spoken by a script"):
        resume(left_behind)
    with pytest.raises(UsageError, match="spoken by a script"):
        hold(left_behind, SECRET, voice=Model(), task_id=unfinished(left_behind)[0].thread)
    with pytest.raises(UsageError, match="no unfinished dialogue is called 'chat-none'"):
        resume(left_behind, "chat-none")


def test_what_was_said_can_be_kept_as_it_is(left_behind):
    done = end_unfinished(left_behind)
    (interaction,) = kept(left_behind)
    assert [turn.content for turn in interaction.messages[1:]] == [words for _, words in QUARREL[:2]]
    assert interaction.outcome is InteractionOutcome.HUMAN_INTERVENED
    assert done.ended_by is Ending.INTERRUPTED
    # It died when the second turn was written down and not measured yet: of the first one alone nothing is told.
    assert (done.dissonance, done.rose, interaction.dissonance) == ((0.1,), False, ())
    assert unfinished(left_behind) == ()


def test_what_was_measured_before_it_was_ended_by_hand_is_kept_and_so_is_that_it_rose(project, monkeypatch):
    def reach(name):
        if name == "dialogue-turn-spoken" and len(said) == 3:
            raise DeathError

    said = []

    class Counts(Unheard):
        def spoken(self, turn):
            said.append(turn)

    monkeypatch.setattr("selftune.personas.dialogue.graph.reach", reach)
    with pytest.raises(DeathError):
        held(project, scores=(0.2, 0.7, 0.1), heard=Counts())
    done = end_unfinished(project)
    (interaction,) = kept(project)
    assert (done.rose, interaction.dissonance) == (True, (0.2, 0.7))
    assert {"unresolved", "interrupted"} <= set(interaction.flags)


@pytest.mark.parametrize(
    ("change", "reason"), [({"version": 99}, "version 99 of the graph"), ({"codex_id": "codex:other"}, "another codex")]
)
def test_a_dialogue_of_another_graph_or_codex_is_refused_by_name_and_its_words_can_be_kept(left_behind, change, reason):
    (lying,) = unfinished(left_behind)
    with open_checkpoints(place_of(left_behind)) as checkpoints, checkpoints.saver.cursor() as cursor:
        cursor.execute("UPDATE threads SET body = ?", (outset_text(replace(lying, **change)),))
    with pytest.raises(IntegrityError, match=reason) as refused:
        resume(left_behind, voice=script(*QUARREL))
    assert f"--end {lying.thread}" in refused.value.next_step
    with pytest.raises(IntegrityError, match=reason):
        held(left_behind, task_id=lying.thread)
    assert why_not_on(left_behind, lying.thread, scripted=True)
    end_unfinished(left_behind)
    assert len(kept(left_behind)[0].messages) == 3


def test_a_file_of_a_newer_selftune_or_of_nonsense_is_refused_by_name(left_behind):
    with sqlite3.connect(place_of(left_behind)) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(IntegrityError, match="newer selftune"):
        unfinished(left_behind)
    place_of(left_behind).write_bytes(b"no database at all" * 100)
    with pytest.raises(IntegrityError, match="can't be read as a file of dialogues"):
        unfinished(left_behind)


def test_an_outset_or_a_turn_that_this_selftune_cannot_read_is_named(left_behind):
    with open_checkpoints(place_of(left_behind)) as checkpoints, checkpoints.saver.cursor() as cursor:
        cursor.execute("UPDATE turns SET body = '{}'")
    with pytest.raises(IntegrityError, match="can't be read"):
        end_unfinished(left_behind)
    with open_checkpoints(place_of(left_behind)) as checkpoints, checkpoints.saver.cursor() as cursor:
        cursor.execute("UPDATE threads SET body = ?", (msgspec.json.encode({"version": 1}).decode(),))
    with pytest.raises(IntegrityError, match="another selftune"):
        unfinished(left_behind)


def fill_up(project):
    with open_checkpoints(place_of(project)) as checkpoints:
        (pages,) = checkpoints.saver.conn.execute("PRAGMA page_count").fetchone()
        checkpoints.saver.conn.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(100):
            checkpoints.keep("another", number, "x" * 4000)


def test_a_full_disk_is_named_and_what_was_written_down_is_gone_on_with(left_behind):
    with pytest.raises(BudgetError, match="no room"):
        fill_up(left_behind)
    done = resume(left_behind, voice=script(*QUARREL), gauge=FakeGauge(*SCORES))
    assert len(done.turns) == 5


def test_a_dialogue_that_the_log_has_no_room_for_is_kept_by_the_next_resume(project, monkeypatch):
    def full(*_, **__):
        raise BudgetError("the disk is full.", next_step="Free some.")

    held(project)
    # The store as it is with no room left: a fake of that alone.
    monkeypatch.setattr(type(project.store), "save", full)
    done = held(project, "And now?")
    assert (done.interaction, done.not_kept, len(unfinished(project))) == (None, "the disk is full. Free some.", 1)
    monkeypatch.undo()
    assert resume(project, voice=script(), gauge=FakeGauge()).answer == QUARREL[-1][1]
    assert [len(one.messages) for one in kept(project)] == [6, 6]


def test_what_the_door_holds_back_is_no_entry_and_no_unfinished_dialogue(project):
    config = replace(project.config, capture=replace(project.config.capture, quarantine=("email",)))
    done = held(replace(project, config=config), SECRET)
    assert done.interaction is None
    assert "held back" in done.not_kept
    assert kept(project) == []
    assert unfinished(project) == ()


@pytest.mark.parametrize("go_on", [resume, end_unfinished])
def test_what_the_door_holds_back_it_holds_back_after_a_crash_too(left_behind, go_on):
    config = replace(left_behind.config, capture=replace(left_behind.config.capture, quarantine=("email",)))
    strict = replace(left_behind, config=config)
    more = {"voice": script(*QUARREL), "gauge": FakeGauge(*SCORES)} if go_on is resume else {}
    assert "held back" in go_on(strict, **more).not_kept
    assert kept(left_behind) == []
    assert unfinished(left_behind) == ()


def test_a_checkpoint_can_name_no_type_of_ours_or_of_anybody(left_behind):
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    loose = JsonPlusSerializer(allowed_msgpack_modules=True).dumps_typed(Earlier(session="planted"))
    with open_checkpoints(place_of(left_behind)) as checkpoints:
        assert not isinstance(checkpoints.saver.serde.loads_typed(loose), Earlier)


def test_a_file_of_many_dialogues_opens_at_once(project):
    held(project)
    with open_checkpoints(place_of(project)) as checkpoints, checkpoints.saver.cursor() as cursor:
        rows = ((f"d{at}", at, "", "interaction:none") for at in range(1000))
        cursor.executemany("INSERT INTO threads VALUES (?, ?, ?, ?)", rows)
    began = time.process_time()
    assert unfinished(project) == ()
    assert time.process_time() - began < 0.1


def test_two_processes_never_hold_dialogues_in_one_file(project, monkeypatch):
    monkeypatch.setattr(holding, "_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(holding, "_PERSON_WAITS_SECONDS", 0.1)
    held(project)
    with filelock.FileLock(f"{place_of(project)}.lock", is_singleton=False):
        with pytest.raises(LockedError, match="another dialogue"):
            held(project)
        assert "waits for its end" in tell_unfinished(project)[0]
        for waits in (resume, end_unfinished):  # a person does, for as long as the page of dialogues says
            began = time.monotonic()
            with pytest.raises(LockedError):
                waits(project)
            assert time.monotonic() - began >= 0.1
    assert tell_unfinished(project) == ()


def test_a_forgetting_names_the_file_where_an_unfinished_dialogue_quotes(left_behind):
    assert place_of(left_behind) in files_that_quote(left_behind, [QUARREL[0][1]])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_two_turns_acts_when_what_was_finished_is_in_the_log(project, number):
    class Presses(Unheard):
        def spoken(self, turn):
            os.kill(os.getpid(), number)

    came = []
    before = signal.signal(number, lambda *_: came.append(len(kept(project))))
    try:
        done = held(project, heard=Presses())
    finally:
        signal.signal(number, before)
    assert came == [1]
    assert (done.ended_by, len(done.turns)) == (Ending.INTERRUPTED, 1)
    assert unfinished(project) == ()


def test_a_stop_keeps_dialogues_from_beginning(project):
    put_on(project.hidden, new_stop("somebody", "look first", "2026-11-22T12:00:00+00:00"))
    with pytest.raises(WaitingForPersonError):
        held(project)


def test_a_codex_that_was_changed_by_hand_stops_dialogues(project):
    held(project)
    file = project.folder / "codex" / "brick_robin.toml"
    file.parent.mkdir()
    file.write_text(CODICES.text("brick_robin").replace("Play is welcome", "No play is welcome"))
    with pytest.raises(IntegrityError, match="codex"):
        held(project)


def test_without_langgraph_the_next_step_is_named(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "langgraph.graph", None)
    with pytest.raises(MissingFileError) as missing:
        held(project)
    assert "selftune[graph]" in missing.value.next_step


def test_nothing_is_no_prompt(project):
    with pytest.raises(UsageError):
        held(project, " \n")


def test_another_process_finds_what_was_left(tmp_path, monkeypatch):
    with open_held_project(tmp_path) as project:
        folder = project.folder
        monkeypatch.setattr(holding, "_close", lambda *_, **__: (_ for _ in ()).throw(DeathError))
        with pytest.raises(DeathError):
            held(project)
        monkeypatch.undo()
    with reopen(folder) as later:
        # All was said; only the log does not have it yet: nobody speaks again.
        done = resume(later, voice=script(), gauge=FakeGauge())
        assert len(kept(later)[0].messages) == 6
        assert done.ended_by is Ending.RESOLVED


def test_a_governor_who_alone_is_asked_answers(project):
    done = hold(project, "Does it hold?", voice=script(("ALFRED", "It holds.")), gauge=FakeGauge(0.1), persona="alfred")
    assert done.answer == "It holds."
