"""Telling: what is due goes out in one message to each URL, from a program of its own that can be ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from selftune.app.notices.due import NIGHT_FAILED, begin_watching, notices_now
from selftune.errors import ConfigError, MissingFileError, NotYet, SelftuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.app.notices.due import Notice
    from selftune.loop.project import Project

TOLD: Final = "notice told"
SENDER: Final = "selftune.app.notices.sender"
_MOST_LINES: Final = 12
_NOT_SET: Final = "the variable is not set; set it to an Apprise URL where selftune is started"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of telling one URL.

    Attributes:
        by: Name of the environment variable that holds the URL; the URL itself stands nowhere.
        problem: Why it did not go out; empty where it did.
    """

    by: str
    notices: int
    problem: str = ""


def tell_what_is_due(project: Project, send: Callable[..., str] | None = None) -> tuple[Told, ...]:
    """Tell each URL what it was not told yet; nothing where [notify] names none.

    Raises:
        MissingFileError: Apprise is not installed.
    """
    names = project.config.notify.urls_env
    if not names:
        return ()
    _require_apprise()
    begin_watching(project)
    found = notices_now(project)
    known = {(detail["by"], detail["about"]) for _, detail in project.store.noted(TOLD)}
    return tuple(
        _tell(project, name, [one for one in found if (name, one.about) not in known], send or send_through)
        for name in names
    )


def tell_quietly(project: Project) -> str:
    """The same for a command that is about something else: why somebody was not told, in a sentence; mostly empty."""
    try:
        told = tell_what_is_due(project)
    except SelftuneError as error:
        return f"Nobody was told: {error.message} {error.next_step}"
    except OSError as error:
        return f"Nobody was told: {error.strerror}."
    failed = [f"{one.by}: {one.problem}" for one in told if one.problem]
    who = "Nobody" if len(failed) == len(told) else "Not everybody"
    return f"{who} was told ({'; '.join(failed)}). Try it: selftune notify test" if failed else ""


def note_broken_night(project: Project, error: SelftuneError | OSError) -> None:
    """Put on record that a night raised this, so that it is told; a night that waits or has nothing to do did not."""
    if project.config.notify.urls_env and not isinstance(error, NotYet):
        begin_watching(project)
        project.store.note(NIGHT_FAILED, {"error": type(error).__name__})


def send_test(project: Project) -> tuple[Told, ...]:
    """One message to each URL that says that it is a test.

    Raises:
        ConfigError: [notify] names no variable, or none that is set.
        MissingFileError: Apprise is not installed.
    """
    names = project.config.notify.urls_env
    if not names:
        raise ConfigError(
            "[notify] names nobody to tell.",
            next_step='Put an Apprise URL into an environment variable, and name it: [notify] urls_env = ["MY_URL"].',
        )
    if not any(os.environ.get(name) for name in names):
        raise ConfigError(
            f"the environment variable {names[0]!r}, which [notify] names, is not set.",
            next_step="Set it to an Apprise URL where selftune is started.",
        )
    _require_apprise()
    body = "This is a test. What waits for you, and what a night brought, will come this way."
    return tuple(
        Told(by=name, notices=1, problem=send_through(project, name, f"selftune {_name(project)}: a test", body))
        for name in names
    )


def _tell(project: Project, name: str, due: Sequence[Notice], send: Callable[..., str]) -> Told:
    if not due:
        return Told(by=name, notices=0)
    lines = [one.text for one in due[:_MOST_LINES]]
    if len(due) > _MOST_LINES:
        lines.append(f"And {len(due) - _MOST_LINES} more.")
    title = f"selftune {_name(project)}: {len(due)} {'thing' if len(due) == 1 else 'things'} to know"
    problem = send(project, name, title, "\n".join(lines))
    if not problem:
        for one in due:
            project.store.note(TOLD, {"by": name, "about": one.about, "event": one.event.value})
    return Told(by=name, notices=len(due), problem=problem)


def send_through(project: Project, name: str, title: str, body: str) -> str:
    """Send one message in a program of its own; why it did not go out, empty where it did.

    The program reaches this machine and the hosts under [egress], whatever a URL or a service of it asks for, and is
    ended when the time is over.
    """
    if not os.environ.get(name):
        return _NOT_SET
    wanted = {"name": name, "title": title, "body": body, "allow": list(project.config.egress.allow)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", SENDER],
            input=json.dumps(wanted).encode(),
            capture_output=True,
            check=False,
            timeout=max(1.0, project.config.notify.seconds),
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {project.config.notify.seconds:g} s"
    # What Apprise prints may hold the URL, so none of it is passed on: the sender's one line says all.
    return "" if done.returncode == 0 else _problem(done.stdout)


def _problem(out: bytes) -> str:
    try:
        return str(json.loads(out.splitlines()[-1])["problem"])
    except (ValueError, LookupError, TypeError):
        return "the sender broke off"


def _name(project: Project) -> str:
    return " ".join(project.config.project.name.split())[:60]


def _require_apprise() -> None:
    if find_spec("apprise") is None:
        raise MissingFileError(
            "Apprise is not installed, which sends notices.", next_step="Run `pip install 'selftune[notify]'`."
        )
