"""`selftune train`: the stage, and what is asked of a training before and after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

training = typer.Typer()
"""What else belongs to training hangs its commands here."""

RunName = Annotated[str, typer.Argument(help="A run, by its id or how that begins.")]


@training.callback(invoke_without_command=True)
def train(context: typer.Context, project: Folder = HERE, json: AsJson = False) -> None:
    """Run the stage, unless a command below it was named."""
    from selftune.app.cli.stages import refuse_option_before, run_stage

    if context.invoked_subcommand is None:
        run_stage("train", project, json=json)
    else:
        refuse_option_before(context, "train", given=json or project != HERE)


@training.command("repeat")
def repeat(run: RunName, project: Folder = HERE, json: AsJson = False) -> None:
    """Train a run once more from its record: the same adapter byte for byte, or what differs."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.trainings import describe_repetition, repeat_run
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = repeat_run(opened, run, Stages(make_console(stderr=True)))
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_repetition(found)))
    raise typer.Exit(int(ExitCode.OK if found.same else ExitCode.INVALID))


@training.command("import")
def bring_in(
    adapter: Annotated[Path, typer.Argument(help="A folder with adapter_config.json and adapter_model.safetensors.")],
    dataset: Annotated[
        str | None, typer.Option(help="What it was trained on; needed where the adapter does not say so.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Take an adapter that was trained elsewhere for a run: held against the base, and looked at as our own are."""
    from selftune.app.cli.screen import print_json
    from selftune.app.trainings import describe_import, import_run
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        run = import_run(opened, adapter, dataset)
    if json:
        print_json({"id": run.id, "record": run})
    else:
        typer.echo("\n".join(describe_import(run)))


@training.command("curves")
def curves(run: RunName, project: Folder = HERE, json: AsJson = False) -> None:
    """Print a run's loss, learning rate and gradient norm step by step, as CSV."""
    from selftune.app.cli.screen import print_json
    from selftune.app.trainings import curve_rows, curve_table, find_run
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = find_run(opened, run)
    if json:
        print_json({"id": found.id, "curve": curve_rows(found)})
    else:
        typer.echo(curve_table(found), nl=False)
