"""Which of many texts are alike: held against each other now, or found in an index that is kept from night to night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from selftune.curation.facts import question_name
from selftune.curation.likeness.alike import compare
from selftune.curation.likeness.contamination import (
    HELD_QUESTION,
    Measured,
    asked_in,
    decontaminate,
    held_yardsticks,
    leave_out,
    name_question,
)
from selftune.curation.likeness.meaning import SameMeaning
from selftune.curation.likeness.near import NearDuplicates
from selftune.curation.likeness.neighbours import Neighbours
from selftune.curation.likeness.overlaps import Overlaps
from selftune.curation.notes import Words
from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from selftune.curation.base import Pair, Yardstick
    from selftune.curation.config import Curation
    from selftune.curation.likeness.alike import Alike, Likeness
    from selftune.curation.likeness.contamination import Asked
    from selftune.curation.likeness.meaning import Gist
    from selftune.curation.likeness.near import Fingerprint
    from selftune.curation.rejects import Rejects

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Twins(Protocol[T_contra]):
    """Finds twins among texts, by one kind of likeness."""

    def find(
        self, count: int, name_at: Callable[[int], int | None], item_at: Callable[[int], T_contra]
    ) -> Iterable[Likeness]:
        """Every two places that are alike; equal ones once, against the first.

        Args:
            count: How many places there are.
            name_at: What `Sketch.name` says of the text at a place; None for what is like nothing.
            item_at: The text itself; asked for where there is no other way.
        """
        ...


class AtHand(Generic[T]):
    """Holds all texts against each other and keeps nothing."""

    def __init__(self, alike: Alike[T]) -> None:
        self._alike = alike

    def find(self, count: int, name_at: Callable[[int], int | None], item_at: Callable[[int], T]) -> Iterable[Likeness]:
        """Every two places that are alike."""
        del name_at
        return compare(self._alike, map(item_at, range(count)))


class Kept(Generic[T]):
    """Holds only what is new against what is kept in a folder."""

    def __init__(self, folder: Path, alike: Alike[T]) -> None:
        self._neighbours = Neighbours(folder, alike)

    def find(self, count: int, name_at: Callable[[int], int | None], item_at: Callable[[int], T]) -> Iterable[Likeness]:
        """Every two places that are alike; what is kept is made again where it is damaged."""
        names = [name_at(place) for place in range(count)]
        return again_if_damaged(lambda: list(self._neighbours.find(names, item_at)))


class Finders:
    """What finds twins among prompts, among lessons, and among what lessons mean, and what lies close to exams.

    In a folder they are kept from night to night; without one, each is sought from scratch.
    """

    def __init__(self, folder: Path | None, config: Curation) -> None:
        near, meaning = NearDuplicates(config.near_duplicate), SameMeaning(config.same_in_meaning)
        self.prompts: Twins[Fingerprint] = AtHand(near) if folder is None else Kept(folder / "prompts", near)
        self.lessons: Twins[Fingerprint] = AtHand(near) if folder is None else Kept(folder / "lessons", near)
        self._overlaps = None if folder is None else Overlaps(folder / "exams")
        self.meanings: Twins[Gist] = AtHand(meaning) if folder is None else Kept(folder / "meanings", meaning)

    def without_exams(
        self, pairs: Sequence[Pair], yardsticks: Sequence[Yardstick], held: Sequence[Pair], rejects: Rejects
    ) -> tuple[Pair, ...]:
        """The pairs whose questions measure nothing, be it as yardsticks or as held-out questions."""
        overlaps = self._overlaps
        if overlaps is None:
            return decontaminate(pairs, Measured((*yardsticks, *held_yardsticks(held))), rejects)
        exams = [(name_question(one.text, one.state), one.name) for one in yardsticks]
        exams += [(question_name(pair), HELD_QUESTION) for pair in held]
        held_words = Words(held)

        def exam_at(place: int) -> Asked:
            if place < len(yardsticks):
                return yardsticks[place].text, yardsticks[place].state
            return asked_in(held_words.at(place - len(yardsticks)))

        asked, words = [question_name(pair) for pair in pairs], Words(pairs)
        found = again_if_damaged(lambda: overlaps.find(asked, lambda place: asked_in(words.at(place)), exams, exam_at))
        return leave_out(pairs, found, rejects)


def again_if_damaged(find: Callable[[], T]) -> T:
    """What an index finds; one that shows damage is made anew by the second call."""
    try:
        return find()
    except DamagedFileError:
        return find()
