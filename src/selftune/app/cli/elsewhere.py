"""`selftune train elsewhere`: a folder that another machine trains by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from selftune.app.elsewhere import Sent
    from selftune.context import Progress


def register(training: typer.Typer) -> None:
    """Hang the commands on the group `train`."""
    training.command("elsewhere")(elsewhere)
    training.command("job")(job)


def elsewhere(
    to: Annotated[str, typer.Option(help="selftune, unsloth, axolotl, llama-factory, mlx, together or modal.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    dataset: Annotated[str, typer.Option(help="Id of a dataset, or its beginning; without one, the newest.")] = "",
    recipe: Annotated[str, typer.Option(help="Name or file of a recipe; without one, the project's.")] = "",
    base: Annotated[str, typer.Option(help="What the base is called there; without it, its files go along.")] = "",
    precision: Annotated[
        str, typer.Option(help="bfloat16, float16 or float32: what that machine sums in; bfloat16 without it.")
    ] = "",
    four_bit: Annotated[
        bool | None, typer.Option("--four-bit/--no-four-bit", help="Hold the base in 4 bits, whatever the recipe says.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="The accelerator that is rented: T4, L4, L40S, A100-80GB or H100.")] = "L4",
    usd_per_hour: Annotated[float | None, typer.Option(min=0, help="What an hour of it costs you.")] = None,
    usd_per_million_tokens: Annotated[
        float | None, typer.Option(min=0, help="What a million tokens cost you at a service that counts them.")
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write data, config and commands for a training on another machine, with what it will cost; run nothing."""
    from selftune.app.cli.screen import print_json
    from selftune.app.elsewhere import Asked, send_elsewhere
    from selftune.loop.project import open_project

    asked = Asked(
        to=to,
        out=out,
        dataset=dataset,
        recipe=recipe,
        base=base,
        precision=precision,
        four_bit=four_bit,
        gpu=gpu,
        usd_per_hour=usd_per_hour,
        usd_per_million=usd_per_million_tokens,
    )
    with open_project(project) as opened:
        sent = send_elsewhere(opened, asked)
    if json:
        print_json(sent)
    else:
        typer.echo("\n".join(_lines(sent)))


def job(
    folder: Annotated[Path, typer.Argument(help="What `selftune train elsewhere --to selftune` wrote.")],
    progress: Annotated[
        bool, typer.Option("--progress", help="Print a line for each step: for the machine that sent it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Train a job that another machine sent; its adapter then lies in the folder. No project is needed.

    Processes that torchrun starts with `-m selftune train job FOLDER` share the work.
    """
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.loop.jobs import train_job
    from selftune.training.team import joined_team

    screen = Stages(make_console(stderr=True))
    with joined_team() as team:
        if team.leads:
            screen.started("train")
        tell = _tell_step if progress else lambda made: screen.progressed("train", made)
        result = train_job(folder, tell, team)
    if not team.leads:
        return
    screen.finished("train", result.seconds, reused=False)
    if json:
        print_json(result)
    else:
        reason = f", {result.reason}" if result.reason else ""
        typer.echo(f"{result.status.value.replace('_', ' ')}{reason}: {result.steps} steps; {folder / 'adapter'}")


def _tell_step(made: Progress) -> None:
    typer.echo(f"step {made.done} of {made.total}: {made.note}")


def _lines(sent: Sent) -> list[str]:
    from selftune.training.elsewhere.readme import in_words

    left = [f"  left out, {count}: {reason}" for reason, count in sent.left_out]
    return [
        f"{sent.folder}: {', '.join(sent.files)}",
        f"{sent.steps} steps on {sent.examples} examples of {sent.dataset_id[:24]}",
        *left,
        "There, in that folder:",
        *(f"  {command}" for command in sent.commands),
        "Back here:",
        f"  {sent.come_back}",
        "What it will take:",
        *(f"  {line}" for line in in_words(sent.estimate)),
    ]
