"""Each stage by itself: the cycle up to there, nothing finished repeated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, BudgetUsd, Folder
from selftune.app.cli.training import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.executor import Stored
    from selftune.loop.project import Project
    from selftune.records import Judgement

STAGES: Final = {
    "judge": "Score what is new; say why where there is no score.",
    "curate": "Choose what the next model learns from.",
    "train": "Train a candidate.",
    "build": "Make the candidate servable.",
    "evaluate": "Ask champion and candidate the suite, as served.",
    "decide": "Let the gate answer; nothing is released.",
    "release": "Put the candidate into service if the gate promotes it.",
}


_PANEL: Final = "Stage by stage"
# Enough to see what scores go with, whatever the size of the log.
_judge = typer.Typer()
# Stages that have commands of their own below them.
_GROUPS: Final = {"judge": _judge, "train": training}


def register(app: typer.Typer) -> None:
    """Hang one command per stage on the app; `judge` and `train` are stages, and have commands of their own below."""
    for stage, summary in STAGES.items():
        if stage in _GROUPS:
            app.add_typer(_GROUPS[stage], name=stage, help=summary, rich_help_panel=_PANEL)
        else:
            app.command(stage, help=summary, rich_help_panel=_PANEL)(_command(stage))


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


def refuse_option_before(context: typer.Context, stage: str, *, given: bool) -> None:
    """Refuse an option that was written before the command below a stage.

    Raises:
        UsageError: says where it belongs.
    """
    from selftune.errors import UsageError

    if given:
        raise UsageError(
            f"an option stands before {context.invoked_subcommand!r}, where it would be overlooked.",
            next_step=f"Write it behind: selftune {stage} {context.invoked_subcommand} … --project FOLDER --json.",
        )


def run_stage(stage: str, project: Path, *, json: bool, budget_usd: float | None = None) -> None:
    """Run the cycle up to this stage and print what it made."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.judging import limit_spending
    from selftune.loop.project import open_project
    from selftune.loop.runner import go_until

    with open_project(project) as opened:
        output = go_until(limit_spending(opened, budget_usd), stage, Stages(make_console(stderr=True)))
        told = _told_of_batch(opened, output) if stage == "judge" else ()
        plain = _plain(opened, stage, output) if json else None
    if json:
        print_json(plain)
    else:
        typer.echo("\n".join((_describe(output), *told)))
    _exit(output)


def _told_of_batch(project: Project, output: Stored[Judgement]) -> tuple[str, ...]:
    """What a batch of verdicts came to and cost, and what its scores go with."""
    from selftune.app.batches import tell_bias
    from selftune.judges.totals import add_up, describe_totals

    return (describe_totals(add_up(output)), *tell_bias(project, output.ids))


def _plain(project: Project, stage: str, output: Any) -> Any:
    from selftune.app.batches import report_bias
    from selftune.judges.totals import add_up
    from selftune.loop.executor import Stored

    if isinstance(output, tuple):
        return {"evaluations": [{"id": one.id, "suite": one.suite, "record": one} for one in output]}
    if not isinstance(output, Stored):
        return {"id": output.id, "record": output}
    ids = {"ids": list(output.ids)}
    if stage != "judge":
        return ids
    return ids | {"totals": add_up(output), "bias": report_bias(project, output.ids)}


def _describe(output: Any) -> str:
    from selftune.loop.executor import Stored

    if isinstance(output, Stored):
        return f"{len(output)} kept. Look at one with `selftune why {output.ids[-1][:24]}`."
    if isinstance(output, tuple):
        return "\n".join(f"{one.suite}, {one.build_id[:18]}: `selftune report {one.id[:24]}`" for one in output)
    card = getattr(output, "card", None)
    return card or f"{output.id}: look at it with `selftune why {output.id[:24]}`."


def _exit(output: Any) -> None:
    from selftune.app.cli.exit_codes import code_of
    from selftune.records import Decision

    if isinstance(output, Decision):
        raise typer.Exit(int(code_of(output.outcome)))
