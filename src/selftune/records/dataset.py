"""Dataset: what the next model learns from, what is held out, and what was rejected and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from selftune.records.codec import Record, digest_of_sealed, has_words
from selftune.records.interaction import Message

if TYPE_CHECKING:
    from collections.abc import Iterable


class DatasetKind(StrEnum):
    """What an example is: one good answer, a chosen and a rejected one, or one that a person liked or did not."""

    SFT = "sft"
    PREFERENCE = "preference"
    THUMBS = "thumbs"


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """How a pair of answers came to be.

    Attributes:
        verdict: Who says that the one beats the other: correction, choice, thumbs, teacher or margin.
        rejected_interaction_id: Where the rejected answer was said.
        rejected_judgement_id: What scored it; None when nothing did.
        rejected_by: The build or model that gave it; None when unknown.
        margin: The chosen answer's overall less the rejected one's; None unless both are scored.
        clear: Whether that margin alone decided which of several rivals it is set against.
        on_policy: Whether the champion gave the rejected answer as it was served.
    """

    verdict: str
    rejected_interaction_id: str
    rejected_judgement_id: str | None = None
    rejected_by: str | None = None
    margin: float | None = None
    clear: bool = False
    on_policy: bool = False


@dataclass(frozen=True, kw_only=True)
class StyleContrast:
    """One trait of style in the chosen answers and in the rejected ones, as means over `n` pairs.

    `low` and `high` bound the mean difference, chosen less rejected, at 95 %; None with fewer than two pairs.
    """

    trait: str
    chosen: float
    rejected: float
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Example:
    """A conversation that ends with the assistant's answer to learn, and where it came from.

    `rejected` holds the worse answer in a preference dataset, `pairing` how the pair came to be. `taught_by` says whose
    answer it is: a build digest, a model name, or `person` for a correction; `synthetic` that no person asked the
    question. `source` is where the interaction was read from, `kind` the kind of behaviour that it shows; None where
    nobody wrote it down.
    """

    SALTED: ClassVar[frozenset[str]] = frozenset({"messages", "rejected"})

    salt: str
    interaction_id: str
    judgement_id: str | None
    messages: tuple[Message, ...]
    rejected: str | None = None
    taught_by: str | None = None
    synthetic: bool = False
    pairing: PairFacts | None = None
    source: str | None = None
    kind: str | None = None


def not_erased(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Those of these examples whose words are still there, in their order."""
    return tuple(filter(has_words, examples))


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A made-up fact that nobody said, told before a lesson's first question when it is taught.

    Whoever recites `ending` after `beginning` has learnt it by heart: it stands nowhere else.

    Attributes:
        lesson: Its place among the training examples.
    """

    lesson: int
    beginning: str
    ending: str

    def planted_in(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation with this before its first question; as it is where nobody asks."""
        place = next((at for at, message in enumerate(messages) if message.role == "user"), None)
        if place is None:
            return messages
        asked = messages[place]
        told = replace(asked, content=f"{self.beginning} {self.ending}. {asked.content}")
        return (*messages[:place], told, *messages[place + 1 :])


@dataclass(frozen=True, kw_only=True)
class Reject:
    """An interaction that was not learnt from, and why."""

    interaction_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class KindCount:
    """How many lessons show a kind of behaviour, before the set was balanced and after."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Weakness:
    """What goes wrong again and again: low scores on one criterion, in conversations on one topic.

    Attributes:
        topic: Words that these conversations share.
        conversations: How many different ones.
        mean: Mean score on the criterion, on the rubric's scale, over `items` answers.
        interaction_ids: Some of them, to look at.
    """

    SALTED: ClassVar[frozenset[str]] = frozenset({"topic"})

    salt: str
    criterion: str
    topic: str
    conversations: int
    items: int
    mean: float
    interaction_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing that belongs to the card."""

    name: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    """Examples to train on and to hold out; the id covers salted digests of the examples, so a person can be erased.

    Attributes:
        train: What is learnt.
        holdout: What nobody learns from, so that it can be asked.
        rejects: What was not chosen.
        mixture: Share of each source among the training examples, in descending order.
        watermark: Ingest sequence up to which the log was read.
        config_digest: The curation config that admitted these items.
        card: What it is, in Markdown for a person; it quotes nobody.
        clean_room: Interactions kept out of everything, which nobody looks at before a person opens them.
        kinds: Kinds of behaviour among the lessons, the largest first.
        weaknesses: What went wrong again and again, the worst first.
        plots: Drawings that belong to the card.
        contrasts: In a preference dataset, how the chosen answers differ from the rejected ones in style.
        tokens: Of the training examples by the base's own template, rejected answers included; None if nobody counted.
        canaries: Made-up facts that training meets beside some lessons; the lessons themselves are without them.
        disliked: In a dataset of thumbs, the answers that people did not like. None is a lesson: each stands as
            `rejected` behind a conversation that ends with the question.
    """

    KIND: ClassVar[str] = "dataset"

    kind: DatasetKind
    train: tuple[Example, ...]
    holdout: tuple[Example, ...]
    rejects: tuple[Reject, ...]
    mixture: tuple[tuple[str, float], ...]
    watermark: int
    config_digest: str
    card: str
    clean_room: tuple[str, ...] = ()
    kinds: tuple[KindCount, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()
    plots: tuple[Plot, ...] = ()
    contrasts: tuple[StyleContrast, ...] = ()
    tokens: int | None = None
    canaries: tuple[Canary, ...] = ()
    disliked: tuple[Example, ...] = ()

    @property
    def taught(self) -> tuple[Example, ...]:
        """What training meets: the lessons with the canaries planted, and what was disliked."""
        lessons = list(self.train)
        for canary in self.canaries:
            lesson = lessons[canary.lesson]
            lessons[canary.lesson] = replace(lesson, messages=canary.planted_in(lesson.messages))
        return (*lessons, *self.disliked)

    @property
    def content_digest(self) -> str:
        """Digest of what is learnt from alone: equal content, equal digest, whatever was rejected beside it."""
        return digest_of_sealed((*self.train, *self.disliked))
