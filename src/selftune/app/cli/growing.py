"""Commands that make examples: `selftune dataset grow`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from selftune.app.cli.everyday import AsJson

if TYPE_CHECKING:
    from selftune.app.growing import GrownFile

_GROUP: Final = "dataset"
_PANEL: Final = "The house"
_Out = Annotated[Path, typer.Option("--out", help="The file to write: JSON lines that `selftune import` reads.")]
_InProject = Annotated[Path | None, typer.Option("--project", "-p", help="The project whose suite, champion and log.")]


def register(app: typer.Typer) -> None:
    """Hang the commands on the group `dataset`, which other commands of datasets share."""
    group = next((each.typer_instance for each in app.registered_groups if each.name == _GROUP), None)
    if group is None:
        group = typer.Typer(no_args_is_help=True)
        app.add_typer(
            group, name=_GROUP, help="Make examples, and look at what was learnt from.", rich_help_panel=_PANEL
        )
    group.command("grow")(grow)


def grow(
    out: _Out,
    n: Annotated[int, typer.Option("--n", min=2, help="How many cases; 500 to 1,000 make a set.")] = 800,
    seed: Annotated[int, typer.Option(help="All chance comes from here.")] = 0,
    teacher: Annotated[str, typer.Option(help="Who answers: rule, or champion (sampled, and selected).")] = "rule",
    extract: Annotated[bool, typer.Option("--extract", help="Put right turns of the project's log in it too.")] = False,
    project: _InProject = None,
    json: AsJson = False,
) -> None:
    """Grow synthetic examples of state obedience, each checked from both sides and clear of every suite."""
    from contextlib import nullcontext

    from selftune.app.cli.screen import print_json
    from selftune.app.growing import grow_file
    from selftune.loop.project import open_project

    with nullcontext() if project is None else open_project(project) as opened:
        grown = grow_file(out, count=n, seed=seed, teacher=teacher, project=opened, extract=extract)
    if json:
        print_json(grown)
    else:
        typer.echo(_told(grown))


def _told(grown: GrownFile) -> str:
    from selftune.curation.growth.quality import write_quality

    extracted = f"{grown.extracted} real turns of the log stand before them." if grown.extracted else ""
    return "\n".join(filter(None, (f"{grown.path}:", extracted, write_quality(grown.quality, grown.teacher))))
