"""`python -m selftune.app.campaigns [NAME …]`: run campaigns, print their figures; exit 1 when a promise is missed."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from selftune.app import campaigns as folder
from selftune.errors import SelftuneError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.app.campaigns.base import Section

_NO_CAMPAIGNS: Final = {"alarm_worlds", "base", "evidence", "__main__"}
_MARKS: Final = {True: "held", False: "MISSED", None: ""}


def campaigns() -> list[str]:
    """Names of all campaigns, in alphabetical order."""
    return sorted({module.name for module in pkgutil.iter_modules(folder.__path__)} - _NO_CAMPAIGNS)


def run(name: str) -> Section:
    """Run one campaign.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in campaigns():
        raise UnknownNameError("campaign", name, campaigns())
    section: Section = import_module(f"{folder.__name__}.{name}").report()
    return section


def in_words(section: Section) -> str:
    """A section as Markdown, as it can stand in a log."""
    rows = [
        f"| {figure.name} | {figure.measured} | {figure.promised or ''} | {_MARKS[figure.held]} |"
        for figure in section.figures
    ]
    table = ["| figure | measured | promised | |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {section.title}", "", section.method, "", *table, "", f"Not shown: {section.limits}", ""])


def main(names: Sequence[str]) -> int:
    """Print each campaign as soon as it is done; 0 when every promise held."""
    missed = False
    for name in names or campaigns():
        section = run(name)
        sys.stdout.write(in_words(section) + "\n")
        sys.stdout.flush()
        missed = missed or any(figure.held is False for figure in section.figures)
    return int(missed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SelftuneError as error:
        sys.exit(str(error))
