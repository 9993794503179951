"""The command group `experiment`: what will be concluded is registered first, then it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.reporting.pages import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.statistics.means import MeanDifference
    from selftune.loop.experiments.two_by_two import Conclusion, Registration
    from selftune.scoring.units import Mean

_experiment = typer.Typer(no_args_is_help=True, help="Experiments whose rule is on record before they are run.")
_Plan = Annotated[str, typer.Argument(help="A plan by name, or its TOML file.")]
_SHIPPED: Final = "two_by_two"


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(_experiment, name="experiment", rich_help_panel="The house")


@_experiment.command("register")
def experiment_register(plan: _Plan = _SHIPPED, project: Folder = HERE, json: AsJson = False) -> None:
    """Write into the ledger what a 2 x 2 experiment will ask and how it will be decided, before it is run."""
    from selftune.app.cli.screen import print_json
    from selftune.app.experiments import register_plan

    bound = register_plan(project, plan)
    if json:
        print_json(
            {"name": bound.plan.name, "digest": bound.digest, "rule": bound.plan.rule, "seen_before": bound.seen}
        )
    else:
        typer.echo("\n".join(_registered(bound)))


@_experiment.command("run")
def experiment_run(plan: _Plan = _SHIPPED, project: Folder = HERE, json: AsJson = False) -> None:
    """Ask base and tuned model with and without the state, and say which hypothesis held, if any."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.experiments import as_document, run_plan
    from selftune.loop.experiments.two_by_two import Held

    found = run_plan(project, plan, Stages(make_console(stderr=True)))
    if json:
        print_json(as_document(found))
    else:
        typer.echo("\n".join(_told(found)))
    codes = {Held.NEITHER: ExitCode.INCONCLUSIVE, Held.INVALID: ExitCode.INVALID}
    raise typer.Exit(codes.get(found.held, ExitCode.OK))


def _registered(bound: Registration) -> Iterator[str]:
    yield f"{bound.plan.name} is registered: {bound.digest}"
    yield bound.plan.question
    yield f"Suite {bound.suite.name}, {len(bound.suite.items)} items; base {bound.base.id}, tuned {bound.tuned.id}."
    yield f"Rule: {bound.plan.rule}"
    if bound.seen:
        yield f"Seen before it was registered: {', '.join(bound.seen)}. The result will say so."


def _told(found: Conclusion) -> Iterator[str]:
    yield f"{found.held}: {found.reason}."
    yield ""
    for cell, mean, _ in found.arms:
        yield f"  {cell:15} {_mean(mean)}"
    if found.h1 is not None and found.h2 is not None and found.interaction is not None:
        low, high = found.h2.interval
        yield ""
        yield f"  H1  tuned without below base with: bound {found.h1.bound:+.3f}, p {found.h1.p_value:.4f}"
        yield f"  H2  equal within {found.h2.margin:g}: [{low:+.3f}, {high:+.3f}], p {found.h2.p_value:.4f}"
        yield ""
        for name, effect in found.effects:
            yield f"  {name:32} {_effect(effect)}"
        yield f"  {'interaction':32} {_effect(found.interaction)}"
    if found.registration.seen:
        yield f"  seen before the plan was registered: {', '.join(found.registration.seen)}"


def _mean(mean: Mean) -> str:
    if mean.value is None or mean.interval is None:
        return "no score"
    return f"{figures.mean(mean.value, mean.interval, 3)}, n {mean.n}"


def _effect(effect: MeanDifference) -> str:
    return f"{figures.shift(effect.mean, effect.interval, 3)}, n {effect.n}"
