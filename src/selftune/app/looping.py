"""The three loops and the table of their signals, for the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import one_line
from selftune.loop.three_loops.signals import DECISION_TABLE, TIMESCALES, Loop, signals_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.three_loops.state import LoopState

TITLES: Final = {
    Loop.TACTICAL: "Tool forge",
    Loop.STRATEGIC: "Fine-tuning",
    Loop.PHILOSOPHICAL: "Codex amendment",
}


def describe_loops(states: Sequence[LoopState]) -> Iterator[str]:
    """Each loop under its name: noticed, did, waits for, what to type."""
    for state in states:
        yield f"{TITLES[state.loop]} (the {state.loop.value} loop: {state.timescale})"
        for noticed in state.noticed:
            yield f"  noticed    {noticed.signal.value}: {one_line(noticed.told)}"
        if not state.noticed:
            yield "  noticed    nothing that it answers"
        for done in state.did:
            yield f"  did        {one_line(done)}"
        if not state.did:
            yield "  did        nothing yet"
        yield f"  waits for  {one_line(state.waits_for)}"
        yield f"  next       {one_line(state.next_step)}"


def describe_table() -> Iterator[str]:
    """Which loop answers which signal, the fastest loop first; then what no loop answers."""
    for loop in Loop:
        yield f"{TITLES[loop]} (the {loop.value} loop: {TIMESCALES[loop]})"
        for answer in DECISION_TABLE:
            if answer.signal in signals_of(loop):
                yield f"  {answer.signal.value}: {answer.needs}"
                yield f"    -> {answer.by}"
    yield "No loop"
    for answer in DECISION_TABLE:
        if answer.loop is None:
            yield f"  {answer.signal.value}: {answer.needs}"
            yield f"    -> {answer.by}"
