"""The tactical loop: the gaps that the log names, the tools that were forged for them, and the suspended ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.loop.forging.listening import gaps_of
from selftune.loop.forging.standing import ToolState, tools_of
from selftune.loop.three_loops.signals import TIMESCALES, Loop, Signal
from selftune.loop.three_loops.state import LoopState, Noticed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.forging.listening import Heard
    from selftune.loop.forging.standing import Standing
    from selftune.loop.project import Project

SHOWN: Final = 5


def look_at_tactical(project: Project) -> LoopState:
    """Open gaps, suspended tools, and what became of the newest tools.

    Raises:
        IntegrityError: a stored tool was altered.
    """
    gaps, tools = gaps_of(project), tools_of(project)
    return LoopState(
        loop=Loop.TACTICAL,
        timescale=TIMESCALES[Loop.TACTICAL],
        noticed=tuple(_noticed(gaps, tools)),
        did=tuple(_told(project, one) for one in reversed(tools[-SHOWN:])),
        waits_for=_waits_for(gaps, tools),
        next_step=_next_step(gaps, tools),
    )


def _noticed(gaps: Sequence[Heard], tools: Sequence[Standing]) -> Iterator[Noticed]:
    for heard in gaps[:SHOWN]:
        told = f"{heard.gap.words} ({heard.gap.kind.value}; {heard.name})"
        yield Noticed(signal=Signal.TOOL_MISSING, told=told, records=(heard.interaction_id,))
    for one in _those(tools, ToolState.SUSPENDED):
        yield Noticed(signal=Signal.TOOL_SUSPENDED, told=f"{_name(one)}: {one.why}", records=(one.tool.id,))


def _told(project: Project, one: Standing) -> str:
    return f"{project.store.saved_at(one.tool.id)[:10]} {_name(one)}: {one.state.value}, {one.why}"


def _waits_for(gaps: Sequence[Heard], tools: Sequence[Standing]) -> str:
    proposed = _those(tools, ToolState.PROPOSED)
    if proposed:
        return f"a person's word on {', '.join(map(_name, proposed))}"
    return "somebody to have a tool written" if gaps else "a gap that a turn, a failed call or a person names"


def _next_step(gaps: Sequence[Heard], tools: Sequence[Standing]) -> str:
    proposed = _those(tools, ToolState.PROPOSED)
    if proposed:
        return f"selftune tool show {proposed[0].tool.name}, then selftune tool approve {proposed[0].tool.name}"
    return f"selftune tool forge {gaps[0].name}" if gaps else "selftune chat"


def _those(tools: Sequence[Standing], state: ToolState) -> tuple[Standing, ...]:
    return tuple(one for one in tools if one.state is state)


def _name(one: Standing) -> str:
    return f"{one.tool.name} {one.tool.version}"
