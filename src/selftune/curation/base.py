"""What curation works on, and what a filter must do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import Interaction, Judgement


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What choosing asks of a judged interaction, measured once.

    Attributes:
        author: The pseudonym; without one all of the source, since a file of unknown people is one author; None for an
            owner.
        made_up: No person asked it.
        trigger: What caused it.
        dissonance: Of each turn, where it was measured.
        marks: Flags of the interaction.
        corrected: A person put an answer of their own in the model's place.
        answered: The assistant said something.
        voices: Name and overall of each judge that counts, the highest first; of people alone where one judged.
        status: Of the judgement, with `reason`, `critical_failures` and `flags`.
        scores: Each criterion that applies, and its score.
        words: What the last question is about, with a space between two.
        said: A digest of the conversation, whatever its white space.
        votes: Overall of each verdict that has one, and whether it names a critical failure.
    """

    salt: str
    conversation: str
    source: str
    generated_by: str | None
    author: str | None
    made_up: bool
    trigger: str
    dissonance: tuple[float, ...]
    marks: tuple[str, ...]
    corrected: bool
    answered: bool
    voices: tuple[tuple[str, float], ...]
    by_person: bool
    status: str
    reason: str | None
    critical_failures: tuple[str, ...]
    flags: tuple[str, ...]
    scores: tuple[tuple[str, float], ...]
    words: str
    said: str
    votes: tuple[tuple[float, bool], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What a lesson is told apart by.

    Attributes:
        prompt: Digest of everything before the answer; `answer` of the answer, `template` of the question's skeleton.
        words: Names what it is compared by with near-duplicates; `gist` with what has the same meaning.
    """

    prompt: str
    answer: str
    template: str
    words: int
    gist: int | None


@dataclass(kw_only=True, slots=True)
class Note:
    """What has been measured of a pair so far; what nobody has asked for yet is None.

    Attributes:
        asked: Names what the prompt is compared by with others; `question` names what it asks, for exams.
        said: The conversation as a lesson; `taught` with the person's correction as its answer.
        objections: What the filters of a name said.
    """

    facts: Facts | None = None
    asked: int | None = None
    question: int | None = None
    said: Lesson | None = None
    taught: Lesson | None = None
    objections: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An interaction, what the judge found in it, and what others said of it by the same rubric."""

    interaction: Interaction
    judgement: Judgement
    opinions: tuple[Judgement, ...] = ()
    note: Note = field(default_factory=Note, init=False, repr=False, compare=False)

    @property
    def key(self) -> Key:
        """What names it."""
        return Key(self.interaction.id, self.judgement.id, tuple(one.id for one in self.opinions))

    @property
    def conversation(self) -> str:
        """Names the conversation that it is of."""
        return self.interaction.conversation

    @property
    def identity(self) -> str:
        """Names a step that read it, whatever was measured of it by then."""
        return digest_of(self.key)


class Key(NamedTuple):
    """Names a pair by its records."""

    interaction_id: str
    judgement_id: str
    opinion_ids: tuple[str, ...] = ()


@runtime_checkable
class Log(Protocol):
    """A log whose pairs are read only when somebody asks for them."""

    def keys(self) -> Iterator[Key]:
        """What names each pair, in the order of the log."""
        ...

    def read(self, keys: Sequence[Key]) -> Iterator[Pair]:
        """The pairs of these names, in this order."""
        ...

    def said(self, keys: Sequence[Key]) -> Iterator[Interaction]:
        """Their interactions alone, in this order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """A text that measures: what a suite item asks, under which state, and what to call it."""

    name: str
    text: str
    state: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Every judged interaction, oldest first.

    Attributes:
        watermark: Ingest sequence up to which the log was read.
        learnt_before: Ids of interactions that a finished run has learnt from; they do not count towards the trigger.
        yardsticks: What measures the model; nothing that lies close to it is learnt from.
        champion: Digest of the build that serves; None when nothing does.
        calibration: What is known of the judge's agreement with people, in one line for the card.
        left_out: Ids of interactions that a person took out of what is learnt.
    """

    pairs: Iterable[Pair]
    watermark: int = 0
    learnt_before: frozenset[str] = frozenset()
    yardsticks: tuple[Yardstick, ...] = ()
    champion: str | None = None
    calibration: str = ""
    left_out: frozenset[str] = frozenset()


class Filter(Protocol):
    """Says why an item must not be learnt from."""

    def objection(self, item: Pair) -> str | None:
        """The reason in a few words, its class before a colon (`cut short: …`); None when there is none."""
        ...
