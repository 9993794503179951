"""`selftune examples`: what helps sooner than a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, Folder


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""
    app.command("examples")(examples)


def examples(
    n: Annotated[int, typer.Option("--n", min=1, max=50, help="How many.")] = 3,
    out: Annotated[Path | None, typer.Option("--out", help="Write them to this new file instead.")] = None,
    project: Folder = HERE,
) -> None:
    """Print your best answers as a system prompt: it can help before there are enough lessons to train on."""
    from selftune.app.examples import prompt_of_examples
    from selftune.errors import UsageError
    from selftune.loop.project import open_project

    if out is not None and out.exists():
        raise UsageError(f"there is a file {out} already.", next_step="Name another file with --out.")
    with open_project(project) as opened:
        text = prompt_of_examples(opened, n)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        typer.echo(
            f"Try it with `selftune ask --system @{out} …`, or set `prompt_only` under [evaluation] to its text."
        )
