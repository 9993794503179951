"""Personas: what they said and how far apart they were, the codex in force, and the changes to it that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from selftune.app.amending import amendment_named
from selftune.app.amendments_page import describe_amendment, states_of
from selftune.app.codices import codex_in_force
from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.reading import Place, folder_of, project_of, record_named
from selftune.app.dashboard.rendering import show
from selftune.app.dialogue_pages import list_dialogues, view_dialogue
from selftune.governance.amendments.states import AmendmentState
from selftune.records import Interaction

if TYPE_CHECKING:
    from selftune.app.amendments_page import Stated

router = APIRouter()

_TINTS = {AmendmentState.IN_FORCE: "good", AmendmentState.WAITING: "unsure", AmendmentState.ONE_SIGNED: "unsure"}
_HEIGHTS = {"high": "bad", "low": "good", "between": "unsure"}


@router.get("/personas")
def personas(request: Request, before: Place = None) -> Response:
    """The codex in force with its personas, what waits to change it, and the newest dialogues."""
    project = project_of(request)
    listed = list_dialogues(project, before)
    return show(
        request,
        "personas",
        title="Personas",
        codex=codex_in_force(folder_of(request)),
        amendments=[_amendment(one) for one in states_of(project)][::-1],
        dialogues=[_dialogue(one) for one in listed.found],
        listed=listed,
        before=before,
    )


@router.get("/personas/dialogue/{interaction_id}")
def dialogue(request: Request, interaction_id: str) -> Response:
    """One dialogue, turn by turn."""
    view = view_dialogue(project_of(request), record_named(request, interaction_id, Interaction).id)
    rows = [
        [
            str(one.number),
            one.message.persona or one.message.role,
            figure("-" if one.dissonance is None else f"{one.dissonance:.2f}"),
            tinted(one.height or "-", _HEIGHTS.get(one.height, "")),
        ]
        for one in view.turns
    ]
    return show(request, "dialogue", title="A dialogue", view=view, rows=rows)


@router.get("/personas/amendment/{amendment_id}")
def amendment(request: Request, amendment_id: str) -> Response:
    """All of one proposal; it is signed at a terminal alone."""
    project = project_of(request)
    found = amendment_named(project, amendment_id)
    state = next(states_of(project, found)).state
    return show(
        request,
        "amendment",
        title="A change of the codex",
        found=found,
        state=state.value,
        lines=list(describe_amendment(project, found)),
    )


def _amendment(one: Stated) -> list[Any]:
    by = f"{one.amendment.author}{', a model' if one.amendment.author_is_model else ''}"
    state = tinted(one.state.value, _TINTS.get(one.state, ""))
    return [linked(one.id[:22], f"/personas/amendment/{one.id}"), state, by, one.amendment.because[:120]]


def _dialogue(one: Interaction) -> list[Any]:
    asked = next((message.content for message in one.messages if message.role == "user"), "")
    voices = list(dict.fromkeys(message.persona for message in one.messages if message.persona))
    high = figure(f"{max(one.dissonance):.2f}" if one.dissonance else "not measured")
    last = figure(f"{one.dissonance[-1]:.2f}" if one.dissonance else "not measured")
    when = (one.happened_at or "")[:16].replace("T", " ")
    return [
        linked(asked[:70] or "(no words)", f"/personas/dialogue/{one.id}"),
        ", ".join(voices),
        one.source,
        high,
        last,
        when,
    ]
