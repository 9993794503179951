"""The verbs for every day: start, bring a log in, go round, ask, look, take back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from selftune.loop.plan import Plan
    from selftune.loop.runner import CycleReport

Folder = Annotated[Path, typer.Option("--project", "-p", help="The project folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget-usd", min=0, help="Most that the judge may cost, instead of [judge] budget_usd."),
]
Scripted = Annotated[
    Path | None, typer.Option(help="A file of lines that are said instead of any model's, marked as such.")
]
LearnScripted = Annotated[bool, typer.Option("--learn-scripted", help="Let what the script says be learnt from.")]

HERE = Path()


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("init")(init)
    app.command("demo")(demo)
    app.command("import")(import_logs)
    app.command("cycle")(cycle)
    app.command("ask")(ask)
    app.command("status")(status)
    app.command("why")(why)
    app.command("rollback")(rollback)


def init(
    folder: Annotated[Path, typer.Argument(help="A folder; what else lies there stays as it is.")] = HERE,
    base: Annotated[
        str | None, typer.Option(help="The base: reference, which is the default, smollm2, or yours.")
    ] = None,
    name: Annotated[str, typer.Option(help="The project's name; the folder's by default.")] = "",
    profile: Annotated[str | None, typer.Option(help="solo, which is the default, or team.")] = None,
    template: Annotated[str, typer.Option(help="Who it is to be: council, character, agent or dyad.")] = "",
    judge: Annotated[str, typer.Option(help="With --template: address of a judge on this machine.")] = "",
    judge_model: Annotated[str, typer.Option(help="The name of the judge's model there.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what was not said is a default.")] = False,
    json: AsJson = False,
) -> None:
    """Make a project: one config file, a machine key, and the base in service as generation 0."""
    from selftune.app.cli.beginning import ask_beginning, begin
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.projects import start_project

    console = make_console(stderr=True)
    if template:
        wishes = ask_beginning(template, base=base, judge=judge, judge_model=judge_model, ask=not yes)
        release = begin(folder, wishes, name=name, profile=profile, console=console)
    elif judge or judge_model:
        raise typer.BadParameter("--judge goes with --template; without one, name it in selftune.toml.")
    else:
        release = start_project(folder, base=base, name=name, profile=profile, observer=Stages(console))
        console.print(f"{release.version} serves. Next: [bold]selftune import FILE[/], then [bold]selftune cycle[/].")
    if json:
        print_json(release)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's project goes.")] = Path("selftune-demo"),
    base: Annotated[str, typer.Option(help="reference (a minute a cycle) or smollm2 (real language, minutes).")] = (
        "reference"
    ),
    seed: Annotated[int, typer.Option(help="All chance comes from here.")] = 0,
    sabotage: Annotated[bool, typer.Option("--sabotage", help="Learn from the worst answers instead.")] = False,
    unfiltered: Annotated[bool, typer.Option("--unfiltered", help="Learn from any answers: the control.")] = False,
    generations: Annotated[int | None, typer.Option(min=1, help="How often to go round; 2, or 1 on smollm2.")] = None,
    json: AsJson = False,
) -> None:
    """Go twice round the whole loop on a small model, for real, in a new folder."""
    from selftune.app.cli.demo_screen import DemoScreen
    from selftune.app.demo import DemoSettings, exit_code_of, free_folder, run_demo
    from selftune.app.memory import MemoryWatch

    selection = "worst" if sabotage else "unfiltered" if unfiltered else "best"
    settings = DemoSettings(
        folder=free_folder(folder), base=base, seed=seed, generations=generations, selection=selection
    )
    screen = DemoScreen(settings, wanted=folder)
    with MemoryWatch() as memory:
        reports = run_demo(settings, screen.stages, screen.tell)
    screen.close(json=json, peak_bytes=memory.peak_bytes)
    sys.exit(exit_code_of(reports))


def import_logs(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders with conversations.")],
    format: Annotated[str, typer.Option(help="auto, or the name of a format.")] = "auto",  # noqa: A002 - its name
    consent: Annotated[str, typer.Option(help="keep, train or send; [capture] consent by default.")] = "",
    project: Folder = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come in and write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Bring conversations in; broken lines are set aside, the rest goes in."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.interactions.privacy.consent import read_level
    from selftune.loop.incoming.intake import import_files, preview_files
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        level = read_level(consent) if consent else None
        if dry_run:
            outcome = preview_files(opened, paths, format_name=format, consent=level)
        else:
            observer = Stages(make_console(stderr=True))
            outcome = import_files(opened, paths, format_name=format, consent=level, observer=observer)
    if json:
        print_json(outcome)
        return
    for one in outcome:
        typer.echo(
            f"{one.path}: {one.added} {'would come in' if dry_run else 'imported'}, {one.known} known already, "
            f"{one.broken} {'would be set aside' if dry_run else 'set aside'} ({one.format}: {one.why})"
        )
        if one.tightened:
            may = "could" if dry_run else "may"
            typer.echo(f"  {one.tightened} kept already {may} be used for less from now on: their authors allow less.")
    if dry_run:
        typer.echo("Nothing was written.")
    elif any(one.broken for one in outcome):
        typer.echo("What was set aside: selftune quarantine")


def cycle(
    project: Folder = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Begin no stage after so many seconds.")] = None,
    budget_usd: BudgetUsd = None,
    run: Annotated[
        str, typer.Option(help="A run that is there, by its id or `newest`: build and weigh it, train nothing.")
    ] = "",
    no_training: Annotated[
        bool, typer.Option("--no-training", help="Train nothing: search a prompt, and let the gate decide about it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Go round once: new interactions in; a promoted, served model out, or the reason why not."""
    from selftune.app.appointed import judge_line
    from selftune.app.batches import tell_batch
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.app.doubts_page import standing_lines
    from selftune.app.judging import limit_spending
    from selftune.app.notices.telling import tell_quietly
    from selftune.app.reviewing import check_after_batch
    from selftune.app.trainings import find_run
    from selftune.loop.planning import make_plan
    from selftune.loop.project import open_project
    from selftune.loop.prompts.wishes import without_training
    from selftune.loop.runner import go_round

    if run and no_training:
        raise typer.BadParameter("--run names what was trained, and --no-training wants nothing trained.")
    with open_project(project) as unlimited:
        limited = limit_spending(unlimited, budget_usd)
        opened = without_training(limited) if no_training else limited
        given = find_run(opened, run) if run else None
        if dry_run:
            _show_plan(make_plan(opened, given), json=json)
            return
        try:
            report = go_round(opened, Stages(make_console(stderr=True)), seconds=seconds, run=given)
        finally:
            if untold := tell_quietly(opened):
                typer.echo(untold, err=True)
        drift, bias = check_after_batch(opened, report.timings), tell_batch(opened, report.timings)
        doubted = () if report.decision is None else standing_lines(opened, report.decision)
        if json:
            from selftune.app.summary import generation_summary

            told = {"judge": judge_line(opened), "drift": drift, "bias": bias, "concerns": doubted}
            print_json(generation_summary(opened, report) | told)
        else:
            _show_report(report)
            typer.echo("\n".join((*doubted, judge_line(opened), *drift, *bias)))
    sys.exit(_exit_code(report))


def _show_report(report: CycleReport) -> None:
    from selftune.app.cli.screen import make_console, show_decision, show_halt

    console = make_console()
    if report.halted is not None:
        show_halt(console, report.halted)
    if report.decision is not None:
        show_decision(console, report.decision)
    if report.release is not None:
        console.print(f"[bold green]{report.release.version}[/] serves: {report.release.model_file}")


def _exit_code(report: CycleReport) -> int:
    from selftune.app.cli.exit_codes import ExitCode, code_of

    if report.halted is not None:
        return report.halted.exit_code
    return ExitCode.ERROR if report.decision is None else code_of(report.decision.outcome)


def _show_plan(plan: Plan, *, json: bool) -> None:
    from selftune.app.cli.screen import make_console, print_json
    from selftune.app.summary import plan_summary

    summary = plan_summary(plan)
    if json:
        print_json(summary)
        return
    console = make_console()
    for key, value in summary.items():
        console.print(f"{key:<22}{value}", soft_wrap=True, markup=False)


def ask(
    text: Annotated[str, typer.Argument(help="What to ask; - reads standard input.")],
    system: Annotated[str, typer.Option(help="A system message, or @FILE.")] = "",
    persona: Annotated[
        str, typer.Option(help="Ask the personas of the codex: dyad, or the name of one; the bare model by default.")
    ] = "",
    project: Folder = HERE,
    no_log: Annotated[bool, typer.Option("--no-log", help="Do not keep this exchange.")] = False,
    json: AsJson = False,
) -> None:
    """Ask the model in service, or the personas that it speaks as; the exchange goes into the log."""
    from selftune.app.asking import ask_champion
    from selftune.app.cli.screen import print_json
    from selftune.loop.project import open_project

    question = sys.stdin.read() if text == "-" else text
    if persona:
        _ask_personas(project, question, persona, system=system, keep=not no_log, json=json)
        return
    with open_project(project) as opened:
        reply = ask_champion(opened, question, system=system, keep=not no_log)
    if json:
        print_json(reply)
        return
    typer.echo(reply.text)
    if reply.problem:
        typer.echo(f"Answered by {reply.version}: {reply.problem}", err=True)
    if reply.not_kept:
        typer.echo(f"Not in the log: {reply.not_kept}", err=True)


def _ask_personas(folder: Path, question: str, persona: str, *, system: str, keep: bool, json: bool) -> None:
    from selftune.app.chatting import Chat, ChatWishes, exit_code_of, tell_end
    from selftune.app.cli.screen import print_json
    from selftune.app.reporting.pages.plain import plain
    from selftune.loop.project import open_project

    if system:
        raise typer.BadParameter("a persona has a system message of its own, which the codex makes.")
    with open_project(folder) as opened:
        held = Chat(opened, ChatWishes(persona=persona, keep=keep)).say(question)
    if json:
        print_json(held)
    else:
        typer.echo(plain(held.answer))
        for line in tell_end(held):
            typer.echo(plain(line), err=True)
    sys.exit(exit_code_of(held))


def status(project: Folder = HERE, json: AsJson = False) -> None:
    """What serves, what the log holds, what was decided last, and what to do next."""
    from selftune.app.cli.screen import make_console, print_json
    from selftune.app.cli.standing import read_standing
    from selftune.app.reporting.pages.plain import plain

    summary = read_standing(project)
    if json:
        print_json(summary)
        return
    console = make_console()
    for key, value in summary.items():
        if value is not None:
            console.print(f"{key.replace('_', ' '):<16}{plain(str(value))}", soft_wrap=True, markup=False)


def why(
    record: Annotated[str, typer.Argument(help="An id or its beginning; the last decision by default.")] = "",
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Why a decision fell as it did, or what is known of any record."""
    from selftune.app.cli.screen import make_console, print_json, show_decision
    from selftune.app.doubts_page import standing_lines
    from selftune.app.reporting.pages.plain import plain
    from selftune.app.tracing import trace
    from selftune.loop.project import open_project
    from selftune.records import Decision

    with open_project(project) as opened:
        told = trace(opened, record)
        doubted = standing_lines(opened, told.record) if isinstance(told.record, Decision) else ()
    if json:
        print_json(told)
        return
    if isinstance(told.record, Decision):
        show_decision(make_console(), told.record)
    for line in (*told.lines, *doubted):
        typer.echo(plain(line))


def rollback(
    version: Annotated[str | None, typer.Argument(help="The version to go back to; the one before by default.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "rolled back by hand",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would serve again and change nothing.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Take the last release back: the model before it serves again."""
    from selftune.app.cli.screen import print_json
    from selftune.app.projects import foresee_rollback, roll_back
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        release = foresee_rollback(opened, to=version) if dry_run else roll_back(opened, to=version, reason=reason)
    if json:
        print_json(release)
    elif dry_run:
        typer.echo(f"{release.version} (generation {release.generation}) would serve again. Nothing was changed.")
    else:
        typer.echo(f"{release.version} serves (generation {release.generation}).")
