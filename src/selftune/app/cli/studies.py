"""The command group `study`: a month of nights by a plan that is on record before the first one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import AsJson
from selftune.app.cli.reporting import AsHtml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.studying import Standing
    from selftune.records import StudyNight

_study = typer.Typer(no_args_is_help=True, help="A month of nights whose question and rule are on record before.")
_Folder = Annotated[Path, typer.Argument(help="The folder of the study.")]
_HERE: Final = Path()


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(_study, name="study")


@_study.command("init")
def study_init(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    plan: Annotated[str, typer.Option(help="A plan by name, or its TOML file.")] = "month",
    nights: Annotated[int | None, typer.Option(min=2, help="How many; else as the plan says.")] = None,
    seed: Annotated[int | None, typer.Option(help="All chance comes from here; else as the plan says.")] = None,
    approve: Annotated[
        str | None,
        typer.Option(help="Who says yes in simulated time when the circuit breaker opens; else a person is awaited."),
    ] = None,
) -> None:
    """Make three arms on one base, and write plan, measure and rule into the ledger of each before the first night."""
    from selftune.app.cli.screen import Stages, make_console
    from selftune.app.studying import chosen_plan, init_study

    console = make_console(stderr=True)
    chosen = chosen_plan(plan, nights=nights, seed=seed, approve=approve)
    bound = init_study(folder, chosen, Stages(console))
    typer.echo(f"{bound.name} is registered: {bound.digest}")
    typer.echo(bound.question)
    typer.echo(bound.rule)
    typer.echo(f"Next: selftune study run {folder} --simulated, or without it once a day.")


@_study.command("run")
def study_run(
    folder: _Folder = _HERE,
    nights: Annotated[int | None, typer.Option(min=1, help="So many at most; else all that are due.")] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Let the nights follow each other at once; no calendar goes by.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Live through the nights that are due, every arm alike; cut off, the same command goes on."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.studying import run_study

    lived: list[StudyNight] = []

    def tell(night: StudyNight) -> None:
        lived.append(night)
        if not json:
            typer.echo(_line(night))

    standing = run_study(folder, Stages(make_console(stderr=True)), tell, nights=nights, simulated=simulated)
    if json:
        print_json({"complete": standing.complete, "of": standing.plan.nights, "nights": standing.nights})
    else:
        typer.echo(f"{standing.complete} of {standing.plan.nights} nights are complete.")
        if not lived and standing.complete < standing.plan.nights:
            typer.echo("None is due before tomorrow: there is one a day.")


@_study.command("status")
def study_status(folder: _Folder = _HERE, json: AsJson = False) -> None:
    """How far the study is, on one screen: what serves in each arm, how it scored, what is next."""
    from selftune.app.cli.screen import print_json
    from selftune.app.studying import standing_of

    standing = standing_of(folder)
    if json:
        print_json({"plan": standing.plan, "complete": standing.complete, "nights": standing.nights})
    else:
        typer.echo("\n".join(_told(standing, folder)))


@_study.command("report")
def study_report(folder: _Folder = _HERE, html: AsHtml = None, json: AsJson = False) -> None:
    """What the study came to so far: negative findings first, trajectories, decisions, trainings, costs."""
    from selftune.app.cli.reporting import give_page
    from selftune.app.studying import page_of_study

    give_page(page_of_study(folder), html=html, json=json)


def _told(standing: Standing, folder: Path) -> Iterator[str]:
    plan = standing.plan
    yield f"{plan.name}: {standing.complete} of {plan.nights} nights are complete; plan {plan.digest[7:19]}"
    for arm, nights in standing.nights.items():
        promotions = sum(night.promoted_id is not None for night in nights)
        trainings = sum(night.run_id is not None for night in nights)
        yield f"  {arm.value:12}  {len(nights):>3} nights, {trainings} trainings, {promotions} promotions"
        if nights:
            yield f"  {'':12}  {_line(nights[-1]).strip()}"
    if standing.complete == plan.nights:
        yield f"Next: selftune study report {folder} --html study.html"
    else:
        yield "The rule is applied after the last night and not before."
        yield f"Next: selftune study run {folder}"


def _line(night: StudyNight) -> str:
    from selftune.app.reporting.pages import figures

    score = "not measured" if night.score is None else figures.mean(night.score, night.interval, 3)
    return f"{night.number:>3}  {night.arm:12}  {night.version:6}  {score}, n {night.n}  {night.ended_by}"
