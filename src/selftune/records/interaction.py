"""Interaction: one exchange with the model, as it happened; and a line that could not be read as one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record


class Trigger(StrEnum):
    """What caused the interaction."""

    USER = "user"
    MOTIVATOR = "motivator_service"
    IMPORT = "import"
    SIMULATED = "simulated"


class InteractionOutcome(StrEnum):
    """How the interaction ended."""

    OK = "ok"
    ERROR = "error"
    HUMAN_INTERVENED = "human_intervened"


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool the model called; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str
    result: str | None = None


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn. `reasoning` is what the model thought before it answered, kept apart from what it said."""

    role: str
    content: str
    persona: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What the person thought of the answer: thumbs +1 or -1, a corrected answer, whether they asked again."""

    thumbs: int | None = None
    correction: str | None = None
    retried: bool = False


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """What was also answered and not kept; the turns would have stood in place of message `at` and those after it."""

    at: int
    messages: tuple[Message, ...]
    generated_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What may be done with the words: keep them, train on them, send them to an endpoint beyond this machine."""

    keep: bool = True
    train: bool = True
    send: bool = False

    def stricter(self, other: Consent) -> Consent:
        """What both allow."""
        return Consent(keep=self.keep and other.keep, train=self.train and other.train, send=self.send and other.send)


class Thread(StrEnum):
    """What an entry holds of its conversation, and how far the conversation's name reaches (see `store.versions`).

    `WHOLE`: the chat as it stood, under a name that no other chat of the format has. `EXCHANGE`: what was said up to an
    answer, under such a name. `ROW`: the same, and the name counts within its own file.
    """

    WHOLE = "whole"
    EXCHANGE = "exchange"
    ROW = "row"


@dataclass(frozen=True, kw_only=True)
class Interaction(Record):
    """One exchange: messages up to and including the assistant's answer.

    Attributes:
        conversation: Names the conversation; hold-out never splits one.
        messages: What was said, turn by turn.
        source: Importer or capture point, with the file's name or the served alias.
        position: Where in the source it stood; source and position together recognise a second import.
        state: The state block of the system message as JSON text, if there is one.
        generated_by: Build digest or model name that wrote the answer; None when unknown.
        author: Pseudonym of the person; None when unknown.
        dissonance: Score per turn where a persona runtime measured it.
        rejected: Answers that lost against the ones in `messages`: of a preference pair, or of what was swiped away.
        thread: How later states are recognised; None when the source names no conversation: then none is.
        supersedes: The earlier version of the same conversation; the store fills it in, and readers take the newest.
        last_turn_at: When the last turn was said, in UTC; None when the source does not say.
        closed: Whether the source says that the conversation is over.
        codex_id: The codex under which it was held; None where no codex stood behind it.
        author_is_owner: Whether the author is the one to whom the project belongs.
        flags: What is odd about it, and what it could not keep, such as `attachments_not_kept`.
        happened_at: When it was said, in UTC; None when the source does not say.
    """

    KIND: ClassVar[str] = "interaction"
    SALTED: ClassVar[frozenset[str]] = frozenset(
        {"messages", "state", "feedback", "author", "conversation", "rejected"}
    )

    salt: str
    conversation: str
    task_id: str
    trigger: Trigger
    messages: tuple[Message, ...]
    source: str
    position: str
    state: str | None = None
    feedback: Feedback | None = None
    generated_by: str | None = None
    author: str | None = None
    author_is_owner: bool = False
    outcome: InteractionOutcome = InteractionOutcome.OK
    dissonance: tuple[float, ...] = ()
    consent: Consent = Consent()
    flags: tuple[str, ...] = ()
    happened_at: str | None = None
    rejected: tuple[Rejected, ...] = ()
    thread: Thread | None = None
    supersedes: str | None = None
    last_turn_at: str | None = None
    closed: bool = False
    codex_id: str | None = None

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        last = self._last_assistant()
        return self.messages if last is None else self.messages[:last]

    @property
    def answer(self) -> str | None:
        """What the assistant said last; None when it has not answered."""
        last = self._last_assistant()
        return None if last is None else self.messages[last].content

    def _last_assistant(self) -> int | None:
        turns = [index for index, message in enumerate(self.messages) if message.role == "assistant"]
        return turns[-1] if turns else None


@dataclass(frozen=True, kw_only=True)
class Quarantined(Record):
    """A line that could not be read: kept whole, with file, line and reason, so that it can be retried.

    Attributes:
        source: The file it stood in; `position` says where.
        reason: Why it could not be read.
        raw: The line itself, as it was kept.
        consent: What may be done with the words, as its import said; None when it said nothing.
    """

    KIND: ClassVar[str] = "quarantined"
    SALTED: ClassVar[frozenset[str]] = frozenset({"raw"})

    salt: str
    source: str
    position: str
    reason: str
    raw: str
    consent: Consent | None = None
