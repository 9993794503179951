"""`selftune forget`: a person's words leave the project, and what learnt from them can be rebuilt without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Forgetting


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("forget")(forget)


def forget(
    who: Annotated[
        str, typer.Argument(help="A person's name, the id of an interaction, session or statement, or of a forgetting.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and let nothing go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Then train without it, twice, with a certificate that both are the same.")
    ] = False,
    author: Annotated[str, typer.Option(help="Who asks, of a statement; your user name by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Erase what a person said, everywhere in this project, and say what has learnt from it."""
    from selftune.app.forgetting import find_done
    from selftune.loop.forgetting.forget import finish
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        done = find_done(opened, who)
        if done is None:
            done = _forget(opened, who, author=author, dry_run=dry_run, yes=yes, json=json)
        elif not dry_run:
            finish(opened)
        if rebuild and done is not None:
            _rebuild(opened, done)


def _forget(project: Project, who: str, *, author: str, dry_run: bool, yes: bool, json: bool) -> Forgetting | None:
    """Say what would go, ask, and let it go; None where it was to stay."""
    from selftune.app.cli.screen import print_json, working
    from selftune.app.forgetting import as_data, describe, describe_done, look_for
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.forgetting.forget import forget as forget_words

    with working("Looking for it") as told:
        words = look_for(project, who, author, told)
    if json:
        print_json(as_data(project, words))
    else:
        for line in describe(project, words):
            typer.echo(plain(line))
    if dry_run:
        return None
    if not yes and not typer.confirm("Erase all of it? It can't be undone.", err=True):
        return None
    with working("Erasing") as told:
        done = forget_words(project, words, told)
    for line in describe_done(project, done):
        typer.echo(plain(line), err=json)
    return done


def _rebuild(project: Project, done: Forgetting) -> None:
    from selftune.app.cli.screen import Stages, make_console
    from selftune.app.forgetting import describe_rebuilt
    from selftune.loop.forgetting.rebuild import rebuild

    found = rebuild(project, done, Stages(make_console(stderr=True)))
    for line in describe_rebuilt(project, found):
        typer.echo(line)
