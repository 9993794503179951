"""`selftune notify`: notices to wherever a person reads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.notices.telling import Told

notify = typer.Typer(no_args_is_help=True, help="Be told of mornings, holds, approvals and failures where you read.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(notify, name="notify")


@notify.command("test")
def send_a_test(project: Folder = HERE, json: AsJson = False) -> None:
    """Send a test to everybody whom [notify] names, and say what came of it."""
    from selftune.app.notices.telling import send_test
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        _show(send_test(opened), json=json)


@notify.command()
def send(project: Folder = HERE, json: AsJson = False) -> None:
    """Tell what was not told yet; nights do so by themselves, a timer may do so in between."""
    from selftune.app.notices.telling import tell_what_is_due
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        _show(tell_what_is_due(opened), json=json)


def _show(told: tuple[Told, ...], *, json: bool) -> None:
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json

    if json:
        print_json([{"by": one.by, "notices": one.notices, "problem": one.problem} for one in told])
    elif not told:
        typer.echo("[notify] names nobody to tell. What it can hold: docs/notices.md")
    else:
        for one in told:
            typer.echo(f"{one.by}: {one.problem or f'{one.notices} told'}")
    if any(one.problem for one in told):
        sys.exit(ExitCode.ERROR)
