"""The group `motivator`: goals that the system sets itself in idle time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selftune.app.cli.everyday import HERE, AsJson, Folder, LearnScripted, Scripted

if TYPE_CHECKING:
    from datetime import datetime

    from selftune.loop.motivation.running import Held
    from selftune.personas.base import Voice

motivator = typer.Typer(no_args_is_help=True, help="Goals that the system sets itself while nobody needs it.")


def register(app: typer.Typer) -> None:
    """Hang the group on the app."""
    app.add_typer(motivator, name="motivator")


@motivator.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Take one goal now, without waiting for idleness.")] = False,
    idle_minutes: Annotated[
        float | None, typer.Option(min=0, help="Idle means so long, instead of [motivator] idle_minutes.")
    ] = None,
    scripted: Scripted = None,
    learn_scripted: LearnScripted = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Wait until nobody needs the machine, and then talk about goals of its own; Ctrl-C ends it."""
    from selftune.app.cli.screen import print_json
    from selftune.app.motivating import describe_held
    from selftune.loop.night.clock import SystemClock

    def show(held: Held) -> None:
        if json:
            print_json(held)
        else:
            typer.echo("\n".join(describe_held(held)))

    clock = SystemClock()
    if once:
        show(_take_one(project, clock.now(), _voice(scripted), learn_script=learn_scripted))
        return
    from selftune.loop.motivation.holding import InDialogue
    from selftune.loop.motivation.watching import Watcher, watch

    typer.echo("Waiting until nobody needs this machine; Ctrl-C ends it.", err=True)
    watch(
        project,
        Watcher(
            holder=InDialogue(voice=_voice(scripted), learn_script=learn_scripted),
            clock=clock,
            told=lambda why: typer.echo(f"Waiting: {why.rstrip('.')}.", err=True),
            held=show,
            idle_minutes=idle_minutes,
        ),
    )


@motivator.command()
def status(
    preview: Annotated[bool, typer.Option("--next", help="Also say which goal would be taken now, and why.")] = False,
    project: Folder = HERE,
    json: AsJson = False,
) -> None:
    """What today still has, the last goals with their ends, what was refused, and the share in the newest dataset."""
    from selftune.app.cli.screen import print_json
    from selftune.app.motivating import describe_status, look_at_motivator
    from selftune.loop.night.clock import SystemClock
    from selftune.loop.project import open_project

    with open_project(project) as opened:
        found = look_at_motivator(opened, SystemClock().now(), preview=preview)
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(describe_status(found)))


def _take_one(folder: Path, now: datetime, voice: Voice | None, *, learn_script: bool) -> Held:
    from selftune.loop.motivation.holding import InDialogue
    from selftune.loop.motivation.idleness import Idleness
    from selftune.loop.motivation.running import take_goal
    from selftune.loop.project import open_project

    with open_project(folder) as opened:
        # Whoever types this is at the machine, and its keys say nothing of a wish to have it back.
        idleness = Idleness(opened, touched=lambda: None)
        return take_goal(opened, now, idleness, InDialogue(voice=voice, learn_script=learn_script))


def _voice(script: Path | None) -> Voice | None:
    if script is None:
        return None
    from selftune.personas.scripted import read_script

    return read_script(script)
