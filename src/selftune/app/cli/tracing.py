"""`selftune trace`: what a record rests on, and what learnt from it."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("trace")(trace)


def trace(
    name: Annotated[
        str, typer.Argument(help="An id or its beginning, a version, a session, a conversation, a model's name.")
    ],
    back: Annotated[bool, typer.Option("--back", help="Only what it rests on.")] = False,
    forward: Annotated[
        bool, typer.Option("--forward", help="Only what rests on it, and which releases learnt.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Walk from a model to every single word behind it, or from a conversation to all that learnt from it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain
    from selftune.app.tracing_graph import lines_of_trace, trace_graph
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        traced = trace_graph(opened, name, back=back or not forward, forward=forward or not back)
    if json:
        print_json(traced)
    else:
        typer.echo("\n".join(map(plain, lines_of_trace(traced))))
