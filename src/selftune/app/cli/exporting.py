"""`selftune export`: a run as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(app: typer.Typer) -> None:
    """Hang this command on the app."""
    app.command("export")(export)


def export(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    run: Annotated[str, typer.Option(help="A run's id or its beginning; the last run by default.")] = "",
    form: Annotated[
        str, typer.Option(help="adapter, f16, q8_0, q6_k, q5_k_m, q4_k_m, or folder: merged, as a Hugging Face folder.")
    ] = "adapter",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write a run in one serving form into a folder, for other programs to load: PEFT's, Hugging Face's or GGUF."""
    from rich.markup import escape

    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.exporting import describe_export, export_run

    done = export_run(project, run, folder, form, Stages(make_console(stderr=True)))
    if json:
        print_json({"run": done.run.id, "build": done.build.id, "folder": done.folder, "files": done.files})
        return
    console = make_console()
    for line in describe_export(done):
        console.print(escape(line), soft_wrap=True)
