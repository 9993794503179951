"""`selftune approve`: a person's yes to what waits, and the list of all that does."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("approve")(approve)


def approve(
    text: Annotated[str, typer.Option("--text", help="What you say about it, kept word for word.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    author: Annotated[str, typer.Option(help="Who says so; your user name by default.")] = "",
    breaker: Annotated[
        bool, typer.Option("--breaker", help="To what was promoted so far, whatever else waits.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show all that waits for a person, and approve nothing.")] = (
        False
    ),
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Say yes to what waits for a person: the loop goes on for another five promotions."""
    from selftune.app.approving import approve_next, describe_what_waits
    from selftune.loop.project import open_project

    if json and not listed:
        raise typer.BadParameter("--json goes with --list.")
    with open_project(project) as opened:
        if listed:
            from selftune.app.cli.screen import print_json
            from selftune.app.waiting import describe_waiting, what_waits

            found = what_waits(opened)
            if json:
                print_json(found)
            else:
                typer.echo("\n".join(describe_waiting(found)))
            return
        typer.echo(describe_what_waits(opened, breaker=breaker))
        if not yes and not _says_yes():
            typer.echo("Nothing was approved; the model in service stays.")
            sys.exit(5)
        statement = approve_next(opened, author=author, text=text, breaker=breaker)
    typer.echo(f"Approved: {statement.id}")


def _says_yes() -> bool:
    """Whether somebody says yes; who is not there says nothing."""
    try:
        return typer.confirm("Go on?")
    except typer.Abort:
        typer.echo()
        return False
