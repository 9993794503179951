"""kill -9 between any two steps of a dialogue: the next start loses no turn, and none is there twice."""

from __future__ import annotations

import os
import signal

import pytest
from held_project import QUARREL, FakeGauge, open_held_project, reopen, script

from selftune.loop.dialogues import holding
from selftune.personas.checkpoints import saver_between_steps
from selftune.personas.dialogue import graph
from selftune.records import Interaction, Quarantined, Trigger

pytestmark = pytest.mark.needs("graph", "fork")

STEPS = 60
SCORES = (0.1, 0.7, 0.4, 0.1)


@pytest.fixture(scope="module", autouse=True)
def woken(tmp_path_factory):
    """What a dialogue imports is imported once, not by each process that dies."""
    with open_held_project(tmp_path_factory.mktemp("woken")) as project:
        return hold(project)


def hold(project, asked="Does it hold?"):
    return holding.hold(
        project, asked, voice=script(*QUARREL), gauge=FakeGauge(*SCORES), task_id="auto-001",
        trigger=Trigger.MOTIVATOR,
    )  # fmt: skip


def die_at(step, folder, asked="Does it hold?"):
    """A process that holds the dialogue and kills itself at this place; whether it came so far."""
    child = os.fork()
    if child == 0:  # pragma: no cover - it dies
        try:
            _die_by_name(step) if isinstance(step, str) else _count_to(step)
            with reopen(folder) as project:
                hold(project, asked)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die_by_name(name):
    def place(reached):
        if reached == name:
            os.kill(os.getpid(), signal.SIGKILL)

    graph.reach = holding.reach = place


def _count_to(step):
    """Die when so many places were reached: every failpoint, and before and after each checkpoint."""
    saver = saver_between_steps()
    passed = iter(range(1, STEPS + 1))

    def place(*_):
        if next(passed) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(method):
        def watched(*args, **keywords):
            place()
            done = method(*args, **keywords)
            place()
            return done

        return watched

    graph.reach = holding.reach = place
    saver.put = around(saver.put)
    saver.put_writes = around(saver.put_writes)


def test_a_kill_between_any_two_steps_loses_no_turn_and_doubles_none(tmp_path):
    with open_held_project(tmp_path) as project:
        hold_in = project.folder
    killed = 0
    # Each process goes on where the one before it died, one place further: all places of one dialogue are met.
    for step in range(1, STEPS):
        if not die_at(step, hold_in):
            break
        killed += 1
        with reopen(hold_in) as project:
            turns = [len(one.messages) for _, one in project.store.each(Interaction)]
            assert turns in ([], [6])
    assert killed >= 10
    with reopen(hold_in) as project:
        assert holding.unfinished(project) == ()
        (kept,) = (one for _, one in project.store.each(Interaction))
    assert [(turn.persona, turn.content) for turn in kept.messages[1:]] == list(QUARREL)
    assert kept.dissonance == SCORES
    assert (kept.task_id, kept.source, kept.position) == ("auto-001", "motivator", "auto-001")


@pytest.mark.parametrize("step", [2, 3, 4, 8, 12, 15, 19, 24, 30, 36, 41, 44])
def test_a_dialogue_that_died_once_anywhere_goes_on_to_the_same_end(step, tmp_path):
    with open_held_project(tmp_path) as project:
        folder = project.folder
    died = die_at(step, folder)
    with reopen(folder) as project:
        lying = holding.unfinished(project)
        if lying:
            holding.resume(project, voice=script(*QUARREL), gauge=FakeGauge(*SCORES))
        interactions = [one for _, one in project.store.each(Interaction)]
        assert holding.unfinished(project) == ()
    assert died
    (kept,) = interactions
    assert [(turn.persona, turn.content) for turn in kept.messages[1:]] == list(QUARREL)


@pytest.mark.parametrize("place", ["dialogue-begun", "dialogue-turn-kept", "dialogue-saved"])
def test_what_is_held_back_is_held_back_wherever_it_died_and_once(place, tmp_path):
    with open_held_project(tmp_path) as project:
        folder = project.folder
    with (folder / "selftune.toml").open("a", encoding="utf-8") as config:
        config.write('[capture]\nquarantine = ["email"]\n')
    assert die_at(place, folder, "Does it hold? Ask jane.doe@example.com")
    with reopen(folder) as project:
        hold(project)
        assert holding.unfinished(project) == ()
        assert list(project.store.each(Interaction)) == []
        ((_, aside),) = project.store.each(Quarantined)
    assert "jane.doe" not in aside.raw
