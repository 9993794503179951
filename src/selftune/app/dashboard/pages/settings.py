"""Settings: everything in force, and where each value comes from. It is changed in the file, which keeps comments."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.reading import folder_of
from selftune.app.dashboard.rendering import show
from selftune.app.settings_table import settings_of

router = APIRouter()


@router.get("/settings")
def settings(request: Request) -> Response:
    """Section by section, as `selftune config` prints it."""
    return show(request, "settings", title="Settings", sections=settings_of(folder_of(request)))
