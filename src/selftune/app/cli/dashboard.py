"""`selftune dashboard`: the project in a browser, without the gateway beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("dashboard")(dashboard)


def dashboard(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="On this port; 0 takes any that is free.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Print a new link to the one that runs, and end.")] = False,
    project: Folder = HERE,
) -> None:
    """Show the project in a browser, on this machine only; prints the link to come in by. Ctrl-C ends it."""
    from selftune.app.dashboard.serve import link_to_running, serve

    if link:
        typer.echo(link_to_running(project))
        return
    serve(project, port=port, told=lambda address: typer.echo(f"Dashboard: {address}"))
