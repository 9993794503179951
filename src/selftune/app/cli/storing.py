"""`selftune store`, `backup` and `restore`: where records are kept, and how they are kept twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.app.restoring import Restored

_MOST_NAMED: Final = 10

store = typer.Typer(no_args_is_help=True, help="Where records are kept: look, or bring them to a server and back.")


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    app.add_typer(store, name="store")
    app.command("backup")(back_up_project)
    app.command("restore")(restore_project)


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
    from selftune.app.cli.screen import print_json, working
    from selftune.app.storing import migrate_store

    with working("Migrating") as told:
        made = migrate_store(project, to, dry_run=dry_run, told=told)
    if json:
        print_json(made)
        return
    rows = f"{sum(made.rows.values())} rows, {made.entries} entries of the ledger"
    if not made.done:
        typer.echo(f"{rows} would come from {made.source} to {made.target}, which is empty. Nothing was changed.")
        return
    typer.echo(f"{rows} came from {made.source} to {made.target}, alike row by row ({made.digest}).")
    typer.echo(f"selftune.toml names it now. {made.source} stays as it was; delete it when you are sure.")


def back_up_project(
    to: Annotated[
        Path, typer.Argument(help="A new file, or a folder for a file of a fresh name; best on another disk.")
    ],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="The keys too: whoever has the file can sign.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write the whole project into one file, while it works: records, ledger, blobs, models, texts."""
    from selftune.app.backups import back_up
    from selftune.app.cli.screen import print_json, working

    with working("Backing up") as told:
        made = back_up(project, to, with_keys=with_keys, told=told)
    if json:
        print_json(made)
        return
    typer.echo(f"{made.path}: {made.files} files, {made.bytes} bytes, {made.entries} entries of the ledger")
    typer.echo(f"sha256 {made.sha256}")
    _show_left_out(made.left_out)
    typer.echo("It holds people's words. What is forgotten later stands in it still.", err=True)
    if not made.with_keys:
        typer.echo(
            "The keys are not in it. Keep .selftune/keys by yourself, or back up --with-keys: without them a restored "
            "project can be read, and keeps nothing new.",
            err=True,
        )


def restore_project(
    file: Annotated[Path, typer.Argument(help="What `selftune backup` wrote.")],
    into: Annotated[Path, typer.Option("--into", help="A new or empty folder.")],
    json: AsJson = False,
) -> None:
    """Make a project of a backup again, once every digest and the ledger were found right; never over another one."""
    from selftune.app.cli.screen import print_json, working
    from selftune.app.restoring import restore
    from selftune.errors import IntegrityError

    with working("Restoring") as told:
        made = restore(file, into, told)
    if json:
        print_json(made)
    else:
        _show_restored(made)
    if made.missing:
        sys.exit(IntegrityError.exit_code)


def _show_left_out(left_out: Sequence[str]) -> None:
    """Name what is not in a backup; keys are spoken of by themselves."""
    from selftune.app.reporting.pages.plain import plain

    told = [line for line in left_out if "keys were not asked for" not in line]
    if told:
        more = f"; and {len(told) - _MOST_NAMED} more, see --json" if len(told) > _MOST_NAMED else ""
        typer.echo(f"Not in it: {plain('; '.join(told[:_MOST_NAMED]))}{more}", err=True)


def _show_restored(made: Restored) -> None:
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.databases import STORE_URL

    when = plain(made.made_at)
    typer.echo(f"{made.folder}: {made.files} files as of {when}, {made.entries} entries of the ledger verified")
    for setting in made.cut_loose:
        typer.echo(f"{setting} named a server and is empty now; the records lie in the folder. Bring them back there")
        typer.echo("with `selftune store migrate --to URL`, into an empty database.")
    if os.environ.get(STORE_URL):
        typer.echo(f"{STORE_URL} is set: unset it for this project, whose records lie in its folder.", err=True)
    if made.damaged:
        typer.echo(f"Damaged records, as they were when it was made: {plain(', '.join(made.damaged[:5]))}", err=True)
    _show_left_out(made.left_out)
    if made.missing:
        named = plain("; ".join(made.missing[:_MOST_NAMED]))
        typer.echo(
            f"{len(made.missing)} files are missing that its records name: {named}. "
            "They were not in the backup. Bring them from another one; what needs them can't serve until then.",
            err=True,
        )
    if not made.with_keys:
        typer.echo("No keys were in it. It can be read; put yours into .selftune/keys before it goes on.", err=True)
