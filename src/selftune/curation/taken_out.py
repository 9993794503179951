"""What a person took out of the lessons: it is rejected with that reason, and so is a teacher's correction of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.corrections import corrects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from selftune.curation.base import Pair
    from selftune.curation.rejects import Rejects

TAKEN_OUT: Final = "taken out by a person"


def without_taken_out(pairs: Iterable[Pair], left_out: Collection[str], rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs that nobody took out; the others are rejected.

    Of what is held out nothing is taken out: nobody learns from it, and who picks the lessons must not grade them.
    """
    kept = []
    for pair in pairs:
        if not left_out:
            kept.append(pair)
        elif pair.key.interaction_id in left_out:
            rejects.add(pair, TAKEN_OUT)
        elif (original := corrects(pair)) in left_out:
            rejects.add(pair, f"{TAKEN_OUT}: it corrects {original}")
        else:
            kept.append(pair)
    return tuple(kept)
