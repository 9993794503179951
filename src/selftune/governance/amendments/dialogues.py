"""What a log says of each dialogue that was measured: on what it was, who spoke, and how far apart it ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import reference_to
from selftune.records import Interaction
from selftune.scoring.embedding import HashedWords
from selftune.scoring.reading import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

DELIBERATION: Final = "deliberation"
"""Source of an interaction in which the personas argued about their codex: no dialogue that the codex is judged by."""

ALIKE: Final = 0.4
"""From which cosine of their hashed words two questions are taken for one topic: it knows words and no meaning."""

_STAND_IN: Final = "scripted"
_UNRESOLVED: Final = "unresolved"
_ID: Final = f"{Interaction.KIND}:"


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One dialogue that a gauge measured to its end.

    Attributes:
        place: In the order in which everything was kept.
        at: When it was held, or else kept: UTC, ISO 8601.
        asked: The person's first words.
        personas: Who spoke, as references write them.
        ended: Its dissonance at the end, 0 to 1; of one that ended unresolved the highest: it never came out of that.
    """

    interaction_id: str
    place: int
    at: str
    asked: str
    personas: frozenset[str]
    ended: float


def dialogues_in(
    log: Iterable[tuple[int, Interaction]], passed: frozenset[str], kept_at: Callable[[str], str]
) -> tuple[Dialogue, ...]:
    """Every measured dialogue, oldest first.

    Left out is what somebody wants nothing to be learnt from, what a script spoke that is no model, and what the
    personas said about their codex itself.

    Args:
        log: Interactions with their places.
        passed: Ids of earlier versions, which a later one stands for.
        kept_at: When those were kept that do not say when they were held.
    """
    return tuple(_told(log, passed, kept_at))


def _told(
    log: Iterable[tuple[int, Interaction]], passed: frozenset[str], kept_at: Callable[[str], str]
) -> Iterator[Dialogue]:
    for place, one in log:
        if not one.dissonance or one.id in passed or one.source == DELIBERATION or _STAND_IN in one.flags:
            continue
        if not one.consent.train:
            continue
        yield Dialogue(
            interaction_id=one.id,
            place=place,
            at=one.happened_at or kept_at(one.id),
            asked=next((turn.content for turn in one.messages if turn.role == "user"), ""),
            personas=frozenset(reference_to(turn.persona) for turn in one.messages if turn.persona),
            ended=max(one.dissonance) if _UNRESOLVED in one.flags else one.dissonance[-1],
        )


class Topics:
    """Tells which dialogues are about the same, by the words in which it was asked.

    Every two may have to be compared: who has very many dialogues hands in the newest of them.
    """

    def __init__(self, dialogues: Sequence[Dialogue]) -> None:
        self._embed = HashedWords()
        self._dialogues = tuple(dialogues)

    def gather(self, among: Callable[[Dialogue], bool]) -> Iterator[tuple[Dialogue, tuple[Dialogue, ...]]]:
        """The first dialogue of each topic among some of these, with all on the topic, itself among them.

        One that is like the first of several topics is on each; it begins none of its own.
        """
        import numpy as np

        taken = np.zeros(len(self._dialogues), dtype=bool)
        for place, one in enumerate(self._dialogues):
            if not taken[place] and among(one):
                alike = self._alike(place)
                taken |= alike
                yield one, self._at(alike)

    def about(self, topic: str) -> tuple[Dialogue, ...]:
        """All dialogues about a topic: like the one of this id, or alike to these words or with all of them.

        All for no topic; none for an id that is not among them any more.
        """
        import numpy as np

        if not topic.strip():
            return self._dialogues
        if topic.startswith(_ID):
            places = (place for place, one in enumerate(self._dialogues) if one.interaction_id == topic)
            return tuple(like for place in places for like in self._at(self._alike(place)))
        wanted = set(words(topic))
        named = np.array([wanted <= set(words(one.asked)) for one in self._dialogues], dtype=bool)
        return self._at(named | (self._vectors @ np.array(self._embed(topic)) >= ALIKE))

    def _alike(self, place: int) -> NDArray[np.bool_]:
        """Which of them are about the same as the one at this place."""
        found: NDArray[np.bool_] = self._vectors @ self._vectors[place] >= ALIKE
        found[place] = True  # Also where it has no word.
        return found

    def _at(self, which: NDArray[np.bool_]) -> tuple[Dialogue, ...]:
        import numpy as np

        return tuple(self._dialogues[place] for place in np.flatnonzero(which))

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        """A row of unit length or zero for each of them."""
        import numpy as np

        rows = [self._embed(one.asked) for one in self._dialogues]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self._embed.size)
