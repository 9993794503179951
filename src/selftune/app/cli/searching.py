"""Find what was said: by words, or by likeness to one interaction."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

_SHOWN: Final = 100
_index = typer.Typer(help="The search index; it is made from the store and holds nothing of its own.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("search")(search)
    app.add_typer(_index, name="index")


def search(
    words: Annotated[str, typer.Argument(help="Words to look for.")] = "",
    like: Annotated[str, typer.Option(help="Id of an interaction: find the ones most like it.")] = "",
    limit: Annotated[int, typer.Option("--n", min=1, max=1000, help="How many at most.")] = 10,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Find interactions by their words, or by likeness to one of them."""
    from selftune.app.cli.screen import print_json
    from selftune.app.searching import find_alike, find_words
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if bool(words.strip()) == bool(like):
        raise UsageError(
            "search needs words, or an interaction to be like.",
            next_step='Type: selftune search "locked door", or: selftune search --like interaction:3f2a',
        )
    with open_project(project) as opened:
        findings = find_alike(opened, like, limit=limit) if like else find_words(opened, words, limit=limit)
    if json:
        print_json(findings)
        return
    for one in findings.found:
        typer.echo(f"{one.id[:24]}  {one.score:.2f}  {one.source}")
        typer.echo(f"    {_first_line(one.asked)}\n    → {_first_line(one.answered)}")
    typer.echo(f"{len(findings.found)} found.")
    if findings.unread:
        typer.echo(f"{findings.unread} newer ones were not looked at: another selftune works here.", err=True)


@_index.command("rebuild")
def index_rebuild(project: Folder = HERE) -> None:
    """Make the search index anew from the store."""
    from selftune.app.cli.screen import working
    from selftune.app.searching import rebuild_index
    from selftune.loop.project import open_project

    with open_project(project) as opened, working("Indexing") as told:
        count = rebuild_index(opened, told)
    typer.echo(f"{count} interactions indexed.")


def _first_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
