"""Which interaction is a later version of which: found by the thread's name, decided by what both hold.

A conversation grows, is exported again, and comes in again. What was said before must not be learnt from twice, so its
later state is kept as a version that supersedes the earlier one, and readers take the newest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from selftune.records import canonical_json

if TYPE_CHECKING:
    from selftune.records import Interaction


class Standing(Enum):
    """How an interaction stands to the newest version that is known of its thread."""

    SAME = "same"
    OLDER = "older"
    NEWER = "newer"
    APART = "apart"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """What a version is compared by, without its words.

    Attributes:
        turns: A digest of each message.
        facts: A digest of what people said of it and allow: feedback, consent, outcome, and the answers that lost.
        text: What the entry held, as importers name it: equal for a text that stands in a file more than once.
    """

    id: str
    conversation: str
    turns: tuple[bytes, ...]
    facts: bytes
    text: str
    commented: bool
    generated_by: str | None
    last_turn_at: str | None


def version_of(interaction: Interaction, record_id: str) -> Version:
    """An interaction as a version."""
    said = (interaction.feedback, interaction.consent, interaction.outcome, interaction.rejected)
    return Version(
        id=record_id,
        conversation=interaction.conversation,
        turns=tuple(_digest(message) for message in interaction.messages),
        facts=_digest(said),
        text=interaction.position.partition(":")[0],
        commented=interaction.feedback is not None or bool(interaction.rejected),
        generated_by=interaction.generated_by,
        last_turn_at=interaction.last_turn_at,
    )


def compare(known: Version, other: Version, *, whole: bool) -> Standing:
    """How `other` stands to the version that is known.

    A whole chat is what its source holds now, so it replaces what it was, an older export excepted. Of exchanges, one
    that begins with all of another continues it; what was said of the shorter one by a person keeps that one in use.
    Where two part ways nobody can tell which holds: both stay, as does what stands in a file more than once.
    """
    if known.turns == other.turns:
        if not whole and (known.generated_by != other.generated_by or known.text == other.text):
            return Standing.APART
        return Standing.SAME if known.facts == other.facts else Standing.NEWER
    if whole:
        return Standing.OLDER if _is_outdated(known, other) else Standing.NEWER
    if other.turns == known.turns[: len(other.turns)]:
        return Standing.APART if other.commented else Standing.OLDER
    if known.turns == other.turns[: len(known.turns)]:
        return Standing.APART if known.commented else Standing.NEWER
    return Standing.APART


def _is_outdated(known: Version, other: Version) -> bool:
    """Whether a whole chat is one that went on: by its times where both are told, else by being a beginning."""
    if known.last_turn_at is not None and other.last_turn_at is not None and known.last_turn_at != other.last_turn_at:
        return other.last_turn_at < known.last_turn_at
    return other.turns == known.turns[: len(other.turns)]


def _digest(value: object) -> bytes:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).digest()[:16]
