"""The toolbox of a dialogue: approved tools, called in the sandbox alone; one that keeps failing is suspended."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import IntegrityError, SandboxError, WaitingForPersonError
from selftune.governance.statements import say
from selftune.loop.braking import refuse_braked
from selftune.loop.forging.standing import MACHINE, ToolState, approved, tools_of
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import StatementKind, ToolSchema
from selftune.toolforge.gaps import ERROR, NO_SUCH_TOOL
from selftune.toolforge.running import call_each, limits_for
from selftune.toolforge.sandbox import find_sandbox
from selftune.toolforge.schema import problems_of_value, read_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.loop.opened import Project
    from selftune.records import Tool, ToolCall
    from selftune.toolforge.sandbox.base import Sandbox

FAILED: Final = "tool failed"
"""Ledger event of a call that failed and of the first one that did not after that; `row` counts, and then is 0."""

SUSPENDED: Final = "tool suspended"
_TOLD: Final = 300


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one call of a tool came to.

    Attributes:
        value: The result as JSON text; None where there is none.
        error: Why there is none, in words that begin as `gaps` knows them.
        is_fault: Whether the tool is to blame, and neither the call nor the machine.
        kind: Of the error, without its words.
    """

    value: str | None = None
    error: str = ""
    is_fault: bool = False
    kind: str = ""


def toolbox_of(project: Project) -> ApprovedTools:
    """What may be called here now; empty where nothing is approved.

    Raises:
        IntegrityError: a tool on record was altered; none is called then.
    """
    return ApprovedTools(project, tuple(one.tool for one in approved(tools_of(project))))


class ApprovedTools:
    """The approved tools of a project, for one dialogue or one caller.

    What is refused, suspended or replaced meanwhile, here or in another process, is called no more; what is allowed
    meanwhile comes with the next dialogue.

    Attributes:
        tools: By name.
        off: Why nothing can be called although tools are approved: no sandbox; empty otherwise.
    """

    def __init__(self, project: Project, tools: Iterable[Tool]) -> None:
        self._project = project
        self.tools = {tool.name: tool for tool in tools}
        self._left = project.config.forge.most_calls
        self._gone: dict[str, str] = {}
        self._judged_at = project.store.last_sequence()
        self._rows = {} if not self.tools else _rows_of(project)
        self._box, self.off = _box_for(self.tools)

    def schemas(self) -> tuple[ToolSchema, ...]:
        """What a model is told of the tools that may be called now; nothing where no sandbox holds."""
        if self._box is None:
            return ()
        self._judge_again()
        return tuple(
            ToolSchema(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in self.tools.values()
            if tool.id not in self._gone
        )

    def call(self, wanted: ToolCall) -> ToolCall:
        """The call with its result as JSON text, or with one that begins with `error: `; a tool can raise nothing."""
        answered = self._answer(wanted)
        if answered.value is None:
            return replace(wanted, result=f"{ERROR}{answered.error}"[: self._project.config.forge.result_letters])
        return replace(wanted, result=_bounded(answered.value, self._project.config.forge.result_letters))

    def _answer(self, wanted: ToolCall) -> Answered:
        tool = self.tools.get(wanted.name)
        against = self._against(wanted, tool)
        if against or tool is None or self._box is None:
            return Answered(error=against)
        try:
            arguments = read_value(wanted.arguments or "{}")
        except ValueError as error:
            return Answered(error=f"the arguments are no JSON: {error}")
        problems = problems_of_value(read_value(tool.parameters), arguments, "arguments")
        if problems:
            return Answered(error=f"the arguments do not fit: {'; '.join(problems)}"[:_TOLD])
        self._left -= 1
        try:
            answered = run_tool(self._project, tool, arguments, self._box)
        except SandboxError as error:
            return Answered(error=f"not now: {error.message}")
        self._count(tool, answered)
        return answered

    def _against(self, wanted: ToolCall, tool: Tool | None) -> str:
        """Why a call is not even looked at; empty where it is."""
        if tool is None:
            near = difflib.get_close_matches(wanted.name, self.tools, n=1, cutoff=0.5)
            offered = f"; there is {near[0]!r}" if near else ""
            return f"{NO_SUCH_TOOL.removeprefix(ERROR)} {wanted.name[:64]!r}{offered}"
        self._judge_again()
        if tool.id in self._gone:
            return f"not now: {tool.name} {self._gone[tool.id]}"
        if self._box is None:
            return f"not now: {self.off}"
        if self._left <= 0:
            return "no more calls in this dialogue"
        try:
            refuse_braked(self._project.hidden)
        except WaitingForPersonError as stopped:
            return f"not now: {stopped.message}"
        return ""

    def _judge_again(self) -> None:
        """Learn what may be called no more, if anything was put on record since it was looked at last."""
        last = self._project.store.last_sequence()
        if not self.tools or last == self._judged_at:
            return
        try:
            found = {one.tool.id: one for one in tools_of(self._project)}
        except IntegrityError as error:
            self._gone = dict.fromkeys((tool.id for tool in self.tools.values()), f"is not called: {error.message}")
            return
        self._gone = {
            tool.id: f"is {found[tool.id].state.value}" if tool.id in found else "is gone"
            for tool in self.tools.values()
            if tool.id not in found or found[tool.id].state is not ToolState.APPROVED
        }
        self._judged_at = last

    def _count(self, tool: Tool, answered: Answered) -> None:
        """Put a failure on record, and the first success after one; suspend at the last failure that is allowed."""
        row = self._rows.get(tool.id, 0)
        if not answered.is_fault:
            if row:
                self._note(tool, 0, "")
            return
        self._note(tool, row + 1, answered.kind)
        if row + 1 >= self._project.config.forge.fails:
            self._suspend(tool, row + 1, answered.kind)

    def _note(self, tool: Tool, row: int, why: str) -> None:
        self._rows[tool.id] = row
        self._project.store.note(FAILED, {"tool": tool.id, "row": str(row), "why": why})

    def _suspend(self, tool: Tool, row: int, why: str) -> None:
        text = f"{tool.name} failed {row} times in a row, the last time by {why}; it is not called until that is lifted"
        context, door = self._project.context(), door_of(self._project)
        said = say(StatementKind.HOLD, tool.id, MACHINE, text, context, door, author_is_model=True)
        put_on_record(self._project, said, event=SUSPENDED)
        # Who lifts it gives it a new chance, and not one call.
        self._note(tool, 0, "suspended")


def run_tool(project: Project, tool: Tool, arguments: Any, box: Sandbox) -> Answered:
    """One call of a tool in the sandbox, its result held against what it says that it returns.

    Raises:
        SandboxError: the box could not be built; nothing ran.
    """
    section = project.config.forge
    limits = limits_for(1, call_seconds=section.call_seconds, memory_mb=section.memory_mb)
    (outcome,) = call_each(box, tool.source, tool.name, [arguments], limits).outcomes
    if outcome.result is None:
        if outcome.has_no_answer:
            return Answered(error=f"the arguments have no answer:{outcome.error.partition(':')[2]}"[:_TOLD])
        return Answered(error=f"the tool failed: {outcome.error}"[:_TOLD], is_fault=True, kind=outcome.kind)
    try:
        problems = problems_of_value(read_value(tool.returns), read_value(outcome.result), "result")
    except ValueError as error:
        problems = (f"its result is no JSON: {error}",)
    if problems:
        return Answered(error=f"the tool failed: {problems[0]}"[:_TOLD], is_fault=True, kind="a result of another form")
    return Answered(value=outcome.result)


def _box_for(tools: dict[str, Tool]) -> tuple[Sandbox | None, str]:
    """The sandbox, looked for only where something may be called, or why there is none."""
    if not tools:
        return None, ""
    try:
        return find_sandbox(), ""
    except SandboxError as error:
        return None, error.message


def _rows_of(project: Project) -> dict[str, int]:
    """How often each tool has failed in a row, by what is on record."""
    return {
        detail["tool"]: int(detail["row"])
        for _, detail in project.store.noted(FAILED)
        if detail.get("row", "").isdecimal() and "tool" in detail
    }


def _bounded(text: str, most: int) -> str:
    cut = len(text) - most
    return text if cut <= 0 else f"{text[:most]} ({cut} more characters were cut)"
