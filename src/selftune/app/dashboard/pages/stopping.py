"""The stop: one button on every page, a word why, and what was ended."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from selftune.app.braking import describe_stop, projects_in, record_stop, stop_here
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.reading import folder_of
from selftune.app.dashboard.rendering import show

router = APIRouter()


@router.get("/stop")
def ask(request: Request) -> Response:
    """What a stop does, and the button; it reads neither config nor store."""
    return show(request, "stop", title="Stop everything")


@router.post("/stop")
def stop(request: Request, form: Form) -> Response:
    """Do as `selftune stop` does."""
    folder = folder_of(request)
    stopped = stop_here(folder, because=form.text("because"), author="")
    lines = list(describe_stop(stopped))
    late = "; ".join(filter(None, map(record_stop, projects_in(folder)))) if stopped.braked else ""
    if late:
        lines.append(f"It goes on record with the next command: {late}")
    return done(request, "/stop", *lines)
