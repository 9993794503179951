"""Change the codex, or don't: proposed by anybody, approved by a person with a key at a terminal, in no other way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.codex import codex
from selftune.app.cli.everyday import HERE, AsJson, Folder, Scripted

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Amendment

_FORBIDDEN = 2
_FAILED = 8
Which = Annotated[str, typer.Argument(help="The proposal: its id, or the beginning of it.")]
Author = Annotated[str, typer.Option(help="Who says so; your user name by default.")]
Because = Annotated[str, typer.Option("--because", help="Why, kept word for word.")]
Against = Annotated[list[str] | None, typer.Option("--against", help="What speaks against it; may be repeated.")]
Expected = Annotated[str, typer.Option("--expected", help="What you expect to come of it.")]
AtMost = Annotated[
    float,
    typer.Option(
        "--at-most", help="The share of dialogues in high dissonance, or of lost probes, above which it was wrong."
    ),
]
AtLeast = Annotated[int, typer.Option("--at-least", help="Of how many at least.")]
Days = Annotated[float, typer.Option("--days", help="After how many days that is looked at.")]
Topic = Annotated[str, typer.Option("--topic", help="Of dialogues about this alone.")]
Probe = Annotated[str, typer.Option("--probe", help="Count this invariant's probes that are lost, not dialogues.")]
Evidence = Annotated[list[str] | None, typer.Option("--evidence", help="A record that it rests on; may be repeated.")]


def register() -> None:
    """Hang these commands beside `selftune codex show`."""
    for name, command in (
        ("adopt", codex_adopt),
        ("deliberate", codex_deliberate),
        ("propose", codex_propose),
        ("approve", codex_approve),
        ("refuse", codex_refuse),
        ("rollback", codex_rollback),
        ("restore", codex_restore),
        ("amendments", codex_amendments),
    ):
        codex.command(name)(command)


def codex_adopt(project: Folder = HERE) -> None:
    """Put the codex that is here on record as the one in force; only the first is adopted so, a person signs the next.

    After that, `selftune codex propose` puts forward its file as you changed it.
    """
    from selftune.app.amending import adopt_file
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        typer.echo(f"In force from here on: {adopt_file(opened)}")


def codex_propose(
    because: Because,
    file: Annotated[
        Path | None, typer.Argument(help="The whole codex as it is to be; the project's file by default.")
    ] = None,
    against: Against = None,
    expected: Expected = "",
    at_most: AtMost = 0.25,
    at_least: AtLeast = 10,
    days: Days = 30.0,
    topic: Topic = "",
    probe: Probe = "",
    evidence: Evidence = None,
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Propose another codex, with what speaks for it and against it; nothing changes before a person approves."""
    from selftune.app.amending import Case, propose_text
    from selftune.errors import MissingFileError
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project
    from selftune.settings import read_text

    if file is not None and not file.is_file():
        raise MissingFileError(f"there is no file {file}.", next_step="Check the path.")
    case = Case(
        because=because, against=tuple(against or ()), expected=expected,
        at_most=at_most, at_least=at_least, days=days, topic=topic, probe=probe, evidence=tuple(evidence or ()),
    )  # fmt: skip
    with open_project(project) as opened:
        text = None if file is None else read_text(file, str(file))
        amendment = propose_text(opened, text, case, author=author, ask=ask_on_terminal)
        _tell_proposed(opened, amendment)


def codex_deliberate(
    scripted: Scripted = None,
    project: Folder = HERE,
) -> None:
    """Let the personas argue whether the codex should change, where a conflict lasts that nothing else has reduced."""
    from selftune.app.amending import deliberate_here
    from selftune.app.cli.dialogue_screen import DialogueScreen
    from selftune.app.reporting.pages.plain import one_line
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        result = deliberate_here(opened, script=scripted, heard=DialogueScreen())
        if result.interaction is not None:
            typer.echo(f"The deliberation is in the log: {result.interaction}")
        if result.amendment is not None:
            _tell_proposed(opened, result.amendment)
            return
    typer.echo(f"Nothing is proposed ({result.outcome.value}). {one_line(result.problem)}".rstrip())
    if result.outcome.is_failure:
        sys.exit(_FAILED)


def codex_approve(which: Which, because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Read a proposal and sign it with your key, at a terminal; nothing else changes the codex."""
    from selftune.app.amending import amendment_named, approve_named
    from selftune.app.amendments_page import describe_amendment
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        amendment = amendment_named(opened, which)
        for line in describe_amendment(opened, amendment):
            typer.echo(line)
        _await_person()
        approved = approve_named(opened, amendment, author=author, text=because, ask=ask_on_terminal)
    typer.echo(f"On record: {approved.statement.id}")
    if approved.aside is not None:
        typer.echo(f"The file had been changed meanwhile. Set aside: {approved.aside}")
    if approved.in_force:
        typer.echo("It is in force. Take it back with: selftune codex rollback")
    else:
        typer.echo("Another person has to sign it too, before anything changes.")


def codex_refuse(
    which: Which,
    because: Annotated[str, typer.Option("--because", help="Why not, kept word for word.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Refuse a proposal, with the reason; it can't be approved any more."""
    from selftune.app.amending import amendment_named, refuse_named
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        said = refuse_named(opened, amendment_named(opened, which), because, author=author, ask=ask_on_terminal)
    typer.echo(f"On record: {said.id}")


def codex_rollback(because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Take the last change of the codex back, with your key; the codex of before is written again."""
    from selftune.app.amending import roll_back_codex
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        _await_person()
        standing = roll_back_codex(opened, because, author=author, ask=ask_on_terminal)
    typer.echo(f"In force again: {standing.now.codex_id}")


def codex_restore(because: Because = "", author: Author = "", project: Folder = HERE) -> None:
    """Put the file of the codex in force back in its place; what stood there is set aside.

    Where a revoked key has changed which one is in force, you sign for it with yours.
    """
    from selftune.app.amending import restore_file
    from selftune.app.amendments_page import describe_amendments
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.amending.deciding import waits_for_confirmation
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if waits_for_confirmation(opened):
            for line in describe_amendments(opened):
                typer.echo(line)
            _await_person()
        aside = restore_file(opened, because, author=author, ask=ask_on_terminal)
    typer.echo("The codex in force stands in its file." + ("" if aside is None else f" Set aside: {aside}"))


def codex_amendments(
    which: Annotated[str, typer.Argument(help="One of them: its id, or the beginning of it.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Every proposal to change the codex with what became of it; of one, all that is known."""
    from selftune.app.amending import amendment_named
    from selftune.app.amendments_page import describe_amendment, describe_amendments, states_of
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        if json:
            print_json(tuple(states_of(opened, amendment_named(opened, which) if which else None)))
            return
        lines = describe_amendment(opened, amendment_named(opened, which)) if which else describe_amendments(opened)
        for line in lines:
            typer.echo(line)


def _await_person() -> None:
    from selftune.errors import WaitingForPersonError

    if not sys.stdin.isatty():
        raise WaitingForPersonError(
            "a person signs this with their key, and nobody sits at a terminal here.",
            next_step="Run the same command yourself in a terminal.",
        )


def _tell_proposed(opened: Project, amendment: Amendment) -> None:
    from selftune.app.amendments_page import describe_amendment

    for line in describe_amendment(opened, amendment):
        typer.echo(line)
    if amendment.forbidden:
        sys.exit(_FORBIDDEN)
    typer.echo(f"Then, at a terminal: selftune codex approve {amendment.id[:22]}")
