"""Dialogues of personas as they stand in the log: found by place, each with the dissonance of its turns drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.drawings import Span, draw_courses
from selftune.app.reporting.pages.parts import Drawing
from selftune.curation.card.dissonance import tell_dissonance
from selftune.loop.dialogues.holding import CHAT
from selftune.loop.dialogues.outset import MOTIVATOR, is_of
from selftune.records import Codex, Interaction

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import DissonanceLimits, Message

LOOKED_AT: Final = 1000
_SHOWN: Final = 30
_SOURCES: Final = frozenset({CHAT, MOTIVATOR})


@dataclass(frozen=True, kw_only=True)
class Dialogues:
    """A page of dialogues, newest first.

    Attributes:
        looked_at: How many entries of the log were looked at for them.
        before: The place from which older ones go on; None where the log ends there.
    """

    found: tuple[Interaction, ...]
    looked_at: int
    before: int | None


@dataclass(frozen=True, kw_only=True)
class Said:
    """One turn; `dissonance` is None where the turn was not measured, and `tint` says how high it is."""

    number: int
    message: Message
    dissonance: float | None
    height: str = ""


@dataclass(frozen=True, kw_only=True)
class DialogueView:
    """One dialogue.

    Attributes:
        limits: Of the codex under which it was held; None where that is not on record.
        drawing: None where nothing was measured.
        told: The same in a line.
    """

    interaction: Interaction
    turns: tuple[Said, ...]
    limits: DissonanceLimits | None
    drawing: Drawing | None
    told: str


def list_dialogues(project: Project, before: int | None = None) -> Dialogues:
    """The newest dialogues that personas held, or those before a place in the log; few entries are looked at."""
    looked = project.store.log.page(LOOKED_AT, before=before)
    held = [entry for entry in looked.entries if entry.source in _SOURCES and not entry.superseded]
    shown = held[:_SHOWN]
    cut = len(held) > _SHOWN
    last = shown[-1].sequence if cut else looked.entries[-1].sequence if looked.older else None
    found = project.store.kept_records([entry.interaction_id for entry in shown], Interaction)
    return Dialogues(found=tuple(found), looked_at=len(looked.entries), before=last)


def view_dialogue(project: Project, interaction_id: str) -> DialogueView:
    """One dialogue with the dissonance of each turn of a voice.

    Raises:
        UnknownNameError: there is no such interaction.
        IntegrityError: its words were erased, or it is damaged.
    """
    interaction = project.store.record(interaction_id, Interaction)
    codex = None
    if interaction.codex_id is not None:
        codex = next(project.store.kept_records([interaction.codex_id], Codex), None)
    limits = None if codex is None else codex.dissonance
    turns = _with_dissonance(interaction, "" if codex is None else codex.governor, limits)
    return DialogueView(
        interaction=interaction,
        turns=turns,
        limits=limits,
        drawing=_drawing(turns),
        told=tell_dissonance(interaction.dissonance),
    )


def _with_dissonance(interaction: Interaction, governor: str, limits: DissonanceLimits | None) -> tuple[Said, ...]:
    """Each turn with its measure; where there are more or fewer measures than turns of voices, none is guessed."""
    voices = [
        place
        for place, message in enumerate(interaction.messages)
        if message.role == "assistant" and not is_of(message.persona or "", governor)
    ]
    measured = (
        dict(zip(voices, interaction.dissonance, strict=True)) if len(voices) == len(interaction.dissonance) else {}
    )
    return tuple(
        Said(
            number=place + 1,
            message=message,
            dissonance=measured.get(place),
            height=_height(measured.get(place), limits),
        )
        for place, message in enumerate(interaction.messages)
    )


def _height(dissonance: float | None, limits: DissonanceLimits | None) -> str:
    if dissonance is None or limits is None:
        return ""
    if dissonance >= limits.high:
        return "high"
    return "low" if dissonance < limits.resolved else "between"


def _drawing(turns: tuple[Said, ...]) -> Drawing | None:
    spans = [
        Span(label=f"turn {one.number}", value=one.dissonance, interval=None, n=1)
        for one in turns
        if one.dissonance is not None
    ]
    if not spans:
        return None
    told = ", ".join(f"{one.label} {one.value:.2f}" for one in spans)
    courses = [("from 0, none, to 1; each point is a turn", spans)]
    return Drawing(svg=draw_courses("Dissonance by turn", courses, (0.0, 1.0)), alt=f"Dissonance by turn: {told}.")
