"""One go at a tool in a project: asked for, written, tested, put on record whatever came of it, and proposed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.failpoints import reach
from selftune.governance.brake.at_work import at_work
from selftune.governance.statements import say
from selftune.interactions.door import redact_words
from selftune.ledger.keys import load_machine_key
from selftune.loop.amending.standing import require_adopted
from selftune.loop.braking import check_brake, refuse_braked
from selftune.loop.forging.standing import (
    MACHINE,
    POLICY,
    ToolState,
    is_first,
    may_be_approved_by_code,
    seal_tool,
    tools_of,
)
from selftune.loop.forging.writing import check_sending, writer_of
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Forging, StatementKind, Tool, ToolAttempt
from selftune.scoring.structured import canonical
from selftune.toolforge.config import ApprovedBy, Forge
from selftune.toolforge.forge import Bench, forge
from selftune.toolforge.sandbox import find_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.forging.standing import Standing
    from selftune.loop.forging.writing import Writer
    from selftune.loop.opened import Project
    from selftune.personas.base import Voice
    from selftune.records import Message, ToolExample
    from selftune.toolforge.forge import Forged
    from selftune.toolforge.gaps import Gap
    from selftune.toolforge.spec import Spec


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one go came to.

    Attributes:
        tool: What is proposed; None where nothing was right.
        known: The tool was there already, word for word.
        approved: Code approved it, because the config says so.
        failure: Why the writer broke off, or who stopped it, in words.
    """

    forging: Forging
    tool: Tool | None = None
    known: bool = False
    approved: bool = False
    failure: str = ""


def make_tool(
    project: Project,
    gap: Gap,
    *,
    interaction_id: str | None = None,
    given: Sequence[ToolExample] = (),
    spec: Spec | None = None,
    voice: Voice | None = None,
) -> Made:
    """Write a tool for a gap and propose it; every answer is put on record, and so is a go that came to nothing.

    A person may give examples, or the whole spec, which is then not asked for.

    Raises:
        WaitingForPersonError: all work here is stopped.
        IntegrityError: the codex is not the one that was adopted, or a tool on record was altered.
        SandboxError: no sandbox holds on this machine, and nothing was asked; or it broke midway, and what was written
            until then is on record.
        UsageError: the words of the gap may not go to where the writer is, or what a person gave holds a secret.
    """
    check_brake(project)
    require_adopted(project)
    box = find_sandbox()
    check_sending(project, interaction_id)
    _refuse_secrets(project, given, spec)
    known, section = tools_of(project), project.config.forge
    writer, began = writer_of(project, voice), time.monotonic()

    def write(asked_for: str, messages: Sequence[Message]) -> str:
        refuse_braked(project.hidden)
        return writer(asked_for, messages)

    bench = Bench(
        write=write,
        sandbox=box,
        config=Forge(
            attempts=section.attempts,
            seconds=section.seconds,
            call_seconds=section.call_seconds,
            memory_mb=section.memory_mb,
        ),
        elapsed=lambda: time.monotonic() - began,
        seed=project.config.project.seed,
        objection=lambda text: _secret_in(project, text),
    )
    with at_work(project.hidden):
        forged = forge(gap, bench, given=given, taken=sorted({one.tool.name for one in known}), spec=spec)
    forging = _forging(project, gap, forged, writer, interaction_id, time.monotonic() - began)
    return _keep(project, forging, forged)


def _keep(project: Project, forging: Forging, forged: Forged) -> Made:
    """Put the go on record with what it brought, in one step; raise `SandboxError` after that where the box broke."""
    if forged.broken is not None:
        project.store.save([forging], event="forging ended")
        raise forged.broken
    if forged.spec is None or forged.source is None or forged.tried is None:
        project.store.save([forging], event="forging ended")
        return Made(forging=forging, failure=forged.failure)
    # Read anew: while it was written somebody may have proposed a tool of this name, and allowed it.
    known = tools_of(project)
    tool = _tool(project, forging, forged, forged.spec, known)
    same = [one for one in known if one.tool.spec_digest == tool.spec_digest and one.tool.source == tool.source]
    if same:
        project.store.save([forging], event="forging ended")
        waits = same[-1].state is ToolState.PROPOSED
        approved = waits and _approve_by_policy(project, same[-1].tool)
        return Made(forging=forging, tool=same[-1].tool, known=True, approved=approved)
    project.store.save([forging, tool], event="tool proposed")
    reach("tool-proposed")
    return Made(forging=forging, tool=tool, approved=_approve_by_policy(project, tool))


def _forging(
    project: Project, gap: Gap, forged: Forged, writer: Writer, interaction_id: str | None, seconds: float
) -> Forging:
    door = door_of(project)
    attempts = tuple(
        ToolAttempt(
            asked_for=one.asked_for,
            answer=redact_words(one.answer, door),
            problems=tuple(redact_words(problem, door) for problem in one.problems),
        )
        for one in forged.attempts
    )
    return Forging(
        salt=project.context().draw_salt(),
        gap=gap.kind.value,
        wanted=redact_words(gap.words, door),
        attempts=attempts,
        ended_by=forged.ended_by,
        written_by=writer.by,
        interaction_id=interaction_id,
        posture="" if forged.tried is None else forged.tried.posture,
        seconds=round(seconds, 3),
    )


def _tool(project: Project, forging: Forging, forged: Forged, spec: Spec, known: Sequence[Standing]) -> Tool:
    assert forged.source is not None  # noqa: S101 - whoever calls has looked
    assert forged.tried is not None  # noqa: S101 - as above
    before = [one.tool for one in known if one.tool.name == spec.name]
    unsigned = Tool(
        name=spec.name,
        version=len(before) + 1,
        description=spec.description,
        parameters=canonical(spec.parameters),
        returns=canonical(spec.returns),
        source=forged.source,
        pure=spec.pure,
        examples=spec.examples,
        tests=forged.tried.tests,
        spec_digest=spec.digest,
        forging_id=forging.id,
        written_by=forging.written_by,
        posture=forged.tried.posture,
        milliseconds=forged.tried.milliseconds,
        memory_bytes=forged.tried.memory_bytes,
        supersedes=before[-1].id if before else None,
    )
    return seal_tool(unsigned, load_machine_key(project.hidden / "keys"))


def _refuse_secrets(project: Project, given: Sequence[ToolExample], spec: Spec | None) -> None:
    """Return where what a person gave may be kept in a tool, which nothing is taken out of later.

    Raises:
        UsageError: it holds what looks like a secret.
    """
    texts = [f"{one.arguments} -> {one.result}" for one in given] + ([] if spec is None else [spec.words])
    for text in texts:
        if against := _secret_in(project, text):
            raise UsageError(f"an example or the spec can't be kept: {against}.", next_step="Give another one.")


def _secret_in(project: Project, text: str) -> str:
    """Why a source or a spec may not be kept; empty where it may. Redacting it would make another function of it."""
    held = redact_words(text, door_of(project)) != text
    return "it holds what looks like a secret or an address of a person; take that out" if held else ""


def _approve_by_policy(project: Project, tool: Tool) -> bool:
    """Whether code approved the tool, on record and marked as code's; only where one person works alone."""
    by_code = project.config.forge.approve is ApprovedBy.PURE and may_be_approved_by_code(tool)
    if not by_code or not is_first(tool, tools_of(project)) or not hear_project(project).alone:
        return False
    text = f'[forge] approve = "pure", and {tool.name} was shown to be pure by {len(tool.tests)} tests'
    said = say(
        StatementKind.APPROVAL, tool.id, MACHINE, text, project.context(), door_of(project), author_is_model=True
    )
    put_on_record(project, replace(said, category=POLICY), event="tool approved by policy")
    return True
