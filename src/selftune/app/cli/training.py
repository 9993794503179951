"""`selftune train`: the stage, and what is asked of a training before and after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder
from selftune.app.cli.staging import refuse_option_before, run_stage

if TYPE_CHECKING:
    from selftune.app.training_plans import Word

    # What this command alone does otherwise: changes of the recipe, and the id of the run to go on from.
    _Once = tuple[tuple[str, ...], str]

training = typer.Typer()
"""What else belongs to training hangs its commands here."""

RunName = Annotated[str, typer.Argument(help="A run, by its id or how that begins, or `newest`.")]


@training.callback(invoke_without_command=True)
def train(
    context: typer.Context,
    plan: Annotated[
        bool, typer.Option("--plan", help="Train nothing: say what would be trained, and what speaks against it.")
    ] = False,
    recipe: Annotated[str, typer.Option(help="With --plan: a recipe by name or path; else the project's own.")] = "",
    dataset: Annotated[
        str, typer.Option(help="With --plan: a dataset's id, or a file of lessons or pairs; else the newest dataset.")
    ] = "",
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help="With --plan: memory of another machine that is to train.")
    ] = None,
    usd_per_hour: Annotated[float | None, typer.Option(min=0.0, help="With --plan: what an hour of it costs.")] = None,
    gpu: Annotated[
        str, typer.Option(help="With --plan: a card to be rented (T4, L4, L40S, A100-80GB, H100): memory, time, price.")
    ] = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE: train by another value, within the recipe's [ranges]; may be repeated."),
    ] = None,
    continued: Annotated[
        str,
        typer.Option(
            "--continue",
            help="Train an adapter further: a run's, by its id, or one in a folder, which is imported first.",
        ),
    ] = "",
    i_know: Annotated[
        bool, typer.Option("--i-know", help="Set aside the rules that may be, for this recipe; the ledger says so.")
    ] = False,
    because: Annotated[str, typer.Option(help="With --i-know: why, kept word for word.")] = "",
    author: Annotated[str, typer.Option(help="With --i-know: who says so; your user name by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Run the stage, or plan it, unless a command below it was named."""
    of_plan = bool(recipe or dataset or gpu) or memory_gb is not None or usd_per_hour is not None
    varied = tuple(changes or ())
    word = _word(author, because, given=i_know)
    if context.invoked_subcommand is not None:
        given = json or project != HERE or plan or of_plan or i_know or bool(varied or continued)
        refuse_option_before(context, "train", given=given)
    elif plan:
        once = (varied, _find_adapter(project, continued))
        _plan(project, recipe, dataset, memory_gb, usd_per_hour, gpu=gpu, once=once, word=word, json=json)
    else:
        _refuse_without_plan(given=of_plan)
        begun = _find_adapter(project, continued)
        if i_know or varied or begun:
            _settle_recipe(project, (varied, begun), word)
        run_stage("train", project, json=json, changes=varied, continue_from=begun)


def _plan(
    project: Path,
    recipe: str,
    dataset: str,
    memory_gb: float | None,
    usd_per_hour: float | None,
    *,
    gpu: str,
    once: _Once,
    word: Word | None,
    json: bool,
) -> None:
    from dataclasses import replace

    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.plans import show_on
    from selftune.app.cli.screen import make_console, print_json
    from selftune.app.training_plans import show_plan
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        shown = show_plan(
            replace(opened, recipe_changes=once[0], continue_from=once[1]),
            recipe=recipe,
            lessons=dataset,
            memory_gb=memory_gb,
            usd_per_hour=usd_per_hour,
            gpu=gpu,
            word=word,
        )
    if json:
        print_json(shown)
    else:
        show_on(make_console(), shown)
    raise typer.Exit(int(ExitCode.USAGE if shown.plan.refused else ExitCode.OK))


def _refuse_without_plan(*, given: bool) -> None:
    from selftune.errors import UsageError

    if given:
        raise UsageError(
            "an option of --plan stands without it: a training takes its recipe and its dataset from the project.",
            next_step="Add --plan, or name the recipe under [training] in selftune.toml.",
        )


def _word(author: str, text: str, *, given: bool) -> Word | None:
    """What a person says who sets a rule aside; None where nobody does."""
    from selftune.errors import UsageError

    if given:
        from selftune.app.training_plans import Word

        return Word(author=author, text=text)
    if author or text:
        raise UsageError("--because and --author are of who sets a rule aside.", next_step="Add --i-know.")
    return None


def _find_adapter(project: Path, name: str) -> str:
    """The id of the run to go on from, said aloud; empty where none is named."""
    from selftune.app.continuing import run_to_continue
    from selftune.loop.project import open_project

    if not name:
        return ""
    with open_project(project) as opened:
        run = run_to_continue(opened, name)
    told = f"goes on from {run.id} ({' → '.join(run.stage_history).upper()}), for this once"
    typer.echo(f"{told}; `selftune cycle --run newest` then builds and weighs what comes of it", err=True)
    return run.id


def _settle_recipe(project: Path, once: _Once, word: Word | None) -> None:
    """Refuse a change that may not be before anything else is done, and set aside what a person sets aside."""
    from dataclasses import replace

    from selftune.app.training_plans import set_aside
    from selftune.loop.lessons.recipes import find_recipe
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        varied = replace(opened, recipe_changes=once[0], continue_from=once[1])
        find_recipe(varied)
        for rule in () if word is None else set_aside(varied, word):
            typer.echo(f"set aside, and so it stands in the ledger: {rule}", err=True)


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
def curves(
    run: RunName,
    trackio: Annotated[
        bool, typer.Option("--trackio", help="Log it to trackio on this machine instead of printing it.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print a run's loss, learning rate and gradient norm step by step, as CSV."""
    from selftune.app.cli.screen import print_json
    from selftune.app.tracking import load_trackio, track
    from selftune.app.trainings import curve_rows, curve_table, find_run
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found, name = find_run(opened, run), opened.config.project.name
    if trackio:
        typer.echo(f"{track(found, name, load_trackio())} steps logged to trackio's project {name!r}.", err=True)
    elif json:
        print_json({"id": found.id, "curve": curve_rows(found)})
    else:
        typer.echo(curve_table(found), nl=False)
