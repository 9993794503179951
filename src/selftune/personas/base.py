"""What a dialogue needs from outside: somebody who speaks, tools, a measure of dissonance, and a memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.records import Codex, GenerationParameters, Message, ToolCall, ToolSchema


@dataclass(frozen=True, kw_only=True)
class Call:
    """One turn that is wanted: who is to speak, and all that is sent (see `codex.calls.call_of`).

    Attributes:
        persona: Its name; a voice that serves each persona by a model of its own chooses by it.
        tools: What may be called in this turn.
    """

    persona: str
    messages: tuple[Message, ...]
    parameters: GenerationParameters
    seed: int
    tools: tuple[ToolSchema, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a voice answered; `tool_calls` have no result yet.

    Attributes:
        finish_reason: `stop`, `length` or `tool_calls`.
        generated_by: Build digest or model name, as the server itself says it.
        flags: What is remarkable in it, as an interaction's flags name it.
        in_place_of: What the model had said, where code did not let it through; empty where `text` is the model's own.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    generated_by: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    flags: tuple[str, ...] = ()
    in_place_of: str = ""


class Voice(Protocol):
    """Speaks as the persona it is called for."""

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """One turn; `heard` is given the text piece by piece as it comes.

        Raises:
            ServingError: nothing answers, or it broke off; what was heard until then is not a turn.
        """
        ...


class Toolbox(Protocol):
    """What may be called in a dialogue: approved tools alone."""

    def schemas(self) -> tuple[ToolSchema, ...]:
        """What a model is told of the tools that may be called now."""
        ...

    def call(self, wanted: ToolCall) -> ToolCall:
        """The call with its result, or with one that begins with `error: `; it never raises for what a tool does."""
        ...


@dataclass(frozen=True, kw_only=True)
class Dissonance:
    """How far a dialogue stands in conflict with its codex and with itself; 0 none, 1 complete.

    Attributes:
        score: From the parts; None where no part could be measured: unmeasured is never 0.
        against_principles: How far the last turns offend the principles; None where unmeasured.
        disagreement: How far the personas are apart; None where unmeasured.
        reasons: In words, what was found.
        measured_by: What measured it, by name and version.
    """

    score: float | None
    against_principles: float | None = None
    disagreement: float | None = None
    reasons: tuple[str, ...] = ()
    measured_by: str = ""


class Gauge(Protocol):
    """Measures the dissonance of a dialogue."""

    def measure(self, turns: Sequence[Message], codex: Codex) -> Dissonance:
        """Of the dialogue up to its last turn."""
        ...


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Something that was found in memory: text of somebody else, never an instruction; `record_id` says where from."""

    record_id: str
    text: str
    score: float


class Recall(Protocol):
    """Finds in memory what bears on a question."""

    def recall(self, words: str, limit: int) -> tuple[Passage, ...]:
        """The nearest passages, best first."""
        ...
