"""What a log says of each dialogue that was measured: on what it was, who spoke, and how far apart it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import reference_to
from selftune.records import Interaction
from selftune.scoring.embedding import HashedWords, cosine
from selftune.scoring.reading import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

DELIBERATION: Final = "deliberation"
"""Source of an interaction in which the personas argued about their codex: no dialogue that the codex is judged by."""

ALIKE: Final = 0.4
"""From which cosine of their hashed words two questions are taken for one topic: it knows words and no meaning."""

_STAND_IN: Final = "scripted"
_ID: Final = f"{Interaction.KIND}:"


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One dialogue that a gauge measured to its end.

    Attributes:
        place: In the order in which everything was kept.
        at: When it was held, or else kept: UTC, ISO 8601.
        asked: The person's first words.
        personas: Who spoke, as references write them.
        ended: Its dissonance at the end, 0 to 1.
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
            ended=one.dissonance[-1],
        )


class Topics:
    """Tells which dialogues are about the same, by the words in which it was asked."""

    def __init__(self, dialogues: Sequence[Dialogue]) -> None:
        self._embed = HashedWords()
        self._vectors: dict[str, Sequence[float]] = {}
        self._dialogues = tuple(dialogues)

    def leaders(self, among: Iterable[Dialogue]) -> tuple[Dialogue, ...]:
        """The first dialogue of each topic among these."""
        found: list[Dialogue] = []
        for one in among:
            if not any(self._are_alike(one, leader) for leader in found):
                found.append(one)
        return tuple(found)

    def like(self, leader: Dialogue) -> tuple[Dialogue, ...]:
        """All dialogues on the topic of this one, itself among them."""
        return tuple(one for one in self._dialogues if self._are_alike(one, leader))

    def about(self, topic: str) -> tuple[Dialogue, ...]:
        """All dialogues about a topic: like the one of this id, or alike to these words or with all of them.

        All for no topic; none for an id that is not among them any more.
        """
        if not topic.strip():
            return self._dialogues
        if topic.startswith(_ID):
            return tuple(like for one in self._dialogues if one.interaction_id == topic for like in self.like(one))
        vector, wanted = self._embed(topic), set(words(topic))
        return tuple(
            one
            for one in self._dialogues
            if wanted <= set(words(one.asked)) or cosine(vector, self._vector(one)) >= ALIKE
        )

    def _are_alike(self, one: Dialogue, other: Dialogue) -> bool:
        if one.interaction_id == other.interaction_id:
            return True
        return cosine(self._vector(one), self._vector(other)) >= ALIKE

    def _vector(self, one: Dialogue) -> Sequence[float]:
        if one.interaction_id not in self._vectors:
            self._vectors[one.interaction_id] = self._embed(one.asked)
        return self._vectors[one.interaction_id]
