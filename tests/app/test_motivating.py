"""`selftune motivator` end to end: a script speaks, the dialogue is in the log, the status tells all of it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.cli.motivating import motivator
from selftune.app.motivating import describe_status, look_at_motivator
from selftune.errors import BudgetError, ConfigError, LockedError
from selftune.loop.motivation.idleness import Idleness
from selftune.loop.night.clock import SystemClock
from selftune.loop.talking import MotivatorSection
from selftune.personas.scripted import SCRIPTED, SCRIPTED_FLAG
from selftune.records import Dataset, DatasetKind, Example, Interaction, Message, Trigger

SCRIPT = """
[[turns]]
persona = "BRICK"
text = "No. The second garden takes 40 hours a year. Do not keep the second garden."
[[turns]]
persona = "ROBIN"
text = "Yes, keep the second garden: it is where the child plays."
[[turns]]
persona = "ALFRED"
text = "What would each of you lose?"
[[turns]]
persona = "BRICK"
text = "Then share it with the neighbour. Half the hours, all of the garden."
[[turns]]
persona = "ROBIN"
text = "A shared garden has two keepers and one joy; let us ask the neighbour today."
"""


@pytest.fixture
def motivated(released):
    return replace(released, config=replace(released.config, motivator=MotivatorSection(on=True, dialogues_per_day=1)))


@pytest.fixture
def command(motivated, monkeypatch, tmp_path):
    monkeypatch.setattr("selftune.loop.project.open_project", lambda _: nullcontext(motivated))
    (tmp_path / "script.toml").write_text(SCRIPT, encoding="utf-8")
    return lambda *words: CliRunner().invoke(motivator, [*words, "--project", str(motivated.folder)])


def run_once(command, tmp_path, *words):
    return command("run", "--once", "--scripted", str(tmp_path / "script.toml"), *words)


@pytest.mark.needs("graph")
def test_an_idle_goal_is_talked_over_and_told(command, motivated, tmp_path):
    done = run_once(command, tmp_path)
    assert done.exit_code == 0, done.output
    assert "auto-001 asks itself: " in done.output
    assert "ended: resolved" in done.output
    (said,) = (one for _, one in motivated.store.each(Interaction))
    assert (said.task_id, said.trigger) == ("auto-001", Trigger.MOTIVATOR)
    assert said.dissonance
    assert max(said.dissonance) >= 0.5
    assert said.generated_by == SCRIPTED
    assert SCRIPTED_FLAG in said.flags
    again = run_once(command, tmp_path)
    assert isinstance(again.exception, BudgetError)
    told = command("status").output
    assert "1 of 1 dialogues" in told
    assert "auto-001" in told
    assert "resolved" in told
    assert json.loads(command("status", "--json").output)["goals"][0]["task_id"] == "auto-001"


def test_whoever_asks_for_one_goal_may_go_on_typing(command, tmp_path, monkeypatch):
    asked = []

    class Watched(Idleness):
        def __init__(self, project, *, touched):
            asked.append(touched())
            super().__init__(project, touched=touched)

    monkeypatch.setattr("selftune.loop.motivation.idleness.Idleness", Watched)
    monkeypatch.setattr("selftune.loop.motivation.holding.InDialogue.lying", lambda *_: refuse())
    run_once(command, tmp_path)
    assert asked == [None]


def refuse():
    raise LockedError("a fake says that another dialogue is being held.", next_step="Wait.")


def test_off_is_off_and_the_status_says_what_would_come(command, motivated, monkeypatch):
    assert "Next would be: When would" in command("status", "--next").output
    off = replace(motivated, config=replace(motivated.config, motivator=MotivatorSection()))
    monkeypatch.setattr("selftune.loop.project.open_project", lambda _: nullcontext(off))
    assert "off" in command("status").output
    assert isinstance(command("run", "--once").exception, ConfigError)


def test_the_status_shows_the_share_of_its_own_in_the_newest_dataset(motivated):
    kept = motivated.store.save(
        [
            Interaction(
                salt=f"salt {place}", conversation=f"talk {place}", task_id=f"t-{place}", trigger=trigger,
                messages=(Message(role="user", content="Why?"), Message(role="assistant", content="So.")),
                source="a test", position=str(place),
            )
            for place, trigger in enumerate([Trigger.USER, Trigger.USER, Trigger.USER, Trigger.MOTIVATOR])
        ],
        event="captured",
    )  # fmt: skip
    lessons = tuple(Example(salt="s", interaction_id=name, judgement_id=None, messages=()) for name in kept)
    dataset = Dataset(
        kind=DatasetKind.SFT, train=lessons, holdout=(), rejects=(), mixture=(), watermark=4, config_digest="d", card=""
    )
    motivated.store.save([dataset], event="made by a test")
    status = look_at_motivator(motivated, SystemClock().now())
    assert "1 of 4 lessons answer the system itself (25%; at most 50% may)" in "\n".join(describe_status(status))
