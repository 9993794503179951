"""The person's brake: `selftune stop`, `hold`, `freeze`, and `lift`, which asks for a reason."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

Author = Annotated[str, typer.Option(help="Who says so; your user name by default.")]


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("stop")(stop)
    app.command("hold")(hold)
    app.command("freeze")(freeze)
    app.command("lift")(lift)


def stop(
    because: Annotated[str, typer.Option("--because", help="Why; nothing begins then before it is lifted.")] = "",
    author: Author = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Stop the server and whatever is under way, now; works with a locked store and a broken config.

    Where nothing is under way and no reason is given, the server alone stops, and `selftune start` brings it back.
    """
    from selftune.app.braking import describe_stop, projects_in, record_stop, stop_here
    from selftune.app.reporting.pages.plain import plain

    stopped = stop_here(project, because=because, author=author)
    lines = "" if json else "\n".join(describe_stop(stopped))
    if lines:
        typer.echo(plain(lines))
    late = "; ".join(filter(None, map(record_stop, projects_in(project)))) if stopped.braked else ""
    if json:
        from dataclasses import asdict

        from selftune.app.cli.screen import print_json

        print_json({**asdict(stopped), "not_on_record": late})
    elif late:
        typer.echo(plain(f"It goes on record with the next command: {late}"), err=True)


def hold(
    because: Annotated[str, typer.Option("--because", help="Why, kept word for word.")],
    on: Annotated[
        str, typer.Option("--on", help="One record alone: an id or its beginning, or a version.")
    ] = "project",
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Promote nothing until the hold is lifted; everything else goes on, and rolling back stays free."""
    _put("hold", because, on, author, project)


def freeze(
    because: Annotated[str, typer.Option("--because", help="Why, kept word for word.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """Learn nothing from new data until the freeze is lifted: no training, no night, no search for a prompt."""
    _put("freeze", because, "project", author, project)


def lift(
    what: Annotated[Literal["hold", "freeze", "stop"], typer.Argument(help="What is to end.")],
    because: Annotated[str, typer.Option("--because", help="Why it may go on, kept word for word.")],
    author: Author = "",
    project: Folder = HERE,
) -> None:
    """End a hold, a freeze or a stop of the whole project, with a reason; in a team your key is asked for."""
    from selftune.app.lifting import lift_stays
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        lifted = lift_stays(opened, what, because, author=author, ask=ask_on_terminal)
    for said in lifted:
        typer.echo(f"On record: {said.kind.value} {said.id}")
    if what == "stop":
        typer.echo("What stood still goes on when you say so: selftune start, selftune cycle.")


def _put(word: str, because: str, on: str, author: str, folder: Folder) -> None:
    from selftune.app.lifting import put_stay
    from selftune.governance.brake.stays import KINDS
    from selftune.loop.project import open_project

    with open_project(folder) as opened:
        said = put_stay(opened, KINDS[word], because, on=on, author=author)
    typer.echo(f"On record: {said.kind.value} {said.id}")
    if on == "project":
        typer.echo(f'It stands until: selftune lift {word} --because "..."')
    else:
        typer.echo(f'It stands until: selftune concern close {said.id[:18]} --because "..."')
