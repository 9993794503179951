"""A tool that a model wrote, as a model is told of it, and how it came to be written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class ToolSchema:
    """A function that may be called; `parameters` is a JSON schema of its arguments as text, as OpenAI writes it."""

    name: str
    description: str
    parameters: str


class ExampleBy(StrEnum):
    """Whose word an example is: a person's, the spec's, or that of whoever wrote the function."""

    PERSON = "person"
    SPEC = "spec"
    WRITER = "writer"


@dataclass(frozen=True, kw_only=True)
class ToolExample:
    """One call with what it must return, both as canonical JSON.

    Attributes:
        hidden: Whoever wrote the function was never shown it.
    """

    arguments: str
    result: str
    by: ExampleBy
    hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class ToolTest:
    """One test of a function in the sandbox; `told` says what happened where it failed."""

    name: str
    passed: bool
    told: str = ""


@dataclass(frozen=True, kw_only=True)
class ToolAttempt:
    """What a writer answered once, whole, and what was wrong with it; nothing was wrong with the one that was taken."""

    asked_for: str
    answer: str
    problems: tuple[str, ...] = ()


class ForgingEnd(StrEnum):
    """How a forging ended."""

    PROPOSED = "proposed"
    NO_SPEC = "no sound spec"
    NEVER_RIGHT = "never right"
    NO_TIME = "out of time"
    NO_SANDBOX = "no sandbox"
    WRITER_FAILED = "writer failed"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Forging(Record):
    """One go at writing a tool, whatever came of it: what was missing, who wrote, and every answer.

    Attributes:
        gap: How the gap was seen: `asked`, `failed`, `said` or `person`.
        wanted: The words in which it was found; they may be a person's.
        interaction_id: The exchange in which it was found; None where a person named it.
        written_by: Who wrote, as the server itself says it; a stand-in says that it is one.
        posture: What the sandbox was; empty where nothing came to run.
        seconds: From the first question to the end.
    """

    KIND: ClassVar[str] = "forging"
    SALTED: ClassVar[frozenset[str]] = frozenset({"wanted", "attempts"})

    salt: str
    gap: str
    wanted: str
    attempts: tuple[ToolAttempt, ...]
    ended_by: ForgingEnd
    written_by: str
    interaction_id: str | None = None
    posture: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Tool(Record):
    """One version of a tool, with the tests that it passed; whether it may be called is said elsewhere.

    Attributes:
        parameters: JSON schema of its arguments as text; `returns`: of its result.
        source: The function, as it is run.
        pure: The result depends on the arguments alone: the function claims it, its source names neither chance nor the
            time of day, and the same calls twice, in two orders, returned the same. Shown on its tests, and no further.
        spec_digest: Of name, description, both schemas, purity and examples.
        forging_id: How it was written.
        written_by: As its forging says.
        posture: What the sandbox was in which it was tested.
        milliseconds: What one call took, start of the sandbox and interpreter included: the median of its tests.
        memory_bytes: The most that its process held, as that process says.
        supersedes: The version of the same name before it.
        signature: By the machine's key: that it was proposed here, as it stands.
    """

    KIND: ClassVar[str] = "tool"

    name: str
    version: int
    description: str
    parameters: str
    returns: str
    source: str
    pure: bool
    examples: tuple[ToolExample, ...]
    tests: tuple[ToolTest, ...]
    spec_digest: str
    forging_id: str
    written_by: str
    posture: str
    milliseconds: float
    memory_bytes: int
    supersedes: str | None = None
    signature: str | None = None
