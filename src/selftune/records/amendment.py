"""Amendment: a change of the codex that somebody proposes; what becomes of it is told by Statements about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Refutation:
    """A test that would show a change wrong, said before it is made.

    Attributes:
        measure: `dissonance`: the share of dialogues in high dissonance; `probe:` and an invariant: of probes not held.
        topic: Of which dialogues: the id of one that they are like, or what they are about in a word; empty: of all.
        at_most: The share, 0 to 1, above which the change was wrong.
        at_least_n: Of how many at least; fewer show nothing.
        until: When it is looked at, UTC as ISO 8601.
    """

    measure: str
    topic: str = ""
    at_most: float
    at_least_n: int
    until: str


@dataclass(frozen=True, kw_only=True)
class Amendment(Record):
    """A proposal to change the codex, with what speaks for it and what speaks against it.

    It changes nothing by itself: a person's signed statement does.

    Attributes:
        author: Who proposes it: a person, or the name of the model that deliberated.
        because: What speaks for it; `against`: what speaks against it, never nothing.
        expected: What is expected to come of it.
        refutation: What would show it wrong.
        codex_before: Id of the codex that it changes; `text_before`: its file, word for word.
        codex_after: Id of the codex that it makes; `text_after`: its file, word for word.
        changes: What differs, line by line.
        follows: Id of the statement that put `codex_before` in force: it can be approved only while that one stands.
        evidence: Ids of what was looked at.
        dialogue: Id of the interaction in which it was deliberated; None where a person proposes it.
        deliberated_by: Builds or models that spoke there, as their servers named them.
        proposed_at: UTC as ISO 8601, and so `cools_until` and `lapses_at`, between which it can be approved.
        second_person: Whether two people must stand behind it.
        forbidden: Why nobody can approve it; empty where the codex lets itself be changed so.
    """

    KIND: ClassVar[str] = "amendment"
    SALTED: ClassVar[frozenset[str]] = frozenset({"author", "because", "against", "expected"})

    salt: str
    author: str
    author_is_model: bool
    because: str
    against: tuple[str, ...]
    expected: str
    refutation: Refutation
    codex_before: str
    codex_after: str
    text_before: str
    text_after: str
    changes: tuple[str, ...]
    follows: str
    proposed_at: str
    cools_until: str
    lapses_at: str
    evidence: tuple[str, ...] = ()
    dialogue: str | None = None
    deliberated_by: tuple[str, ...] = ()
    second_person: bool = False
    forbidden: tuple[str, ...] = ()
