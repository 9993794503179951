"""`selftune inspect-log`: an evaluation for the viewer of Inspect AI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("inspect-log")(inspect_log)


def inspect_log(
    evaluation: Annotated[str, typer.Argument(help="Id of an evaluation, or its beginning.")],
    out: Annotated[Path, typer.Argument(help="Where the log goes: FILE.eval or FILE.json.")],
    project: Folder = HERE,
) -> None:
    """Write an evaluation as a log of Inspect AI; `inspect view` shows it, item by item."""
    from selftune.app.inspecting import write_log

    found = write_log(project, evaluation, out)
    typer.echo(f"Written: {out}, {len(found.outcomes)} answers on {found.suite}. Look at it with `inspect view`.")
