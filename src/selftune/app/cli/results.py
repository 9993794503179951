"""The command group `results`: what was tried here, and logs of tries from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

group = typer.Typer(help="What was tried, one row each, and how far a log of tries can be believed.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.add_typer(group, name="results")


@group.callback(invoke_without_command=True)
def results(
    context: typer.Context,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write results.tsv anew from the store; an edited one is set aside.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What was tried here: how many were kept, what a person changed in results.tsv, and the logs brought in."""
    if context.invoked_subcommand is not None:
        return
    from selftune.app.cli.screen import print_json
    from selftune.app.results import describe_results, gather_results
    from selftune.loop.experiments.record_keeping.results_tsv import rebuild_results
    from selftune.loop.project import open_project
    from selftune.loop.runner import hold_lease

    with open_project(project) as opened:
        if rebuild:
            with hold_lease(opened):
                aside = rebuild_results(opened)
            typer.echo(
                "results.tsv is written anew." + (f" The edited one is {aside.name}." if aside else ""), err=True
            )
        found = gather_results(opened)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_results(found)))


@group.command("import")
def results_import(
    file: Annotated[Path, typer.Argument(help="A tab-separated log: results.tsv, an autoresearch log, probes.")],
    metric: Annotated[str, typer.Option(help="The column to rank by; the first known one.")] = "",
    higher: Annotated[
        bool | None,
        typer.Option("--higher-is-better/--lower-is-better", help="Which way the metric is better, if it isn't known."),
    ] = None,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Bring in a log of tries that was kept elsewhere, to be read; it decides nothing here."""
    from selftune.app.cli.screen import print_json
    from selftune.app.log_noise import describe_log, read_noise
    from selftune.app.result_logs import import_result_log
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        log = import_result_log(opened, file, metric=metric, higher=higher)
    if json:
        print_json({"log": log, "reading": read_noise(log)})
    else:
        typer.echo("\n".join(describe_log(log)))


@group.command("learn")
def results_learn(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="Tries whose lessons are added to program.md; without one they are shown."),
    ] = None,
    project: Folder = HERE,
) -> None:
    """What tries would teach, from evidence alone; what you name is added to program.md and binds every proposer."""
    from selftune.app.results import learn_lessons
    from selftune.loop.experiments.agenda.writing import lesson_line
    from selftune.loop.experiments.record_keeping.lessons import proposal_lines
    from selftune.loop.project import open_project
    from selftune.records import Experiment

    with open_project(project) as opened:
        if experiments:
            lines = [f"Added to program.md: {lesson_line(one)}" for one in learn_lessons(opened, experiments)]
        else:
            lines = list(proposal_lines([one for _, one in opened.store.each(Experiment)]))
    typer.echo("\n".join(lines))
