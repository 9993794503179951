"""Rules: what is declared, what enforces it, and what was last measured for it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.reading import folder_of
from selftune.app.dashboard.rendering import show
from selftune.app.rules import rules_of

router = APIRouter()


@router.get("/rules")
def rules(request: Request) -> Response:
    """The table of `selftune rules`."""
    return show(request, "rules", title="Rules", rules=rules_of(folder_of(request)))
