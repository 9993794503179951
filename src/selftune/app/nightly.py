"""What a night did, as plain data, in words and as an exit code, for the command of that name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.app.nights_report import morning_note
from selftune.app.summary import decision_summary, release_summary
from selftune.loop.night.trying import USED_UP
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from selftune.loop.night.night import NightReport
    from selftune.loop.project import Project

MORNING_NOTES: Final = Path("memory") / "nights"
BUDGETS: Final = frozenset({"money", "judge calls", "disk", USED_UP})
"""What a night is ended by where it could not pay for more."""


def leave_morning_note(project: Project, report: NightReport) -> str:
    """What a person reads in the morning, also as a file in the project; empty where no night began."""
    if report.night is None:
        return ""
    note = morning_note(project, report.night)
    path = project.folder / MORNING_NOTES / f"{report.night.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, f"{note}\n".encode())
    return note


def night_summary(project: Project, report: NightReport) -> dict[str, Any]:
    """A night as `--json` prints it."""
    return {
        "night": report.night,
        "experiments": report.experiments,
        "decision": None if report.decision is None else decision_summary(report.decision),
        "release": None if report.release is None else release_summary(project, report.release),
        "halted": report.halted,
    }


def exit_code_of(report: NightReport) -> int:
    """As a cycle ends; where nothing serves any more, or a budget was used up before the gate was asked, that one's."""
    from selftune.app.cli.exit_codes import ExitCode, code_of

    if report.night is not None and report.night.unended is not None:
        return ExitCode.INVALID
    if report.decision is not None:
        return code_of(report.decision.outcome)
    if report.halted is not None and report.halted.exit_code:
        return report.halted.exit_code
    night = report.night
    return ExitCode.BUDGET if night is not None and night.ended_by in BUDGETS else ExitCode.OK
