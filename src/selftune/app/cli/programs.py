"""The group `program`: the agenda of a night as it is read, and the check of an edited copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

_program = typer.Typer()
_HELP = "What a night may try: program.md as it is read, each knob with its bounds and what it is wired to."


def register(app: typer.Typer) -> None:
    """Hang the group on the app; `selftune program` by itself shows it."""
    app.add_typer(_program, name="program", help=_HELP)


@_program.callback(invoke_without_command=True)
def program(context: typer.Context, project: Folder = HERE, json: AsJson = False) -> None:
    """What a night may try: program.md as it is read, each knob with its bounds and what it is wired to."""
    if context.invoked_subcommand is not None:
        return
    from selftune.app.cli.screen import print_json
    from selftune.app.programs import describe, show_agenda
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        shown = show_agenda(opened)
    if json:
        print_json(shown)
    else:
        typer.echo("\n".join(describe(shown)))


@_program.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="An edited copy of program.md.")],
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Refuse an edited copy in which anything outside of the marked block differs, or the block is not sound."""
    from selftune.app.cli.screen import print_json
    from selftune.app.programs import check_copy
    from selftune.errors import MissingFileError
    from selftune.loop.project import open_project

    if not file.is_file():
        raise MissingFileError(f"there is no file {file}.", next_step="Name an edited copy of program.md.")
    with open_project(project) as opened:
        agenda = check_copy(opened, file)
    if json:
        print_json({"tries": agenda.tries})
    else:
        typer.echo(f"{file} keeps to the marked block: {len(agenda.tries)} to be tried first.")
