"""What was noticed in a project's records, as values: what goals are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Unresolved:
    """A dialogue that ended in dissonance.

    Attributes:
        ended_at: Its last score; None where a turn of it could not be measured.
        topics: Words of its question that many conversations share; empty where it has none.
        own_goal: The goal that it was about, where the system had asked itself; empty for a person's question.
    """

    interaction_id: str
    ended_at: float | None
    topics: tuple[str, ...]
    own_goal: str = ""


@dataclass(frozen=True, kw_only=True)
class Weak:
    """A weak spot: a criterion on a topic of the log, or a category of a suite.

    Attributes:
        what: Criterion or category.
        topics: Words that its conversations share; empty for any topic.
        mean: What it scores, as `of` says.
        records: What it was found in.
    """

    what: str
    topics: tuple[str, ...]
    mean: float
    of: str
    records: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """All that goals may be made of, and what they are held against.

    Attributes:
        codex_id: The codex in force.
        topics: Words that many conversations share, the commonest first, no names among them.
        asked: What people asked lately, to be held against and never quoted.
        taken: Goals that were taken before.
        tools: Names of the tools that may be called.
    """

    codex_id: str
    topics: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    weak: tuple[Weak, ...] = ()
    asked: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
