"""Answers that people liked and answers that they did not, each by itself: what KTO learns from.

Nothing but a person's thumb decides here; no judge is asked. What was disliked is kept apart from the lessons, so that
nobody takes it for one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.curation.notes import with_words
from selftune.curation.render import conversation_of
from selftune.curation.select import as_said, without_near_duplicates
from selftune.errors import NothingToTrainOnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.likeness.twins import Finders
    from selftune.curation.rejects import Rejects
    from selftune.curation.select import Candidate
    from selftune.records import Example


def find_thumbs(pairs: Sequence[Pair], finders: Finders, rejects: Rejects) -> tuple[Candidate, ...]:
    """The answers with a thumb, in the order of the log, one of each near-duplicate that was thought of alike."""
    found = list(_candidates(with_words(pairs), rejects))
    kept = (
        without_near_duplicates([one for one in found if (one.rejected is None) is liked], finders.lessons, rejects)
        for liked in (True, False)
    )
    return tuple(sorted((one for side in kept for one in side), key=lambda one: one.order))


def split_thumbs(examples: Sequence[Example]) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """What was liked, which is lessons; and what was not, each answer as `rejected` behind its question.

    Raises:
        NothingToTrainOnError: one of the two is missing: with thumbs of one kind there is nothing to tell apart.
    """
    liked = tuple(one for one in examples if one.rejected is None)
    disliked = tuple(replace(one, messages=one.messages[:-1]) for one in examples if one.rejected is not None)
    if not liked or not disliked:
        raise NothingToTrainOnError(
            f"{len(liked)} answers were liked and {len(disliked)} were not: KTO learns by telling these apart.",
            next_step='Collect thumbs of both kinds, or set kind = "sft" under [curation].',
        )
    return liked, disliked


def describe_thumbs(liked: int, disliked: int) -> str:
    """A line for the card; empty where nothing was disliked."""
    if not disliked:
        return ""
    return f"\nBy thumbs: {liked} answers that people liked, {disliked} that they did not; each counts alike.\n"


def _candidates(pairs: Iterable[Pair], rejects: Rejects) -> Iterator[Candidate]:
    for order, pair in enumerate(pairs):
        feedback = pair.interaction.feedback
        said = conversation_of(pair.interaction)
        if feedback is None or feedback.thumbs is None:
            rejects.add(pair, "no thumb: nobody said whether it is liked")
        elif not said:
            rejects.add(pair, "no answer: the assistant said nothing")
        else:
            disliked = said[-1].content if feedback.thumbs < 0 else None
            yield replace(as_said(pair, order), rejected=disliked)
