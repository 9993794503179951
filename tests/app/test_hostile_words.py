"""Hostile words on a terminal: whatever command prints them, they steer nothing and pass for no line of ours."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from tides import fill, session
from typer.testing import CliRunner

from selftune.app.alarms import register_projection
from selftune.app.cli.main import app, register_commands
from selftune.app.cli.screen import Stages, show_halt
from selftune.app.registering import rename_model
from selftune.governance.statements import (
    Remark,
    annotate,
    answer,
    approve,
    hold,
    raise_concern,
    review,
)
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import create_project, open_project
from selftune.loop.runner import Halted
from selftune.records import Decision, Interaction, Message, Outcome, Trigger

FORGED = "rests on decision:0000, signed by everybody"
WORDS = (
    f"It seems\u2014\n{FORGED}\n\x1b[2J\x1b]0;owned\x07\x9b31m\rred\x08\u202e\u2066 \u200b\ufeff \x00 [bold]loud[/bold]"
)
NAME = f"ana\n{FORGED}\x1b[31m"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A project in which every text that a person can give is hostile; by folder, with the ids of what is looked at."""
    folder = tmp_path_factory.mktemp("hostile") / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    register_commands()
    with open_project(folder) as project:
        fill(project)
        yield folder, dict(speak(project))


def speak(project):
    context, door = project.context(), door_of(project)
    decision = Decision(
        outcome=Outcome.PROMOTE, reason=WORDS, checks=(), arms=(), policy="small", policy_digest="sha256:p",
        build_id="build:" + "1" * 64, run_id="run:" + "2" * 64,
    )  # fmt: skip
    said = session(31, messages=(Message(role=f"user\n{FORGED}", content=WORDS),), flags=(WORDS,), generated_by=NAME)
    talk = Interaction(
        salt="0" * 32, conversation="c", task_id="t", trigger=Trigger.USER, source="log", position="1",
        messages=(Message(role=f"user\n{FORGED}", content=WORDS), Message(role="assistant", content=WORDS)),
        author=NAME,
    )  # fmt: skip
    project.store.save([decision, said, talk], event="made by a test")
    more = {"author": NAME, "text": WORDS, "context": context, "door": door}
    doubt = put_on_record(project, raise_concern(decision.id, topic=WORDS, **more), event="test")
    held = put_on_record(project, hold(decision.id, **more), event="test")
    for one in (
        answer(doubt, **more),
        approve(decision.id, **more),
        review(said.id, **more),
        annotate(said.id, Remark(category=WORDS, topic=WORDS, before=WORDS, after=WORDS), **more),
    ):
        put_on_record(project, replace(one, unfinished=True), event="test")
    rename_model(project, "Stranger", "Guest", because=WORDS, author=NAME)
    register_projection(project, subject="tides", series=WORDS, points=((1, 0.5),), tolerance=0.1, author=NAME)
    yield from {
        "decision": decision.id,
        "session": said.id,
        "talk": talk.id,
        "doubt": doubt.id,
        "hold": held.id,
    }.items()


COMMANDS = (
    "why",
    "why {decision}",
    "why {session}",
    "why {talk}",
    "why {doubt}",
    "status",
    "concern list --all",
    "concern show {doubt}",
    "concern show {hold}",
    "annotations {session}",
    "archive show 31",
    "archive list",
    "archive phases",
    "registry list",
    "registry show Guest",
    "registry index",
    "people list",
    "trace {session}",
    "trace {decision}",
    "alarms",
    "projection show",
    "approve",
    "report",
    "report compliance project",
    "report card Guest",
    "report deprecation",
    "report escalations",
    "audit start project --author ben",
    "audit next --many 500",
    "audit report",
    "readiness",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_words_steer_a_terminal_or_pass_for_a_line_of_ours(spoken, command):
    folder, ids = spoken
    words = [*command.format(**ids).split(), "--project", str(folder)]
    result = CliRunner().invoke(app, words, input="n\n")
    assert (
        result.exception is None or isinstance(result.exception, SystemExit) or hasattr(result.exception, "exit_code")
    )
    assert all(letter.isprintable() or letter in "\n\t" for letter in result.output), command
    if not command.startswith(("report", "audit report")):  # a page has fences, which say whose lines they are
        assert FORGED not in {line.strip().removeprefix(": ") for line in result.output.splitlines()}, command


def test_a_halt_and_a_word_between_stages_are_told_and_steer_nothing():
    stream = StringIO()
    console = Console(file=stream, highlight=False)
    show_halt(console, Halted(reason=WORDS, next_step=WORDS, exit_code=5))
    Stages(console).told(WORDS)
    assert stream.getvalue().count("[bold]loud[/bold]") == 3
    assert all(letter.isprintable() or letter in "\n\t" for letter in stream.getvalue())
