"""The hold-out, drawn before anything is selected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.chance import uniform
from selftune.curation.near import fingerprint, likenesses
from selftune.curation.render import conversation_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.base import Pair

_POOL: Final = "pool"
_HELD: Final = "held"
_CLEAN: Final = "clean room"


@dataclass(frozen=True, kw_only=True)
class Split:
    """What may be learnt from, what measures, and what nobody looks at before a person opens it."""

    pool: tuple[Pair, ...]
    held: tuple[Pair, ...]
    clean_room: tuple[Pair, ...]


def draw_holdout(
    pairs: Sequence[Pair], share: float, seed: int, near_duplicate: float, clean_room_share: float = 0.0
) -> Split:
    """Pool, hold-out and clean room; conversations and clusters of near-duplicate prompts stay whole.

    A cluster is held out when a hash of seed and of its oldest conversation falls below `share`: so the draw does not
    depend on the judge, and what was held out stays so when the log grows. (A later item that joins two clusters can
    move the younger one.) A second hash sends `clean_room_share` of what is held out to the clean room. Both shares
    are met in expectation.
    """
    clusters = cluster_conversations(pairs, near_duplicate)
    places: dict[str, list[Pair]] = {_POOL: [], _HELD: [], _CLEAN: []}
    for pair in pairs:
        cluster = clusters[pair.interaction.conversation]
        if uniform(seed, cluster) >= share:
            places[_POOL].append(pair)
        else:
            places[_CLEAN if uniform(seed, f"clean room\n{cluster}") < clean_room_share else _HELD].append(pair)
    return Split(pool=tuple(places[_POOL]), held=tuple(places[_HELD]), clean_room=tuple(places[_CLEAN]))


def cluster_conversations(pairs: Sequence[Pair], near_duplicate: float) -> dict[str, str]:
    """For each conversation the oldest one of its cluster."""
    conversations = [pair.interaction.conversation for pair in pairs]
    leader = {conversation: conversation for conversation in conversations}
    age = {conversation: place for place, conversation in reversed(list(enumerate(conversations)))}

    def find(conversation: str) -> str:
        while leader[conversation] != conversation:
            leader[conversation] = leader[leader[conversation]]
            conversation = leader[conversation]
        return conversation

    prints = [fingerprint(conversation_of(pair.interaction)[:-1], pair.interaction.state) for pair in pairs]
    for alike in likenesses(prints, near_duplicate):
        older, younger = sorted(
            (find(conversations[alike.first]), find(conversations[alike.second])), key=age.__getitem__
        )
        leader[younger] = older
    return {conversation: find(conversation) for conversation in leader}
