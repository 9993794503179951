"""The hold-out, drawn before anything is selected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.chance import uniform
from selftune.curation.facts import asked_name, asked_print
from selftune.curation.likeness.near import NearDuplicates
from selftune.curation.likeness.twins import AtHand
from selftune.curation.notes import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.base import Pair
    from selftune.curation.likeness.near import Fingerprint
    from selftune.curation.likeness.twins import Twins

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
    pairs: Sequence[Pair],
    share: float,
    seed: int,
    near_duplicate: float,
    clean_room_share: float = 0.0,
    *,
    twins: Twins[Fingerprint] | None = None,
) -> Split:
    """Pool, hold-out and clean room; conversations and clusters of near-duplicate prompts stay whole.

    A cluster is held out when a hash of seed and of its oldest conversation falls below `share`: so the draw does not
    depend on the judge, and what was held out stays so when the log grows. (A later item that joins two clusters can
    move the younger one.) A second hash sends `clean_room_share` of what is held out to the clean room. Both shares
    are met in expectation. `twins` finds near-duplicates at that threshold; without it they are sought from scratch.
    """
    clusters = cluster_conversations(pairs, twins or AtHand(NearDuplicates(near_duplicate)))
    places: dict[str, list[Pair]] = {_POOL: [], _HELD: [], _CLEAN: []}
    for pair in pairs:
        cluster = clusters.get(pair.conversation, pair.conversation)
        if uniform(seed, cluster) >= share:
            places[_POOL].append(pair)
        else:
            places[_CLEAN if uniform(seed, f"clean room\n{cluster}") < clean_room_share else _HELD].append(pair)
    return Split(pool=tuple(places[_POOL]), held=tuple(places[_HELD]), clean_room=tuple(places[_CLEAN]))


def cluster_conversations(pairs: Sequence[Pair], twins: Twins[Fingerprint]) -> dict[str, str]:
    """For each conversation that is not alone in its cluster the oldest one of it."""
    conversations = [pair.conversation for pair in pairs]
    met: dict[str, int] = {}
    for place, conversation in enumerate(conversations):
        met.setdefault(conversation, place)
    leader: dict[str, str] = {}

    def find(conversation: str) -> str:
        while (above := leader.setdefault(conversation, conversation)) != conversation:
            leader[conversation] = leader[above]
            conversation = above
        return conversation

    words = Words(pairs)
    found = twins.find(len(pairs), lambda place: asked_name(pairs[place]), lambda place: asked_print(words.at(place)))
    for alike in found:
        older, younger = sorted(
            (find(conversations[alike.first]), find(conversations[alike.second])), key=met.__getitem__
        )
        leader[younger] = older
    return {conversation: find(conversation) for conversation in leader}
