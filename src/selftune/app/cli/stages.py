"""Each stage by itself: the cycle up to there, nothing finished repeated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, BudgetUsd, Folder
from selftune.app.cli.staging import refuse_option_before, run_stage
from selftune.app.cli.training import training

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES: Final = {
    "judge": "Score what is new; say why where there is no score.",
    "curate": "Choose what the next model learns from.",
    "train": "Train a candidate.",
    "build": "Make the candidate servable.",
    "evaluate": "Ask champion and candidate the suite, as served.",
    "decide": "Let the gate answer; nothing is released.",
    "release": "Put the candidate into service if the gate promotes it.",
}


# Enough to see what scores go with, whatever the size of the log.
_judge = typer.Typer()
# Stages that have commands of their own below them.
_GROUPS: Final = {"judge": _judge, "train": training}


def register(app: typer.Typer) -> None:
    """Hang one command per stage on the app; `judge` and `train` are stages, and have commands of their own below."""
    for stage, summary in STAGES.items():
        if stage in _GROUPS:
            app.add_typer(_GROUPS[stage], name=stage, help=summary)
        else:
            app.command(stage, help=summary)(_command(stage))


@_judge.callback(invoke_without_command=True)
def judge(context: typer.Context, project: Folder = HERE, budget_usd: BudgetUsd = None, json: AsJson = False) -> None:
    """Run the stage, unless a command below it was named."""
    if context.invoked_subcommand is None:
        run_stage("judge", project, json=json, budget_usd=budget_usd)
    else:
        refuse_option_before(context, "judge", given=json or project != HERE or budget_usd is not None)


@_judge.command("import")
def judge_import(
    files: Annotated[list[Path], typer.Argument(help="JSON files with `summary` and `results`.")],
    rubric: Annotated[str, typer.Option(help="The rubric by which they were judged.")] = "character",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Bring in answers that another tool's judge scored; the overall is computed anew, a failure is no zero."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.judging import import_judged
    from selftune.judges.adopted import describe_adopted, warn_of_mixing
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        outcome = import_judged(opened, files, rubric=rubric, observer=Stages(make_console(stderr=True)))
    if json:
        print_json(outcome)
        return
    for one in outcome:
        typer.echo("\n".join(describe_adopted(one)))
    for line in warn_of_mixing(outcome):
        typer.echo(line)


@_judge.command("compare")
def judge_compare(
    ours: Annotated[Path, typer.Argument(help="A log with the answers that may win.")],
    theirs: Annotated[Path, typer.Argument(help="A log with other answers to the same prompts.")],
    rubric: Annotated[str | None, typer.Option(help="The rubric to compare by, instead of that in [judge].")] = None,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Stop as soon as it is clear who is better.")
    ] = False,
    budget_usd: BudgetUsd = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Compare two logs of answers, each pair in both orders with names hidden, by the endpoint in [judge]."""
    from selftune.app.cli.screen import print_json
    from selftune.app.comparing import compare_files, in_words
    from selftune.app.judging import limit_spending
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        limited = limit_spending(opened, budget_usd)
        outcome = compare_files(limited, ours, theirs, rubric=rubric, sequential=sequential)
    if json:
        print_json(outcome)
    else:
        typer.echo("\n".join(in_words(outcome)))


def _command(stage: str) -> Callable[..., None]:
    def run(project: Folder = HERE, json: AsJson = False) -> None:
        run_stage(stage, project, json=json)

    return run
