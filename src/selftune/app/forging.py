"""Tools from the command line: what is missing, what was written, and a person's yes or no to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.doubting import end, speaker
from selftune.app.reporting.pages.plain import one_line, quoted
from selftune.app.signing import speak
from selftune.errors import MissingFileError, UsageError
from selftune.governance.people.roster import fold
from selftune.governance.statements import approve, refuse, say, withdraw
from selftune.loop.forging.listening import find_gap
from selftune.loop.forging.making import make_tool
from selftune.loop.forging.standing import ToolState, find_tool, may_come_back, tools_of
from selftune.loop.forging.toolbox import run_tool
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.personas.scripted import read_script
from selftune.records import ExampleBy, Forging, ForgingEnd, StatementKind
from selftune.settings import read_text
from selftune.toolforge.gaps import Gap, GapKind
from selftune.toolforge.sandbox import find_sandbox
from selftune.toolforge.schema import problems_of_value, read_value
from selftune.toolforge.spec import SpecError, read_example, read_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.governance.people.keys import Ask
    from selftune.loop.forging.listening import Heard
    from selftune.loop.forging.making import Made
    from selftune.loop.forging.standing import Standing
    from selftune.loop.forging.toolbox import Answered
    from selftune.loop.project import Project
    from selftune.records import Statement, Tool, ToolExample
    from selftune.toolforge.spec import Spec

_KIND: Final = {
    GapKind.ASKED: "asked for",
    GapKind.FAILED: "a call failed",
    GapKind.SAID: "said in a turn",
    GapKind.PERSON: "by a person",
}
_EXIT: Final = {
    ForgingEnd.PROPOSED: 0,
    ForgingEnd.NO_SPEC: 1,
    ForgingEnd.NEVER_RIGHT: 1,
    ForgingEnd.NO_TIME: 7,
    ForgingEnd.WRITER_FAILED: 8,
    ForgingEnd.NO_SANDBOX: 9,
    ForgingEnd.STOPPED: 130,
}
TAKEN_BACK: Final = "taken back: it is approved after all"
_WORDS: Final = 100
_ID: Final = 21


@dataclass(frozen=True, kw_only=True)
class ForgeWishes:
    """What a person wants written, and how.

    Attributes:
        gap: A gap in the log, by its name; or `wanted`, in the person's words; or `spec`, a file with the whole spec.
        examples: Calls with what they must return, as `read_example` takes them.
        script: A file of answers instead of any model's.
    """

    gap: str = ""
    wanted: str = ""
    spec: Path | None = None
    examples: tuple[str, ...] = ()
    script: Path | None = None


def forge_wished(project: Project, wishes: ForgeWishes) -> Made:
    """Write a tool as a person wishes; errors as `make_tool`.

    Raises:
        UsageError: not one of gap, wish and spec is named, or an example or the spec is none.
        MissingFileError: there is no such spec.
        UnknownNameError: no gap is called so.
    """
    if sum((bool(wishes.gap), bool(wishes.wanted.strip()), wishes.spec is not None)) != 1:
        raise UsageError(
            "name one gap, or say what is wanted, or give a spec.",
            next_step='`selftune tool gaps` lists gaps; or: selftune tool forge --wanted "count the vowels of a text"',
        )
    try:
        given = [read_example(one, ExampleBy.PERSON) for one in wishes.examples]
    except SpecError as error:
        raise UsageError(f"{error}.", next_step="""Write it as --example '{"text": "tree"} -> 2'.""") from error
    spec = None if wishes.spec is None else _spec_in(wishes.spec, given)
    heard = find_gap(project, wishes.gap) if wishes.gap else None
    words = wishes.wanted if spec is None else spec.description
    gap = Gap(kind=GapKind.PERSON, words=" ".join(words.split())) if heard is None else heard.gap
    voice = None if wishes.script is None else read_script(wishes.script)
    interaction_id = None if heard is None else heard.interaction_id
    return make_tool(project, gap, interaction_id=interaction_id, given=given, spec=spec, voice=voice)


def _spec_in(path: Path, given: Sequence[ToolExample]) -> Spec:
    """The spec that a person wrote into a file."""
    if not path.is_file():
        raise MissingFileError(f"there is no spec {path}.", next_step="Check the path behind --spec.")
    try:
        return read_spec(read_text(path, f"spec {path}"), given, by=ExampleBy.PERSON)
    except SpecError as error:
        raise UsageError(f"spec {path}: {error}.", next_step="Correct it; docs/tools.md shows one.") from error


def exit_code_of(made: Made) -> int:
    """What the command ends with."""
    return _EXIT[made.forging.ended_by]


def describe_gaps(found: Sequence[Heard]) -> Iterator[str]:
    """Each gap in a line, with what can be done about the first one."""
    for one in found:
        tried = f"  ({len(one.forgings)} tried)" if one.forgings else ""
        yield f"{one.name}  {_KIND[one.gap.kind]:<14}{one_line(one.gap.words)[:_WORDS]}{tried}"
    if found:
        yield f"Have one written: selftune tool forge {found[0].name}"
    else:
        yield "No turn of the newest exchanges names anything that is missing."


def describe_made(made: Made) -> Iterator[str]:
    """What one go came to, with the failure of the last answer where nothing was right."""
    forging = made.forging
    attempts = f"{len(forging.attempts)} answers, {forging.seconds:.1f} s, written by {one_line(forging.written_by)}"
    if made.tool is None:
        yield f"No tool: {forging.ended_by.value} ({attempts}). On record: {forging.id[:_ID]}"
        if made.failure:
            yield f"  {one_line(made.failure)}"
        for problem in forging.attempts[-1].problems if forging.attempts else ():
            yield f"  {one_line(problem)[:300]}"
        return
    tool = made.tool
    if made.known:
        yield f"{tool.name}, version {tool.version}, is there already, word for word ({attempts})."
    else:
        yield f"Proposed: {_title(tool)} ({attempts})."
        yield f"  {one_line(tool.description)}"
        yield f"  {_measured(tool)}"
        yield from _instead(tool)
    if made.approved:
        yield '  Approved by code, because [forge] approve = "pure". Take that back: selftune tool refuse ' + tool.name
    elif not made.known:
        yield f"Read it, then say yes or no: selftune tool show {tool.name}"


def describe_tools(found: Sequence[Standing]) -> Iterator[str]:
    """Each tool in a line, the newest version of a name last."""
    for one in found:
        yield f"{one.tool.name:<24}v{one.tool.version:<3} {one.state.value:<11} {one_line(one.why)[:_WORDS]}"
    if not found:
        yield "No tool was proposed yet; `selftune tool gaps` shows what is missing."


def describe_tool(project: Project, one: Standing) -> Iterator[str]:
    """Everything that a person needs to say yes or no: what it does, its source, and every test."""
    tool = one.tool
    yield f"{_title(tool)}: {one.state.value}, {one_line(one.why)}"
    yield f"  {one_line(tool.description)}"
    yield f"  arguments {one_line(tool.parameters)}"
    yield f"  returns {one_line(tool.returns)}"
    yield f"  {_measured(tool)}; sandbox {tool.posture[:12]}"
    forging = project.store.record(tool.forging_id, Forging)
    where = f" in {forging.interaction_id[:26]}" if forging.interaction_id else ""
    yield f"  written by {one_line(tool.written_by)} in {len(forging.attempts)} answers, for a gap {forging.gap}{where}"
    yield from _instead(tool)
    yield from quoted(tool.source.rstrip("\n"))
    for test in tool.tests:
        yield f"  {'passed' if test.passed else 'FAILED'}  {one_line(test.name)} {one_line(test.told)}".rstrip()
    for example in tool.examples:
        yield f"  {one_line(example.arguments)} -> {one_line(example.result)} ({example.by.value})"
    if one.state is ToolState.PROPOSED:
        yield f'Yes: selftune tool approve {tool.name}   No: selftune tool refuse {tool.name} --because "..."'
    elif one.state is ToolState.SUSPENDED:
        yield f'Call it again: selftune tool resume {tool.name} --because "..."'


def tool_named(project: Project, name: str) -> Standing:
    """The newest tool of this name, or of this id, and what has become of it; errors as `tools_of` and `find_tool`."""
    return find_tool(tools_of(project), name)


def try_tool(project: Project, name: str, arguments: str) -> Answered:
    """One call of any tool by a person, in the sandbox, whatever its state; it counts as nothing.

    Raises:
        UsageError: the arguments don't fit.
        SandboxError: no sandbox holds here.
    """
    tool = tool_named(project, name).tool
    try:
        given = read_value(arguments)
    except ValueError as error:
        raise UsageError(f"the arguments are no JSON: {error}.", next_step="Write them as one JSON object.") from error
    problems = problems_of_value(read_value(tool.parameters), given, "arguments")
    if problems:
        raise UsageError(f"{'; '.join(problems)}.", next_step=f"See its schema: selftune tool show {tool.name}")
    return run_tool(project, tool, given, find_sandbox())


def approve_tool(project: Project, name: str, *, author: str, text: str, ask: Ask) -> Statement:
    """Put a person's yes to exactly this version on record; in a team it is signed with their key.

    Who refused it before takes that back with it; both stay on record.

    Raises:
        UsageError: it is approved already or suspended, somebody else refused it, or a later version took its place and
            was not refused.
    """
    one, who = tool_named(project, name), speaker(project, author)
    if one.state is ToolState.REFUSED:
        _require_own(one, who)
    elif not may_come_back(one, tools_of(project)):
        _require(one, ToolState.PROPOSED, "approve")
    context, door = project.context(), door_of(project)
    said = approve(
        one.tool.id, author=who, text=text or "approved", context=context, door=door, evidence=(one.tool.forging_id,)
    )
    hearing = hear_project(project)
    taken_back = [
        withdraw(refusal, author=refusal.author, text=TAKEN_BACK, context=context, door=door)
        for refusal in (one.said if one.state is ToolState.REFUSED else ())
    ]
    # Whose key is not at hand takes nothing back either.
    signed, *backs = [speak(hearing, each, ask) for each in (said, *taken_back)]
    for back in backs:
        put_on_record(project, back, event="refusal withdrawn")
    return put_on_record(project, signed, event="tool approved")


def refuse_tool(project: Project, name: str, *, author: str, because: str) -> Statement:
    """Put a person's no on record, with the reason; it holds until its author withdraws it.

    Raises:
        UsageError: it was refused already, or no reason is given.
    """
    one = tool_named(project, name)
    if one.state is ToolState.REFUSED:
        raise UsageError(f"{one.tool.name} was refused already.", next_step=f"See why: selftune tool show {name}")
    who = speaker(project, author)
    said = refuse(one.tool.id, author=who, text=because, context=project.context(), door=door_of(project))
    return put_on_record(project, said, event="tool refused")


def suspend_tool(project: Project, name: str, *, author: str, because: str) -> Statement:
    """Have a tool called no more until that is lifted.

    Raises:
        UsageError: it is not approved, or no reason is given.
    """
    one = tool_named(project, name)
    _require(one, ToolState.APPROVED, "suspend")
    who = speaker(project, author)
    said = say(StatementKind.HOLD, one.tool.id, who, because, project.context(), door_of(project))
    return put_on_record(project, said, event="tool suspended")


def resume_tool(project: Project, name: str, *, author: str, because: str, ask: Ask) -> tuple[Statement, ...]:
    """Lift all that suspends a tool.

    Raises:
        UsageError: nothing suspends it, or no reason is given.
        WaitingForPersonError: this person may not; the message says who may.
    """
    one = tool_named(project, name)
    _require(one, ToolState.SUSPENDED, "resume")
    return tuple(end(project, said.id, because, author=author, evidence=(), ask=ask) for said in one.said)


def _require_own(one: Standing, author: str) -> None:
    """Return where this person alone refused a tool.

    Raises:
        UsageError: somebody else did.
    """
    others = [said.author for said in one.said if fold(said.author) != fold(author)]
    if others:
        raise UsageError(
            f"{one.tool.name}, version {one.tool.version}, was refused by {others[0]}, who alone can take that back.",
            next_step=f"See why: selftune tool show {one.tool.name}",
        )


def _require(one: Standing, state: ToolState, verb: str) -> None:
    if one.state is not state:
        raise UsageError(
            f"{one.tool.name}, version {one.tool.version}, is {one.state.value} ({one.why}), and only what is "
            f"{state.value} is there to {verb}.",
            next_step=f"See what became of it: selftune tool show {one.tool.name}",
        )


def _instead(tool: Tool) -> Iterator[str]:
    if tool.supersedes is not None:
        yield f"  once approved it takes the place of version {tool.version - 1} ({tool.supersedes[:_ID]})"


def _title(tool: Tool) -> str:
    return f"{tool.name}, version {tool.version} ({tool.id[:_ID]})"


def _measured(tool: Tool) -> str:
    passed = sum(test.passed for test in tool.tests)
    pure = "pure" if tool.pure else "not pure"
    return f"{passed} of {len(tool.tests)} tests passed; {pure}; {tool.milliseconds:.0f} ms a call, sandbox included"
