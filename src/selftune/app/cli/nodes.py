"""`selftune nodes`: where a night can train."""

from __future__ import annotations

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("nodes")(nodes)


def nodes(project: Folder = HERE, json: AsJson = False) -> None:
    """Where a night can train: each machine, whether it answers, its room and version, and which would be taken."""
    from selftune.app.cli.screen import print_json
    from selftune.app.nodes import describe_nodes, look_at_nodes
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = look_at_nodes(opened)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_nodes(found)))
