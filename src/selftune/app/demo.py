"""`selftune demo`: a new project that goes twice round the loop, with users who ask and a log that is brought in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.kits import demo_kit
from selftune.app.projects import bring_base
from selftune.errors import UsageError
from selftune.loop.incoming.intake import import_files, let_users_ask
from selftune.loop.project import create_project, open_project
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.runner import go_round
from selftune.loop.study.arms import put_settings
from selftune.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.app.kits import Kit
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.loop.runner import CycleReport

IDLE_MINUTES: Final = 15.0
STATE_FILE: Final = "state.txt"


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """What the command line asked for; no number of generations means the base's own.

    `selection` is `best`, or `worst` for the sabotage, or `unfiltered` for the control.
    """

    folder: Path
    base: str = "reference"
    seed: int = 0
    generations: int | None = None
    selection: str = "best"


def run_demo(
    settings: DemoSettings, observer: Observer, tell: Callable[[Project, CycleReport], None]
) -> tuple[CycleReport, ...]:
    """Make a project, put the base into service, and go round; `tell` is called after each generation.

    A generation that is not promoted ends the demo: what the next one would show is a second try, not a second step.

    Raises:
        UsageError: the folder holds something already.
    """
    kit = demo_kit(settings.base)
    refuse_used_folder(settings.folder)
    bring_base(kit.base)
    # A demo is to be over in minutes: it asks its own suite alone.
    create_project(settings.folder, name="demo", base=kit.base, recipe=kit.recipe, suite=kit.suite, further=())
    write_settings(settings, kit)
    write_state(settings, kit)
    reports = []
    for number in range(1, (settings.generations or kit.generations) + 1):
        # Opened anew each time: the config on disk is the one in force.
        with open_project(settings.folder) as project:
            if number == 1:
                put_base_into_service(project, observer)
                import_files(project, [kit.log], observer=observer)
            let_users_ask(project, kit.users(settings.seed * 1000 + number, kit.prompts), observer)
            report = go_round(project, observer)
            tell(project, report)
        reports.append(report)
        if report.decision is None or report.decision.outcome is not Outcome.PROMOTE:
            break
    return tuple(reports)


def refuse_used_folder(folder: Path) -> None:
    """Never write over anything.

    Raises:
        UsageError: the folder exists and is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty.", next_step="Name a new folder with --folder, or remove that one first."
        )
    folder.mkdir(parents=True, exist_ok=True)


def write_state(settings: DemoSettings, kit: Kit) -> None:
    """A state to talk under: these models answer from a state, and have little to say without one."""
    system, *_ = next(iter(kit.users(settings.seed, 1)))
    (settings.folder / STATE_FILE).write_text(system.content + "\n", encoding="utf-8")


def write_settings(settings: DemoSettings, kit: Kit) -> None:
    """Put what differs from the defaults into the demo's `selftune.toml`, where a reader can see it."""
    changes = [*kit.settings, ("serving", "idle_minutes", IDLE_MINUTES), ("project", "seed", settings.seed)]
    if settings.selection != "best":
        changes.append(("curation", "selection", settings.selection))
    put_settings(settings.folder, changes)


def free_folder(wanted: Path) -> Path:
    """The folder asked for, or the first `NAME-2`, `NAME-3` … that is not taken: a second demo never needs a flag."""
    folder, number = wanted, 1
    while folder.exists() and any(folder.iterdir()):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def exit_code_of(reports: tuple[CycleReport, ...]) -> int:
    """0 when generation 1 was promoted and later ones were decided on valid evidence; else what stood in the way."""
    from selftune.app.cli.exit_codes import ExitCode, code_of

    first, *later = reports
    if first.decision is None:
        return first.halted.exit_code or ExitCode.ERROR if first.halted else ExitCode.ERROR
    if first.decision.outcome is not Outcome.PROMOTE:
        return code_of(first.decision.outcome)
    for report in later:
        if report.decision is None:
            return ExitCode.ERROR
        if report.decision.outcome is Outcome.INVALID:
            return ExitCode.INVALID
    return ExitCode.OK
