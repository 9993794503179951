"""The group `connect`: what other programs of yours know of the answers that they got here."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

_connect = typer.Typer(no_args_is_help=True, help="Bring in what people say of answers in other programs of yours.")


def register(app: typer.Typer) -> None:
    """Hang the group on the app."""
    _connect.command("openwebui")(openwebui)
    app.add_typer(_connect, name="connect")


def openwebui(
    url: Annotated[str, typer.Argument(help="Where Open WebUI runs, such as http://127.0.0.1:8080.")],
    once: Annotated[bool, typer.Option("--once", help="Look once, instead of until Ctrl-C.")] = False,
    every_seconds: Annotated[float, typer.Option(min=1, help="How often to look.")] = 60.0,
    variable: Annotated[
        str, typer.Option("--token-env", help="The environment variable that holds an administrator's API key.")
    ] = "OPEN_WEBUI_TOKEN",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Join the ratings and edits of a running Open WebUI to the answers that it got through the gateway."""
    import threading

    from selftune.app.cli.screen import print_json
    from selftune.app.gateway.capture.open_webui import connect
    from selftune.errors import BudgetError, DatabaseAwayError, LockedError, ServingError

    there, pause = connect(project, url, token_env=variable), threading.Event()
    while True:
        try:
            found = there.look()
        except (ServingError, LockedError, BudgetError, DatabaseAwayError) as error:
            if once:
                raise
            typer.echo(f"{error.message} {error.next_step}", err=True)
        else:
            if json:
                print_json(found)
            else:
                typer.echo(
                    f"{found.joined} ratings joined; {found.unknown} of answers that are not in this log or were "
                    f"another person's; "
                    f"{found.unreadable} in a shape that is not known."
                )
        if once:
            return
        pause.wait(every_seconds)
