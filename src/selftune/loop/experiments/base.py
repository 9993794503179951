"""What the rooms of an experiment hand each other: knobs, proposals, what was seen of earlier tries, who proposes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from selftune.records import Effect, Mode


class Lane(StrEnum):
    """What a try varies: how is learnt, what of it, or in which order."""

    HYPERPARAMETERS = "hyperparameters"
    MIXTURES = "mixtures"
    CURRICULUM = "curriculum"


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One thing that may be varied, and how far.

    Attributes:
        key: As a recipe or `[curation]` calls it.
        now: Its value in the project as it stands, as text: what the baseline is trained with.
        least: Bounds of a number, both included; None where `choices` are all there is.
        whole: Whether only whole numbers make sense.
        log: Whether it is varied by factors rather than by steps.
    """

    key: str
    lane: Lane
    now: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    whole: bool = False
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What to try: changes, each as `KEY=VALUE`, sorted by key, and why, in the proposer's words."""

    lane: Lane
    changes: tuple[str, ...]
    reason: str = ""
    proposer: str = ""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What must not be tried again on this base, and from which experiment that is known.

    Attributes:
        conditions: Each as `KEY=VALUE`, `KEY>VALUE` or `KEY<VALUE`; a proposal that meets all of them is refused.
        base: Name of the base that it was learnt on, and holds for; empty: any.
        source: Experiment that it is known from.
    """

    text: str
    conditions: tuple[str, ...] = ()
    base: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What bounds every try, whatever is varied.

    Attributes:
        screen: The suite that tries are screened on, by name or path; none of its items may be in a suite of the gate.
        guarded: Categories that may not fall on it.
        least_gain: The least difference worth a look by the gate.
        most_changes: Knobs that one try may turn at once; 0: any number.
        floors: Kind of behaviour, or several joined by ` + `, and the least share of what a try learns that shows it.
    """

    screen: str = ""
    guarded: tuple[str, ...] = ()
    least_gain: float = 0.02
    most_changes: int = 0
    floors: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Agenda:
    """`program.md` as it was read: nothing in it that nobody obeys.

    Attributes:
        tries: What stands in the marked block, the only part that a proposer may change: tried before anything else.
        digest: Of everything but the marked block and the lessons.
        told: What was cut of its space because base or machine could not hold it, in sentences.
    """

    goal: str
    knobs: tuple[Knob, ...]
    constraints: Constraints = Constraints()
    tries: tuple[Proposal, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    digest: str = ""
    told: tuple[str, ...] = ()

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes that have a knob."""
        return tuple(lane for lane in Lane if any(knob.lane is lane for knob in self.knobs))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a proposer is told of an earlier try: how far it lay from its baseline, never whether it passed.

    Attributes:
        effect: None where it could not be measured; `trouble` says why.
        cut_off: Whether only a deadline kept it from being measured, so that it may be tried once more.
    """

    experiment: str
    changes: tuple[str, ...]
    lane: str
    effect: Effect | None
    trouble: str = ""
    cut_off: bool = False


class Chat(Protocol):
    """Asks a model one question and gives back its answer, which should be one JSON object by `schema`."""

    def __call__(self, system: str, user: str, schema: Mapping[str, Any]) -> str:
        """The text of the answer.

        Raises:
            ProposerError: there is none.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a proposer is asked.

    Attributes:
        seen: Earlier tries on this very base in this mode, oldest first.
        count: So many proposals at most.
        seed: All chance comes from here; the same question gets the same answer, except from a model.
        notes: Folder of the memory notes, for who can read.
        work: Folder that survives a crash, for who keeps a journal.
        refused: Changes that were proposed just now and will not be tried.
        program: `program.md` as it stands, and `results` the newest rows of `results.tsv`, for who can read.
        chat: The model that is named under [nightly]; None where none is.
    """

    agenda: Agenda
    mode: Mode
    base: str
    seen: tuple[Seen, ...]
    count: int
    seed: int
    notes: Path
    work: Path
    refused: tuple[tuple[str, ...], ...] = ()
    program: str = ""
    results: str = ""
    chat: Chat | None = None

    @property
    def done(self) -> frozenset[tuple[str, ...]]:
        """Changes that are not proposed again: tried, or cut off twice, or refused just now."""
        cut = Counter(seen.changes for seen in self.seen if seen.cut_off)
        tried = (seen.changes for seen in self.seen if not seen.cut_off or cut[seen.changes] > 1)
        return frozenset((*tried, *self.refused))


class Proposer(Protocol):
    """Says what to try next. It is not believed: every proposal is checked against the agenda."""

    def propose(self, asked: Asked) -> tuple[Proposal, ...]:
        """Up to `asked.count` proposals, none where it knows nothing more.

        Raises:
            ProposerError: it can't answer now; the fallback is asked in its place, and the record says so.
        """
        ...
