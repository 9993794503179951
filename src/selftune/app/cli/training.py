"""`selftune train`: the stage, and what is asked of a training before and after it."""

from __future__ import annotations

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

training = typer.Typer()
"""What else belongs to training hangs its commands here."""


@training.callback(invoke_without_command=True)
def train(context: typer.Context, project: Folder = HERE, json: AsJson = False) -> None:
    """Run the stage, unless a command below it was named."""
    from selftune.app.cli.stages import refuse_option_before, run_stage

    if context.invoked_subcommand is None:
        run_stage("train", project, json=json)
    else:
        refuse_option_before(context, "train", given=json or project != HERE)
