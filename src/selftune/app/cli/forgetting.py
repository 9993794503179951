"""`selftune forget`: a person's words leave the project."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("forget", rich_help_panel="People")(forget)


def forget(
    who: Annotated[str, typer.Argument(help="A person's name, or the id of an interaction, session or statement.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and let nothing go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    author: Annotated[str, typer.Option(help="Who asks, of a statement; your user name by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Erase what a person said, everywhere in this project, and say what has learnt from it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.forgetting import as_data, describe, describe_done, look_for
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.forgetting.forget import forget as forget_words
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        words = look_for(opened, who, author)
        if json:
            print_json(as_data(opened, words))
        else:
            for line in describe(opened, words):
                typer.echo(plain(line))
        if dry_run:
            return
        if not yes and not typer.confirm("Erase all of it? It can't be undone.", err=True):
            raise typer.Exit
        done = forget_words(opened, words)
        for line in describe_done(opened, done):
            typer.echo(plain(line), err=json)
