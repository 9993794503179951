"""The hold-out, drawn before anything is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.curation.chance import uniform
from selftune.curation.near import fingerprint, likenesses
from selftune.curation.render import conversation_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.base import Pair


def draw_holdout(
    pairs: Sequence[Pair], share: float, seed: int, near_duplicate: float
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Pool and hold-out; conversations and clusters of near-duplicate prompts stay whole.

    A cluster is held out when a hash of seed and of its oldest conversation falls below `share`: so the draw does not
    depend on the judge, and what was held out stays so when the log grows. (A later item that joins two clusters can
    move the younger one.) The share is met in expectation.
    """
    clusters = cluster_conversations(pairs, near_duplicate)
    held = [uniform(seed, clusters[pair.interaction.conversation]) < share for pair in pairs]
    pool = tuple(pair for pair, out in zip(pairs, held, strict=True) if not out)
    return pool, tuple(pair for pair, out in zip(pairs, held, strict=True) if out)


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
