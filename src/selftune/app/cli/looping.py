"""`selftune loops`: the three nested loops side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("loops")(loops)


def loops(
    table: Annotated[bool, typer.Option("--table", help="Which loop answers which signal, and what needs none.")] = (
        False
    ),
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What each of the three loops noticed, did and waits for."""
    from selftune.app.cli.screen import print_json
    from selftune.app.looping import describe_loops, describe_table
    from selftune.loop.three_loops.signals import DECISION_TABLE

    if table:
        if json:
            print_json(DECISION_TABLE)
        else:
            typer.echo("\n".join(describe_table()))
        return
    from selftune.loop.project import open_project
    from selftune.loop.three_loops.overview import look_at_loops

    with open_project(project) as opened:
        states = look_at_loops(opened)
    if json:
        print_json(states)
    else:
        typer.echo("\n".join(describe_loops(states)))
