"""The Python API, `import selftune`: what the commands do, with the same nouns, for a script or a notebook.

Each method opens the project, does its work and closes it again, as a command does: nothing is held between two calls,
so commands, nights and other processes go on beside. What a command prints as its next step stands in the error.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.app.asking import Reply
    from selftune.app.tracing import Told
    from selftune.gate.referee.verdict import Verdict
    from selftune.loop.incoming.intake import Imported
    from selftune.loop.runner import CycleReport
    from selftune.records import Decision, Release


class ProjectFolder:
    """A project in a folder, and what can be asked of it. Made by `selftune.open`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"selftune.open({str(self._folder)!r})"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    def status(self) -> dict[str, Any]:
        """Where it stands and what to do next, as `selftune status --json` prints it."""
        from selftune.app.summary import status_summary
        from selftune.loop.project import open_project

        with open_project(self._folder) as opened:
            return status_summary(opened)

    def import_(
        self, paths: str | PathLike[str] | Iterable[str | PathLike[str]], *, consent: str = ""
    ) -> tuple[Imported, ...]:
        """Bring log files in, and those of folders; what is known already adds nothing.

        Args:
            paths: One file or folder, or several.
            consent: `keep`, `train` or `send`; empty: as [capture] says. A stricter mark in a file wins.

        Raises:
            MissingFileError: a file is not there; nothing was imported.
            UsageError: a file's format is not known.
        """
        from selftune.interactions.privacy.consent import read_level
        from selftune.loop.incoming.intake import import_files
        from selftune.loop.project import open_project

        several = [paths] if isinstance(paths, str | PathLike) else list(paths)
        with open_project(self._folder) as opened:
            level = read_level(consent) if consent else None
            return import_files(opened, [Path(path) for path in several], consent=level)

    def cycle(self, *, seconds: float | None = None) -> CycleReport:
        """Go round once: a Decision and perhaps a Release, or `halted` with the reason.

        Args:
            seconds: No stage begins after so many.

        Raises:
            LockedError: another runner has the project.
            WaitingForPersonError: all work is stopped, or a promotion awaits its approval.
            BudgetError: the time is used up; finished steps are kept.
        """
        from selftune.loop.project import open_project
        from selftune.loop.runner import go_round

        with open_project(self._folder) as opened:
            return go_round(opened, seconds=seconds)

    def ask(self, question: str, *, system: str = "", keep: bool = True) -> Reply:
        """Ask the model in service; the exchange goes into the log unless `keep` is False.

        Raises:
            UsageError: there is nothing to ask.
            ServingError: the model in service does not answer.
        """
        from selftune.app.asking import ask_champion
        from selftune.loop.project import open_project

        with open_project(self._folder) as opened:
            return ask_champion(opened, question, system=system, keep=keep)

    def decisions(self) -> tuple[Decision, ...]:
        """Every decision of the gate, oldest first."""
        from selftune.loop.project import open_project
        from selftune.records import Decision

        with open_project(self._folder) as opened:
            return tuple(decision for _, decision in opened.store.each(Decision))

    def why(self, record: str = "") -> Told:
        """A record, and what is known of it in plain lines; the last decision without a name.

        Args:
            record: An id or its beginning, a version, or the name of a night or try.

        Raises:
            UsageError: nothing was decided yet.
            UnknownNameError: no record begins like that.
        """
        from selftune.app.tracing import trace
        from selftune.loop.project import open_project

        with open_project(self._folder) as opened:
            return trace(opened, record)

    def rollback(self, to: str | None = None, *, reason: str) -> Release:
        """Serve an earlier release again, as a new release on record; the one before without a version.

        Raises:
            UsageError: nothing was released before.
            UnknownNameError: no release has that version.
        """
        from selftune.app.projects import roll_back
        from selftune.loop.project import open_project

        with open_project(self._folder) as opened:
            return roll_back(opened, to=to, reason=reason)

    def compare(self, champion: str, candidate: str, *, policy: str = "") -> Verdict:
        """Whether one model is better than another, from two score files, two arms of one, or two evaluations by id.

        Raises:
            MissingFileError, UsageError, UnknownNameError, ConfigError: a file, a column, an arm or the policy is
                wrong.
        """
        from selftune.app.refereeing import Wishes, compare_files

        return compare_files(champion, candidate, Wishes(policy=policy or None, project=self._folder))


def open_folder(folder: str | PathLike[str] = ".") -> ProjectFolder:
    """The project in a folder that `selftune init` made.

    Raises:
        UsageError: there is none.
        ConfigError: its config can't be read.
    """
    from selftune.loop.config import CONFIG_FILE, load_config

    place = Path(folder).resolve()
    if not (place / CONFIG_FILE).is_file():
        raise UsageError(f"there is no project in {place}.", next_step=f"Make one: selftune init {place}")
    load_config(place)
    return ProjectFolder(place)
