"""The pages, in the order of the navigation; each is a module of its own with one router."""

from __future__ import annotations

from typing import Final

from selftune.app.dashboard.entry import Entry
from selftune.app.dashboard.pages import rules, stopping

HOUSE: Final = "The house"

PAGES: Final[tuple[Entry, ...]] = (Entry(name="rules", path="/rules", title="Rules", group=HOUSE, router=rules.router),)

FIRST: Final = "/rules"
"""Where the dashboard opens."""

BESIDE: Final = (stopping.router,)
"""What has no line in the navigation."""
