"""Under what an entry is recognised: keyed hashes of its place, its content, its words.

Importers name an entry by a digest of its text. Whoever holds such a digest can try sentences until one fits, so none
is kept: the store puts an HMAC under the project's own key in its place, and recognises by further HMACs. An older
store holds plain digests and keys made of them; they still count, and an entry that is met again gets the newer ones.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from typing import Final, TypeVar

from selftune.records import Interaction, Quarantined, Record, digest_of

R = TypeVar("R", bound=Record)

_BY_CONTENT: Final = re.compile(r"(?P<digest>[0-9a-f]{64}):(?P<repeat>.*)")
_PREFIX: Final = "keyed-"
_KEYED: Final = re.compile(rf"{_PREFIX}[0-9a-f]{{64}}:(?P<repeat>.*)")
_SHORT: Final = 16


def source_key(secret: bytes, *parts: str) -> str:
    """A place in a source as a keyed hash: it recognises the place and tells nothing to who lacks the key."""
    return hmac.digest(secret, "\x00".join(parts).encode("utf-8", "surrogatepass"), "sha256").hex()


def keyed(secret: bytes, record: R) -> R:
    """The record with a keyed hash wherever its importer put a digest of its text; any other as it is."""
    if not isinstance(record, Interaction | Quarantined):
        return record
    named = _BY_CONTENT.match(record.position)
    if named is None:
        return record
    digest, name = named["digest"], _keyed_position(secret, record.position).partition(":")[0]
    placed = replace(record, position=record.position.replace(digest, name))
    if not isinstance(placed, Interaction):
        return placed
    return replace(
        placed,
        conversation=placed.conversation.replace(digest, name),
        task_id=short_name(name) if placed.task_id == digest[:_SHORT] else placed.task_id,
    )


def short_name(position: str) -> str:
    """What an entry without a name of its own is called as a task: the beginning of its place."""
    return position.removeprefix(_PREFIX)[:_SHORT]


def entry_keys(secret: bytes, kind: str, source: str, position: str) -> tuple[str, ...]:
    """Keys that an entry may be known under; the last one is the one it is kept under."""
    if _BY_CONTENT.match(position):
        place = _keyed_position(secret, position)
        return (*_keys_at(secret, kind, source, position), *_keys_at(secret, kind, source, place))
    return _keys_at(secret, kind, source, position)


def came_in_keys(secret: bytes, record: Quarantined) -> tuple[str, ...]:
    """Keys of which one is kept once what was set aside has come in after all."""
    by_import = entry_keys(secret, Interaction.KIND, record.source, record.position)
    return *by_import, source_key(secret, retry_name(record.id))


def retry_name(quarantined_id: str) -> str:
    """Under what a retry is remembered that brought an entry in."""
    return f"retried {quarantined_id}"


def words_key(secret: bytes, interaction: Interaction) -> str | None:
    """What recognises an imported entry by what was said and who said it, whatever else its line holds.

    The same words that stand in a file more than once are told apart by their count. None where a place is no entry's.
    """
    named = _KEYED.match(interaction.position) or _BY_CONTENT.match(interaction.position)
    if named is None:
        return None
    return source_key(secret, "words", interaction.author or "", digest_of(interaction.messages), named["repeat"])


def before_key(secret: bytes, record_id: str) -> str:
    """Under what the entry before this one is remembered that holds the same words by the same author."""
    return source_key(secret, "words before", record_id)


def _keyed_position(secret: bytes, position: str) -> str:
    digest, _, repeat = position.partition(":")
    return f"{_PREFIX}{source_key(secret, 'position', digest)}:{repeat}"


def _keys_at(secret: bytes, kind: str, source: str, position: str) -> tuple[str, ...]:
    place = source_key(secret, kind, source, position)
    if not (_BY_CONTENT.match(position) or _KEYED.match(position)):
        return (place,)
    return place, source_key(secret, kind, "content", source.partition(":")[0], position)
