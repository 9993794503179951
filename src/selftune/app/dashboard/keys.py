"""What a page never does: speak with a person's key. Where one is wanted, the page names the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from selftune.errors import UsageError, WaitingForPersonError
from selftune.loop.hearing import hear_project

if TYPE_CHECKING:
    from selftune.loop.project import Project


def ask_nobody(prompt: str) -> NoReturn:
    """Stand in for whoever would type a passphrase: a page asks for none.

    Raises:
        UsageError: always.
    """
    raise UsageError(f"{prompt.strip().rstrip(':')} is not asked for on a page.", next_step="Say it at a terminal.")


def works_alone(project: Project) -> bool:
    """Whether one person works here by themselves, whose word needs no key."""
    return hear_project(project).alone


def require_alone(project: Project, command: str) -> None:
    """Go on only where nobody's key is wanted.

    Raises:
        WaitingForPersonError: people of a team sign it at a terminal; the next step is the command.
    """
    if not works_alone(project):
        raise WaitingForPersonError(
            "in a team this is said with a person's own key, which no page has.", next_step=f"At a terminal: {command}"
        )
