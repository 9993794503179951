"""Running one stage for a command, and printing what it made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.loop.executor import Stored
    from selftune.loop.project import Project
    from selftune.records import Judgement


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


def run_stage(
    stage: str,
    project: Path,
    *,
    json: bool,
    budget_usd: float | None = None,
    changes: Sequence[str] = (),
    continue_from: str = "",
) -> None:
    """Run the cycle up to this stage and print what it made.

    For this once `changes` are those of the recipe, and `continue_from` is the id of the run to train further.
    """
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.judging import limit_spending
    from selftune.loop.project import open_project
    from selftune.loop.runner import go_until

    with open_project(project) as opened:
        limited = limit_spending(opened, budget_usd)
        limited = replace(limited, recipe_changes=tuple(changes), continue_from=continue_from)
        output = go_until(limited, stage, Stages(make_console(stderr=True)))
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
