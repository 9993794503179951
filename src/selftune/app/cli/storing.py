"""`selftune store`, `backup` and `restore`: where records are kept, and how they are kept twice."""

from __future__ import annotations

from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

store = typer.Typer(no_args_is_help=True, help="Where records are kept: look, or bring them to a server and back.")


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.add_typer(store, name="store", rich_help_panel="The house")


@store.command("status")
def status(project: Folder = HERE, json: AsJson = False) -> None:
    """Say where the records are, how many there are, and which older stores lie beside them."""
    from selftune.app.cli.screen import print_json
    from selftune.app.storing import store_status

    found = store_status(project)
    if json:
        print_json(found)
        return
    typer.echo(f"records   {found.kept_in} (by {found.told_by})")
    typer.echo(f"engine    {found.engine}")
    typer.echo(f"ledger    {found.entries} entries")
    typer.echo("tables    " + ", ".join(f"{name} {count}" for name, count in found.rows.items() if count))
    typer.echo(f"dialogues {found.dialogues}, those that are not over")
    for left in found.left_behind:
        typer.echo(f"left      {left}: an older store; what is forgotten now stands in it still. Delete it when sure.")


@store.command("migrate")
def migrate(
    to: Annotated[str, typer.Option("--to", help="postgresql://USER@HOST:PORT/NAME, or `sqlite` for the file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look whether it could be done, and change nothing.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Copy every record into an empty database, compare row by row, and go on there; the store of before stays.

    End what runs in this project first (`selftune up`, nights): what has the old store open would go on with that one.
    """
    from selftune.app.cli.screen import print_json
    from selftune.app.storing import migrate_store

    made = migrate_store(project, to, dry_run=dry_run)
    if json:
        print_json(made)
        return
    rows = f"{sum(made.rows.values())} rows, {made.entries} entries of the ledger"
    if not made.done:
        typer.echo(f"{rows} would come from {made.source} to {made.target}, which is empty. Nothing was changed.")
        return
    typer.echo(f"{rows} came from {made.source} to {made.target}, alike row by row ({made.digest}).")
    typer.echo(f"selftune.toml names it now. {made.source} stays as it was; delete it when you are sure.")
