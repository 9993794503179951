"""Looking after the house: health, bases, rules, texts to edit, and starting the server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.bases.check import BaseReport
    from selftune.governance.rules_table import RuleRow

_NO: Final = "no"
_base = typer.Typer(no_args_is_help=True, help="Base models: what every generation starts from.")
_reference = typer.Typer(no_args_is_help=True, help="The small base that this project trains itself.")


def register(app: typer.Typer) -> None:
    """Hang these commands on the app."""
    app.command("doctor")(doctor)
    app.command("rules")(rules)
    app.command("eject")(eject_text)
    app.command("config")(show_config)
    app.command("quarantine")(quarantine)
    app.command("schedule")(schedule)
    app.command("start")(start)
    app.add_typer(_base, name="base")
    app.add_typer(_reference, name="reference")


def doctor(project: Folder = HERE, json: AsJson = False) -> None:
    """Check machine, packages and project; each trouble comes with its mend."""
    from rich.markup import escape

    from selftune.app.cli.screen import make_console, print_json
    from selftune.app.health import examine
    from selftune.app.reporting.pages.plain import plain

    with make_console(stderr=True).status("Looking; getting out of the sandbox is tried in earnest"):
        findings = examine(project)
    if json:
        print_json(findings)
    else:
        console = make_console()
        for finding in findings:
            mark = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]bad[/] "}[finding.level]
            console.print(f"{mark} {escape(plain(finding.what))}", soft_wrap=True)
            if finding.mend:
                console.print(f"     {plain(finding.mend)}", soft_wrap=True, markup=False)
    if any(finding.level == "bad" for finding in findings):
        sys.exit(8)


def rules(project: Folder = HERE, json: AsJson = False) -> None:
    """Every rule in a sentence: who declares it, whether something enforces it, and what the last decision measured."""
    from rich.markup import escape

    from selftune.app.cli.screen import make_console, print_json
    from selftune.app.rules import rules_of

    rows = rules_of(project)
    if json:
        print_json(rows)
        return
    console = make_console()
    for row in rows:
        console.print(f"[bold]{row.name}[/]: {escape(row.what)}", soft_wrap=True)
        console.print(f"  {_standing_of(row)}", markup=False, soft_wrap=True)


def _standing_of(row: RuleRow) -> str:
    """Who declares it, what enforces it, and what was measured last."""
    declared = f"declared by the {row.declared}" if row.declared != _NO else "not declared"
    enforced = f"enforced by {row.where}" if row.enforced != _NO else "not enforced"
    return f"{declared}, {enforced}" + (f"; last: {row.last_measured}" if row.last_measured else "")


def eject_text(
    kind: Annotated[str, typer.Argument(help="policy, rubric, suite, recipe, codex, program, experiment or charter.")],
    name: Annotated[str, typer.Argument(help="Which one; the one in force by default.")] = "",
    project: Folder = HERE,
) -> None:
    """Write a text of the package into the project, to be edited there."""
    from selftune.loop.config import load_config
    from selftune.loop.ejected import eject
    from selftune.loop.experiments.agenda.document import NAME

    config = load_config(project)
    in_force = {
        "policy": config.gate.policy,
        "rubric": config.judge.rubric,
        "suite": config.evaluation.suite,
        "recipe": config.training.recipe,
        "codex": config.codex.name,
        "program": NAME,
    }
    typer.echo(f"Written: {eject(project, kind, name or in_force.get(kind, ''))}. It is in force from now on.")


def show_config(project: Folder = HERE) -> None:
    """Everything in force, defaults included."""
    from selftune.app.cli.screen import print_json
    from selftune.loop.config import load_config

    print_json(load_config(project))


def quarantine(
    project: Folder = HERE,
    retry: Annotated[bool, typer.Option("--retry", help="Read all of it once more; what can be read goes in.")] = False,
    format: Annotated[str, typer.Option(help="With --retry: read it as this format.")] = "",  # noqa: A002 - its name
    consent: Annotated[str, typer.Option(help="With --retry: keep, train or send; as its import said.")] = "",
    json: AsJson = False,
) -> None:
    """What could not be read: file, place and reason."""
    from selftune.app.cli.screen import print_json
    from selftune.interactions.privacy.consent import read_level
    from selftune.loop.incoming.quarantine import list_aside, retry_aside
    from selftune.loop.project import open_project

    level = read_level(consent) if consent else None
    with open_project(project) as opened:
        retried = retry_aside(opened, format_name=format, consent=level) if retry else None
        aside = list_aside(opened) if retried is None else retried.left
    if json:
        print_json(aside if retried is None else retried)
        return
    for one in aside:
        typer.echo(f"{one.file}, {one.place}: {one.reason} ({one.format})")
    if retried is not None:
        typer.echo(f"{retried.brought_in} brought in.")
    typer.echo(f"{len(aside)} set aside.")


def schedule(
    at: Annotated[str, typer.Option(help="Time of day, by this machine's clock.")] = "03:00",
    scheduler: Annotated[str, typer.Option(help="systemd, launchd or cron; this machine's own by default.")] = "",
    work: Annotated[str, typer.Option(help="cycle, or only up to: curate; or up, which runs always.")] = "cycle",
    out: Annotated[Path | None, typer.Option(help="A folder to write the files into.")] = None,
    project: Folder = HERE,
) -> None:
    """Print what makes this machine run the loop once a day, or `selftune up` always; nothing is installed."""
    from selftune.app.scheduling import write_schedule
    from selftune.loop.config import load_config

    load_config(project)
    planned = write_schedule(project, at=at, scheduler=scheduler, work=work)
    for unit in planned.units:
        if out is not None and unit.name is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / unit.name).write_text(unit.text, encoding="utf-8")
            typer.echo(f"Written: {out / unit.name}")
        else:
            typer.echo(f"# {unit.name}\n{unit.text}" if unit.name else unit.text)
    for step in planned.steps:
        typer.echo(f"Next: {step}", err=True)


def start(project: Folder = HERE, json: AsJson = False) -> None:
    """Start the model in service, if it is not running."""
    from selftune.app.cli.screen import Stages, make_console, print_json
    from selftune.loop.project import open_project
    from selftune.loop.runner import start_service

    with open_project(project) as opened:
        status = start_service(opened, Stages(make_console(stderr=True)))
    if json:
        print_json(status)
    else:
        typer.echo(f"{status.version} serves at {status.address}")
    if status.problem:
        typer.echo(f"Not the newest release: {status.problem}", err=True)


@_base.command("add")
def base_add(
    name: Annotated[str, typer.Argument(help="smollm2, ollama:NAME, lmstudio:NAME, a GGUF file or a folder.")],
    online: Annotated[bool, typer.Option("--online", help="May be fetched from a hub.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Take it anew although it was added before.")] = False,
) -> None:
    """Bring a base in and pin its files by digest."""
    from selftune.app.cli.screen import working
    from selftune.bases.registry import add_base, check_base

    with working("Bringing it in") as told:
        base = add_base(name, online=online, again=again, trial=_template_trial(), told=told)
    typer.echo(f"{base.name}: {base.architecture}, {base.parameters / 1e6:.1f} M parameters, {base.licence}; pinned.")
    report = check_base(base.name)
    for what, against in (("trained", report.against_training), ("served", report.against_serving)):
        if against:
            typer.echo(f"Beware: it can't be {what} here: {'; '.join(against)}.", err=True)
    for note in report.notes:
        typer.echo(f"Note: {note}.", err=True)


@_base.command("check")
def base_check(
    name: Annotated[str, typer.Argument(help="A base that was added, a file or a folder.")],
    json: AsJson = False,
) -> None:
    """Whether a base can be trained, served and held in memory here, from its headers and its template."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json
    from selftune.bases.registry import check_base

    report = check_base(name, trial=_template_trial())
    if json:
        print_json(report)
    else:
        _show_base(report)
    raise typer.Exit(int(ExitCode.USAGE if report.next_step else ExitCode.OK))


def _template_trial() -> Callable[[Path], tuple[str, ...]] | None:
    """Rendering a plain conversation, where what renders is installed."""
    from selftune.bases.rendering import against_rendering, can_try

    return against_rendering if can_try() else None


def _show_base(report: BaseReport) -> None:
    typer.echo(f"{report.name}: {report.architecture}, {report.parameters / 1e6:.1f} M parameters, {report.licence}")
    for what, against in (("training", report.against_training), ("serving", report.against_serving)):
        typer.echo(f"  {what}: {'no: ' + '; '.join(against) if against else 'yes'}")
    for note in report.notes:
        typer.echo(f"  note: {note}")
    if report.next_step:
        typer.echo(f"Next: {report.next_step}")


@_base.command("list")
def base_list(json: AsJson = False) -> None:
    """The bases that are known here."""
    from selftune.app.cli.screen import print_json
    from selftune.bases.registry import known_bases

    if json:
        print_json(known_bases())
        return
    for name in known_bases():
        typer.echo(name)


@_reference.command("rebuild")
def reference_rebuild(
    folder: Annotated[Path, typer.Argument(help="Where the weights go.")],
    seed: Annotated[int, typer.Option(help="All chance comes from here; 1 made the shipped one.")] = 1,
) -> None:
    """Train the reference base from nothing, by the script that made the shipped one."""
    from selftune.bases.reference.rebuild import rebuild

    rebuild(folder, seed)
    typer.echo(f"Made: {folder}")
