"""Forgetting: that words were erased, and what had learnt from them by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Forgetting(Record):
    """What was erased at somebody's wish. It names records and no person.

    Attributes:
        at: UTC as ISO 8601.
        of: What was asked to be forgotten: `person`, `conversation`, `statement` and the like.
        erased: Ids of the records that lost their words, or those of some of their parts.
        touched: Ids of what had learnt from the words, or held them: datasets, runs, builds, releases.
        answers: Interactions that were answered by what had learnt from them.
        unreachable: Where the words, or what was learnt of them, may still be, in sentences.
        authors: Of each statement that lost its words, its id and the keyed hash of its author's name: nobody is to
            judge a doubt of their own because its words are gone.
    """

    KIND: ClassVar[str] = "forgetting"

    at: str
    of: str
    erased: tuple[str, ...]
    touched: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    authors: tuple[tuple[str, str], ...] = ()
