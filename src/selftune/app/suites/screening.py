"""`selftune suite screen`: a part of a suite beside it, for a cheap look at many candidates; it decides nothing.

It is read against a baseline alone: what it says of a candidate is candidate minus baseline, on these items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.suites.linting import suite_named
from selftune.errors import UsageError
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import SUITES
from selftune.loop.experiments.screen import ITEMS, draw_screen

if TYPE_CHECKING:
    from pathlib import Path

_COMMENT: Final = "Drawn by `selftune suite screen`; it promotes nothing. Read it against the base alone."


def screen_suite(folder: Path, name: str, *, items: int = ITEMS, seed: int = 0, force: bool = False) -> Path:
    """Write a screen of a suite beside it; returns where.

    Raises:
        UnknownNameError: no suite has that name.
        UsageError: there is such a screen already, or it is too small to hold each category.
    """
    screen = draw_screen(suite_named(folder, name), items=items, seed=seed)
    target = folder / SUITES.folder / f"{screen.name}{SUITES.endings[0]}"
    if target.exists() and not force:
        raise UsageError(f"{target} is there already.", next_step="Replace it with --force.")
    write_suite(screen, target, _COMMENT)
    return target
