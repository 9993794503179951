"""The pages, in the order of the navigation; each is a module of its own with one router."""

from __future__ import annotations

from typing import Final

from selftune.app.dashboard.entry import Entry
from selftune.app.dashboard.pages import (
    chat,
    data,
    decisions,
    experiments,
    governance,
    models,
    morning,
    now,
    personas,
    pick,
    review,
    rules,
    settings,
    stopping,
    tonight,
)

TODAY: Final = "Today"
MODELS: Final = "What serves"
DATA: Final = "What is learnt"
HOUSE: Final = "The house"

PAGES: Final[tuple[Entry, ...]] = (
    Entry(name="now", path="/now", title="Now", group=TODAY, router=now.router),
    Entry(name="morning", path="/morning", title="Morning", group=TODAY, router=morning.router),
    Entry(name="chat", path="/chat", title="Chat", group=TODAY, router=chat.router),
    Entry(name="tonight", path="/tonight", title="Tonight", group=TODAY, router=tonight.router),
    Entry(name="pick", path="/pick", title="Pick", group=TODAY, router=pick.router),
    Entry(name="review", path="/review", title="Review", group=TODAY, router=review.router),
    Entry(name="models", path="/models", title="Models", group=MODELS, router=models.router),
    Entry(name="decisions", path="/decisions", title="Decision", group=MODELS, router=decisions.router),
    Entry(name="data", path="/data", title="Data", group=DATA, router=data.router),
    Entry(name="personas", path="/personas", title="Personas", group=HOUSE, router=personas.router),
    Entry(name="governance", path="/governance", title="Governance", group=HOUSE, router=governance.router),
    Entry(name="experiments", path="/experiments", title="Experiments", group=MODELS, router=experiments.router),
    Entry(name="rules", path="/rules", title="Rules", group=HOUSE, router=rules.router),
    Entry(name="settings", path="/settings", title="Settings", group=HOUSE, router=settings.router),
)

FIRST: Final = "/now"
"""Where the dashboard opens."""

BESIDE: Final = (stopping.router,)
"""What has no line in the navigation."""
