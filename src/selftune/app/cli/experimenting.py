"""The command group `experiment`: one try by hand; and experiments whose rule is on record before they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.reporting.pages import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.statistics.means import MeanDifference
    from selftune.loop.experiments.two_by_two import Conclusion, Registration
    from selftune.loop.night.by_hand import HandPlan
    from selftune.records import Experiment
    from selftune.scoring.units import Mean

_experiment = typer.Typer()
_HELP: Final = "Try one thing by hand; or run an experiment whose rule is on record before it is run."
_Plan = Annotated[str, typer.Argument(help="A plan by name, or its TOML file.")]
_SHIPPED: Final = "two_by_two"


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(_experiment, name="experiment", help=_HELP)


@_experiment.callback(invoke_without_command=True)
def experiment(
    context: typer.Context,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="What to try, as lora_rank=8; by default what is proposed next.")
    ] = None,
    skip_prepare: Annotated[
        bool, typer.Option("--skip-prepare", help="Learn from what was judged before, whatever is new.")
    ] = False,
    proxy: Annotated[bool, typer.Option("--proxy", help="On the small base that stands in.")] = False,
    full: Annotated[bool, typer.Option("--full", help="On the base that serves.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and touch nothing.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Stop, train, ask, keep or revert, start again: one experiment, held against the recipe in force."""
    if context.invoked_subcommand is not None:
        return
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.loop.night.by_hand import plan_by_hand, try_by_hand
    from selftune.loop.project import open_project
    from selftune.records import Mode

    if proxy and full:
        raise typer.BadParameter("--proxy and --full name two bases.")
    mode = Mode.PROXY if proxy else Mode.FULL if full else None
    wanted = tuple(changes or ())
    with open_project(project) as opened:
        if dry_run:
            planned = plan_by_hand(opened, wanted, mode)
            if json:
                print_json(planned)
            else:
                typer.echo("\n".join(_planned(planned)))
            return
        observer = Stages(make_console(stderr=True))
        found = try_by_hand(opened, wanted, mode=mode, skip_prepare=skip_prepare, observer=observer)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(_tried(found)))


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


def _planned(planned: HandPlan) -> Iterator[str]:
    from selftune.loop.nodes.base import in_words

    yield f"node     {in_words(planned.node)}"
    yield f"tries    {', '.join(planned.proposal.changes)} ({planned.proposal.lane}, {planned.proposal.proposer})"
    yield f"because  {planned.proposal.reason or 'you said so'}"
    yield f"screen   {planned.screen.name}, {len(planned.screen.items)} items"


def _tried(found: Experiment) -> Iterator[str]:
    from selftune.loop.nodes.base import PROMOTES_NOTHING
    from selftune.records import ExperimentResult, Mode

    yield f"{found.name}  {', '.join(found.changes)}: {found.result}"
    yield found.why
    if found.result is not ExperimentResult.KEPT:
        return
    if found.mode is Mode.FULL:
        yield f"Next: selftune cycle --run {found.run_id} asks the gate about it."
    else:
        yield f"A base that stands in was trained: {PROMOTES_NOTHING}."
        yield "Next: selftune experiment --full, with the same --set."


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
