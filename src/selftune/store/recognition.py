"""What was seen before, by keyed hashes of place, content and conversation: nothing comes in twice.

A place is source and position. Importers name an entry by a digest of its text, so a file that was renamed or moved is
known by what it holds. A conversation that grew is known by the name of its thread.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from selftune.records import Interaction, Quarantined, Record, Thread, decode_record, digest_of
from selftune.store.tables import RECORDS, SOURCES
from selftune.store.versions import Standing, Version, compare, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from selftune.records import Message

# How importers name an entry: the SHA-256 of its text, and how often that text came before it.
_BY_CONTENT: Final = re.compile(r"[0-9a-f]{64}:")


@dataclass(frozen=True, kw_only=True)
class Met:
    """What is to be done with a record: keep it as `record` is, or nothing, for it is `known` under that id.

    Both None: a person was forgotten, and what they said must not come back.
    """

    record: Record | None = None
    known: str | None = None


@dataclass(kw_only=True)
class Recognition:
    """Tells what is new; made for one transaction, or for a whole dry run, which keeps nothing and remembers by this.

    Attributes:
        found: Keys that were asked for or met, and the records they stand for.
        fresh: Keys of what was met and is new.
        recent: What was met since `forget_found` and may get a later version.
        versions: The same from before, without its words.
    """

    connection: Connection
    secret: bytes
    found: dict[str, str | None] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    recent: dict[str, Interaction] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)

    def look_up(self, records: Iterable[Record]) -> None:
        """Ask for all that is known of these records, at once."""
        keys = {key for record in records for key in (*self._keys(record), *self._thread_keys(record))}
        missing = keys - self.found.keys()
        if missing:
            asked = select(SOURCES.c.key, SOURCES.c.record_id).where(SOURCES.c.key.in_(missing))
            self.found.update({row.key: row.record_id for row in self.connection.execute(asked)})

    def meet(self, record: Record) -> Met:
        """What is to be done with a record that was looked up; from then on it is known."""
        keys = self._keys(record)
        for key in keys:
            if key in self.found:
                return Met(known=self.found[key])
        if isinstance(record, Interaction) and record.thread is not None:
            return self._meet_thread(record, record.thread, keys[-1])
        for key in keys[-1:]:
            self._remember(key, record.id)
        return Met(record=record)

    def forget_found(self) -> None:
        """Remember only what was met and is new, so that a long dry run fits in memory."""
        self.found = dict(self.fresh)
        self.versions |= {name: version_of(record, name) for name, record in self.recent.items()}
        self.recent = {}

    def _meet_thread(self, record: Interaction, thread: Thread, key: str) -> Met:
        (thread_key,) = self._thread_keys(record)
        if thread_key in self.found:
            known = self._newest(self.found[thread_key])
            if known is None:
                return Met()
            standing = compare(known, version_of(record, ""), whole=thread is Thread.WHOLE)
            if standing in {Standing.SAME, Standing.OLDER}:
                self._remember(key, known.id)
                return Met(known=known.id)
            if standing is Standing.NEWER:
                # The name stays, so that a hold-out that holds one version holds them all.
                record = replace(record, supersedes=known.id, conversation=known.conversation)
        self.recent[record.id] = record
        self._remember(key, record.id)
        self._remember(thread_key, record.id)
        return Met(record=record)

    def _remember(self, key: str, record_id: str) -> None:
        self.found[key] = self.fresh[key] = record_id

    def _newest(self, record_id: str | None) -> Version | None:
        """The version that a thread's key stands for; None when its words were erased."""
        if record_id is None or record_id in self.versions:
            return None if record_id is None else self.versions[record_id]
        if record_id in self.recent:
            return version_of(self.recent[record_id], record_id)
        body = self.connection.execute(select(RECORDS.c.body).where(RECORDS.c.id == record_id)).scalar()
        return None if body is None else version_of(decode_record(body, Interaction), record_id)

    def _keys(self, record: Record) -> tuple[str, ...]:
        if not isinstance(record, Interaction | Quarantined):
            return ()
        return entry_keys(self.secret, record.KIND, record.source, record.position)

    def _thread_keys(self, record: Record) -> tuple[str, ...]:
        if not isinstance(record, Interaction) or record.thread is None:
            return ()
        own = record.conversation.removeprefix(f"{record.source}:")
        scope = record.source if record.thread is Thread.ROW else record.source.partition(":")[0]
        # Rows of one conversation may be about anything, so of exchanges the beginning has to be the same too.
        opening = () if record.thread is Thread.WHOLE else (digest_of(_opening(record)),)
        return (source_key(self.secret, "thread", scope, own, *opening),)


def _opening(interaction: Interaction) -> tuple[Message, ...]:
    """What was said up to the first answer."""
    messages = interaction.messages
    first = next((at for at, message in enumerate(messages, start=1) if message.role == "assistant"), len(messages))
    return messages[:first]


def source_key(secret: bytes, *parts: str) -> str:
    """A place in a source as a keyed hash: it recognises the place and tells nothing to who lacks the key."""
    return hmac.new(secret, "\x00".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def entry_keys(secret: bytes, kind: str, source: str, position: str) -> tuple[str, ...]:
    """Keys that an entry may be known under; the last one is the one it is kept under."""
    place = source_key(secret, kind, source, position)
    if not _BY_CONTENT.match(position):
        return (place,)
    return place, source_key(secret, kind, "content", source.partition(":")[0], position)


def came_in_keys(secret: bytes, record: Quarantined) -> tuple[str, ...]:
    """Keys of which one is kept once what was set aside has come in after all."""
    by_import = entry_keys(secret, Interaction.KIND, record.source, record.position)
    return *by_import, source_key(secret, retry_name(record.id))


def retry_name(quarantined_id: str) -> str:
    """Under what a retry is remembered that brought an entry in."""
    return f"retried {quarantined_id}"
