"""What starts nights, how the last ones went, and a person's word to go on: commands of the group `nightly`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder


def register(group: typer.Typer) -> None:
    """Hang these commands on the group of the nights."""
    group.command("install")(install)
    group.command("status")(status)
    group.command("resume")(resume)


def install(
    systemd: Annotated[bool, typer.Option("--systemd", help="A timer of systemd, in your own units.")] = False,
    launchd: Annotated[bool, typer.Option("--launchd", help="A launch agent of a Mac.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="Lines for your crontab.")] = False,
    at: Annotated[
        str, typer.Option(help="When nights begin, as 02:00; as the config says by default, and kept there.")
    ] = "",
    catch_up: Annotated[
        bool, typer.Option("--catch-up/--skip", help="Whether a night that was slept through is made up for.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Another folder to write the files into.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take them away again.")] = False,
    project: Folder = HERE,
) -> None:
    """Write the timers that begin a night and look after it; the command that switches them on is printed."""
    from selftune.app.night_status import install_timers, remove_timers
    from selftune.app.scheduling import Missed
    from selftune.loop.night.clock import SystemClock
    from selftune.loop.project import open_project

    wanted = [name for name, chosen in (("systemd", systemd), ("launchd", launchd), ("cron", cron)) if chosen]
    if len(wanted) > 1:
        raise typer.BadParameter("one scheduler is enough: a night is begun once.")
    scheduler = wanted[0] if wanted else ""
    missed = Missed.CATCH_UP if catch_up else Missed.SKIP
    with open_project(project) as opened:
        if remove:
            done = remove_timers(opened, scheduler=scheduler, out=out)
        else:
            done = install_timers(opened, SystemClock().now(), scheduler=scheduler, at=at, missed=missed, out=out)
    for place in done.files:
        typer.echo(f"{'Removed' if remove else 'Written'}: {place}")
    for line in done.lines:
        typer.echo(line)
    for step in done.steps:
        typer.echo(f"Next: {step}", err=True)


def status(
    alarms_only: Annotated[
        bool, typer.Option("--alarms", help="Print alarms alone, nothing where all is well; timers say so.")
    ] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """When the next night begins, how the last ones ended, and alarms; ends with 1 where there is one."""
    from selftune.app.cli.exit_codes import ExitCode
    from selftune.app.cli.screen import print_json
    from selftune.app.night_status import describe_alarms, describe_status, night_status
    from selftune.loop.night.clock import SystemClock
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = night_status(opened, SystemClock().now())
    if json:
        print_json(found)
    else:
        for line in describe_alarms(found.alarms) if alarms_only else describe_status(found):
            typer.echo(line)
    raise typer.Exit(int(ExitCode.ERROR if found.alarms else ExitCode.OK))


def resume(
    because: Annotated[str, typer.Option("--because", help="What was wrong and is mended, kept word for word.")],
    author: Annotated[str, typer.Option(help="Who says so; your user name by default.")] = "",
    project: Folder = HERE,
) -> None:
    """Let nights go on after three of them measured nothing; a person says so, and why."""
    from selftune.app.doubting import speaker
    from selftune.app.signing import speak
    from selftune.governance.people.keys import ask_on_terminal
    from selftune.loop.hearing import hear_project
    from selftune.loop.night.alarms import resume_nights
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        hearing = hear_project(opened)
        statement = resume_nights(
            opened, because, author=speaker(opened, author), sign=lambda said: speak(hearing, said, ask_on_terminal)
        )
    typer.echo(f"Nights go on: {statement.id}")
