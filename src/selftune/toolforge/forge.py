"""The closed loop: a spec, a function, the static check, the tests in the sandbox, and repair until it is right.

A writer is told what is asked for (`spec` or `function`) and the messages, and answers with text: a model, or a script
that says that it is one. Every answer is kept, with what was wrong with it. Nothing here lets a tool be called; it
only says what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import SandboxError, SelftuneError, ServingError, WaitingForPersonError
from selftune.records import ForgingEnd, ToolAttempt
from selftune.toolforge.asking import ask_again, ask_for_function, ask_for_spec, bounded, read_function
from selftune.toolforge.checking import check_source
from selftune.toolforge.spec import SpecError, read_spec
from selftune.toolforge.trials import hide_some, try_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.records import Message, ToolExample
    from selftune.toolforge.asking import Written
    from selftune.toolforge.config import Forge
    from selftune.toolforge.gaps import Gap
    from selftune.toolforge.sandbox.base import Sandbox
    from selftune.toolforge.spec import Spec
    from selftune.toolforge.trials import Tried

    Write = Callable[[str, Sequence[Message]], str]
    Object = Callable[[str], str]

SPEC: Final = "spec"
FUNCTION: Final = "function"
SAME: Final = "it is the same function as before"
_ENDS: Final[dict[type[SelftuneError], ForgingEnd]] = {
    ServingError: ForgingEnd.WRITER_FAILED,
    SandboxError: ForgingEnd.NO_SANDBOX,
    WaitingForPersonError: ForgingEnd.STOPPED,
}


@dataclass(frozen=True, kw_only=True)
class Forged:
    """What a forging came to.

    Attributes:
        attempts: Every answer, oldest first.
        spec: With its hidden examples marked; None where there never was a sound one.
        source: The function that passed everything; None where there is none.
        tried: The tests that were run last; None where none were.
        failure: Why the writer broke off, who stopped it, or what the sandbox lacks, in words.
        broken: The sandbox could not be built midway, and this says why.
    """

    attempts: tuple[ToolAttempt, ...]
    ended_by: ForgingEnd
    spec: Spec | None = None
    source: str | None = None
    tried: Tried | None = None
    failure: str = ""
    broken: SandboxError | None = None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a forging works with.

    Attributes:
        write: Who writes.
        elapsed: Seconds since it began.
        seed: What arguments are drawn with.
        objection: What else is to be said against a source or the words of a spec; empty for nothing.
    """

    write: Write
    sandbox: Sandbox
    config: Forge
    elapsed: Callable[[], float]
    seed: int = 0
    objection: Object = lambda text: ""  # noqa: ARG005 - nobody objects unless somebody is named


class _NoTime(Exception):  # noqa: N818 - it never leaves this module
    """The time for a forging is over."""


def forge(
    gap: Gap, bench: Bench, *, given: Sequence[ToolExample] = (), taken: Sequence[str] = (), spec: Spec | None = None
) -> Forged:
    """Write a tool for a gap: asked for, checked, tested in the sandbox, and repaired a few times.

    Args:
        gap: What is missing.
        bench: Who writes, where it runs, what it may take.
        given: Examples of a person, which count before the writer's.
        taken: Names that the writer is asked to leave alone.
        spec: A person's, which is then not asked for.
    """
    attempts: list[ToolAttempt] = []
    try:
        wanted = hide_some(spec) if spec is not None else _write_spec(gap, bench, given, taken, attempts)
        if wanted is None:
            return Forged(attempts=tuple(attempts), ended_by=ForgingEnd.NO_SPEC)
        return _write_function(wanted, bench, attempts)
    except _NoTime:
        return Forged(attempts=tuple(attempts), ended_by=ForgingEnd.NO_TIME)
    except (ServingError, SandboxError, WaitingForPersonError) as error:
        ended_by = next(end for kind, end in _ENDS.items() if isinstance(error, kind))
        broken = error if isinstance(error, SandboxError) else None
        return Forged(attempts=tuple(attempts), ended_by=ended_by, failure=error.message, broken=broken)
    except KeyboardInterrupt:
        # Whoever ends it keeps what was written; the command says that it was ended.
        return Forged(attempts=tuple(attempts), ended_by=ForgingEnd.STOPPED)


def _write_spec(
    gap: Gap, bench: Bench, given: Sequence[ToolExample], taken: Sequence[str], attempts: list[ToolAttempt]
) -> Spec | None:
    """The first sound spec, or None after as many tries as are allowed."""
    asked = question = ask_for_spec(gap, given, taken)
    for number in range(2, bench.config.attempts + 2):
        answer = _ask(bench, SPEC, question)
        try:
            spec = _read_spec(answer, given, bench)
        except SpecError as error:
            attempts.append(ToolAttempt(asked_for=SPEC, answer=answer, problems=error.problems))
            question = ask_again(asked, answer, error.problems, number)
        else:
            attempts.append(ToolAttempt(asked_for=SPEC, answer=answer))
            return hide_some(spec)
    return None


def _read_spec(answer: str, given: Sequence[ToolExample], bench: Bench) -> Spec:
    """The spec in an answer; `SpecError` also where something else is to be said against its words."""
    spec = read_spec(answer, given)
    if against := bench.objection(spec.words):
        raise SpecError(against)
    return spec


def _write_function(spec: Spec, bench: Bench, attempts: list[ToolAttempt]) -> Forged:
    """The first function that passes everything; else what the last one came to."""
    asked = question = ask_for_function(spec)
    tried: Tried | None = None
    known: dict[str, tuple[str, ...]] = {}
    for number in range(2, bench.config.attempts + 2):
        answer = _ask(bench, FUNCTION, question)
        try:
            looked = _look(spec, answer, bench, known)
        except SandboxError as error:
            attempts.append(ToolAttempt(asked_for=FUNCTION, answer=answer, problems=(error.message,)))
            raise
        tried = looked.tried or tried
        attempts.append(ToolAttempt(asked_for=FUNCTION, answer=answer, problems=looked.problems))
        if not looked.problems:
            return Forged(
                attempts=tuple(attempts), ended_by=ForgingEnd.PROPOSED, spec=spec, source=looked.source, tried=tried
            )
        question = ask_again(asked, answer, looked.feedback, number)
    return Forged(attempts=tuple(attempts), ended_by=ForgingEnd.NEVER_RIGHT, spec=spec, tried=tried)


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """What is wrong with an answer: what is kept of it, and what its writer is told."""

    problems: tuple[str, ...]
    feedback: tuple[str, ...] = ()
    source: str | None = None
    tried: Tried | None = None


def _look(spec: Spec, answer: str, bench: Bench, known: dict[str, tuple[str, ...]]) -> _Looked:
    """Hold an answer against everything, the cheapest first; only what passed the static check is run.

    `known` are the functions of before, each with what its writer was told of it.
    """
    written = read_function(answer, spec)
    if written.problems:
        return _Looked(problems=written.problems, feedback=written.problems)
    if written.source in known:
        return _Looked(problems=(SAME,), feedback=(SAME, *known[written.source]))
    looked = _look_at_source(spec, written, bench)
    known[written.source] = looked.feedback
    return looked


def _look_at_source(spec: Spec, written: Written, bench: Bench) -> _Looked:
    against = bench.objection(written.source)
    problems = (against,) if against else check_source(written.source, spec).problems
    if problems:
        return _Looked(problems=problems, feedback=problems)
    tried = try_source(spec, written.source, written.tests, bench.sandbox, bench.config, seed=bench.seed)
    failed = tuple(f"{test.name}: {test.told}" for test in tried.tests if not test.passed)
    return _Looked(problems=failed, feedback=tried.feedback, source=written.source, tried=tried)


def _ask(bench: Bench, asked_for: str, question: Sequence[Message]) -> str:
    if bench.elapsed() >= bench.config.seconds:
        raise _NoTime
    return bounded(_text(bench.write(asked_for, question)))


def _text(answer: Any) -> str:
    """An answer as text that can be kept: half of a character is no text."""
    return str(answer).encode("utf-8", "replace").decode("utf-8")
