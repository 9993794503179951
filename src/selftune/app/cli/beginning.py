"""`selftune init --template`: two questions at a terminal, none through a pipe, and a word on what was made."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from selftune.app.templates import JudgeWish, Template
    from selftune.records import Release


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person wants to begin with."""

    template: Template
    base: str | None
    judge: JudgeWish | None


def ask_beginning(name: str, *, base: str | None, judge: str, judge_model: str, ask: bool) -> Wishes:
    """What was given by options, and what is asked for at a terminal; nothing is asked through a pipe.

    Raises:
        UnknownNameError: there is no such template.
    """
    from selftune.app.templates import JudgeWish, template_named
    from selftune.bases.registry import REFERENCE
    from selftune.judges.calibration.human import HUMAN

    template = template_named(name)
    if ask and sys.stdin.isatty():
        typer.echo(f"{template.name}: {template.about}.", err=True)
        if base is None:
            typer.echo("The base is what learns. reference is tiny and here; smollm2 speaks plainly.", err=True)
            base = typer.prompt("Base", default=REFERENCE, err=True)
        if not judge and template.judge == HUMAN:
            typer.echo(
                "A judge chooses what is learnt: a model on this machine, or you with `selftune review`.", err=True
            )
            judge = typer.prompt("Address of a judge (Enter: you judge)", default="", show_default=False, err=True)
            judge_model = typer.prompt("Its model", err=True) if judge and not judge_model else judge_model
    given = bool(judge or judge_model)
    return Wishes(template=template, base=base, judge=JudgeWish(endpoint=judge, model=judge_model) if given else None)


def begin(folder: Path, wishes: Wishes, *, name: str, profile: str | None, console: Console) -> Release:
    """Make the project and say what it is and what to do next.

    Raises:
        UsageError: as `start_project`, or the judge can't be one here.
    """
    from selftune.app.cli.screen import Stages
    from selftune.app.projects import start_project
    from selftune.app.templates import beginning_of, explain, write_texts

    beginning = beginning_of(wishes.template, wishes.judge)
    release = start_project(
        folder, base=wishes.base, name=name, profile=profile, observer=Stages(console), beginning=beginning
    )
    console.print(f"{release.version} serves.")
    for line in explain(wishes.template, beginning, write_texts(folder, wishes.template)):
        console.print(line, markup=False, soft_wrap=True)
    return release
