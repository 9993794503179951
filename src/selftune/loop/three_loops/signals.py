"""Which loop answers which signal: the one table. What no loop answers says so, with what happens instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Loop(StrEnum):
    """One of the three loops (mission A3), the fastest first."""

    TACTICAL = "tactical"
    STRATEGIC = "strategic"
    PHILOSOPHICAL = "philosophical"


class Signal(StrEnum):
    """Something that the records show."""

    TOOL_MISSING = "tool missing"
    TOOL_SUSPENDED = "tool suspended"
    LOW_ONCE = "low score once"
    WEAKNESS = "recurring weakness"
    LESSONS = "lessons ready"
    DISSONANCE_ONCE = "dissonance once"
    DISSONANCE_LASTING = "lasting dissonance"
    DRIFT = "identity drift"
    CODEX_CHANGED = "codex changed by hand"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a signal is answered.

    Attributes:
        loop: The loop that answers it; None: no loop does.
        by: What that loop does about it; or, where none does, what happens instead.
        needs: What must be on record before it counts.
    """

    signal: Signal
    loop: Loop | None
    needs: str
    by: str


TIMESCALES: Final = {
    Loop.TACTICAL: "minutes, within a task",
    Loop.STRATEGIC: "a night, over many interactions",
    Loop.PHILOSOPHICAL: "weeks, over generations",
}

DECISION_TABLE: Final = (
    Answer(
        signal=Signal.TOOL_MISSING,
        loop=Loop.TACTICAL,
        needs="a turn asks for a tool, a call fails for want of one, or the classifier finds a gap",
        by="write a function, test it in the sandbox, propose it",
    ),
    Answer(
        signal=Signal.TOOL_SUSPENDED,
        loop=Loop.TACTICAL,
        needs="an approved tool failed several times in a row",
        by="take it out of what may be called; forge its next version",
    ),
    Answer(
        signal=Signal.LOW_ONCE,
        loop=None,
        needs="one verdict below the threshold",
        by="nothing is learnt from it; one case is no pattern",
    ),
    Answer(
        signal=Signal.WEAKNESS,
        loop=Loop.STRATEGIC,
        needs="one criterion scored low on one topic over several conversations, as the curator lists it",
        by="learn from golden answers there; `selftune dataset grow --steer` and idle goals bring more of them",
    ),
    Answer(
        signal=Signal.LESSONS,
        loop=Loop.STRATEGIC,
        needs="as many new golden answers as let the gate see a gain",
        by="train, build, evaluate as served, and let the gate decide",
    ),
    Answer(
        signal=Signal.DISSONANCE_ONCE,
        loop=None,
        needs="one dialogue ended above its codex's threshold",
        by="the dialogue goes on until it is resolved or its limit comes; what stays open may become an idle goal",
    ),
    Answer(
        signal=Signal.DISSONANCE_LASTING,
        loop=Loop.PHILOSOPHICAL,
        needs="dissonance over many interactions and days that neither a forged tool nor several generations reduced",
        by="deliberate over the evidence and propose an amendment; a person approves it or does not",
    ),
    Answer(
        signal=Signal.DRIFT,
        loop=None,
        needs="a candidate fails probes of an invariant that the model before it held",
        by="the gate refuses the candidate: a training works within the codex",
    ),
    Answer(
        signal=Signal.CODEX_CHANGED,
        loop=None,
        needs="the codex file is not the one that was adopted, and no person signed the change",
        by="the runtime stops until a person signs it, or the one in force is put back",
    ),
)


def answer_to(signal: Signal) -> Answer:
    """The row of the table for a signal; each signal has exactly one."""
    return next(answer for answer in DECISION_TABLE if answer.signal is signal)


def signals_of(loop: Loop) -> tuple[Signal, ...]:
    """The signals that a loop answers, in the order of the table."""
    return tuple(answer.signal for answer in DECISION_TABLE if answer.loop is loop)
