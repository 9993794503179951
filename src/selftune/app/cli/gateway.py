"""`selftune up`, and the gateway that clients talk to: its keys and what it counts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

_gateway = typer.Typer(no_args_is_help=True, help="The address for clients: its keys, and what it counts.")
_key = typer.Typer(no_args_is_help=True, help="Keys of clients: what they ask may be learnt from.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("up")(up)
    _gateway.command("status")(status)
    _key.command("add")(add)
    _key.command("list")(list_keys)
    _key.command("revoke")(revoke)
    _gateway.add_typer(_key, name="key")
    app.add_typer(_gateway, name="gateway")


def up(
    project: Folder = HERE,
    port: Annotated[
        int | None, typer.Option(help="The gateway's port; [gateway] port by default, 0 finds one.")
    ] = None,
    dashboard_port: Annotated[
        int | None, typer.Option(help="The pages' port; [dashboard] port by default, 0 finds one.")
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="No pages.")] = False,
    no_model: Annotated[bool, typer.Option("--no-model", help="Start no model; ask what serves already.")] = False,
) -> None:
    """Serve the model to your clients, keep what is said, and show the pages; until Ctrl-C."""
    import logging

    from selftune.app.bringing_up import Wishes, bring_up

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    wishes = Wishes(port=port, dashboard_port=dashboard_port, dashboard=not no_dashboard, model=not no_model)
    sys.exit(bring_up(project, wishes, _tell))


def _tell(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


def status(project: Folder = HERE, json: AsJson = False) -> None:
    """What the gateway that runs for this project has counted since it began."""
    from selftune.app.cli.screen import print_json
    from selftune.app.gateway.looking import gateway_status, status_lines

    told = gateway_status(project)
    if json:
        print_json(told)
    else:
        typer.echo("\n".join(status_lines(told)))


def add(
    name: Annotated[str, typer.Argument(help="What you will know it by.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="chat, feedback or read; all three by default.")
    ] = None,
    consent: Annotated[str, typer.Option(help="keep, train or send; [capture] consent by default.")] = "",
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, help="[gateway] requests_per_minute by default.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Make a key for a client; it is shown once, and its digest alone is kept."""
    from selftune.app.cli.screen import print_json
    from selftune.app.gateway.looking import add_key

    key, secret = add_key(project, name, scope or (), consent, requests_per_minute)
    if json:
        print_json({"id": key.id, "name": key.name, "key": secret})
        return
    typer.echo(secret)
    typer.echo(f"This key {key.name!r} ({key.id}) is shown this once.", err=True)


def list_keys(project: Folder = HERE, json: AsJson = False) -> None:
    """Every key that was made here, and what it opens."""
    from selftune.app.cli.screen import print_json
    from selftune.app.gateway.looking import key_lines, keys_of

    keys = keys_of(project)
    if json:
        print_json([{name: value for name, value in key.items() if name != "digest"} for key in keys])
    else:
        typer.echo("\n".join(key_lines(keys)))


def revoke(
    key: Annotated[str, typer.Argument(help="Its id or its name.")],
    project: Folder = HERE,
) -> None:
    """Have a key open nothing from now on; what it brought in stays."""
    from selftune.app.gateway.looking import drop_key

    revoked = drop_key(project, key)
    typer.echo(f"The key {revoked.name!r} ({revoked.id}) opens nothing any more.")
