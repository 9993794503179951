"""What an entry of the spool holds: a record, a later word, or the rules of the door for those after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.capture.words import Word
from selftune.errors import DamagedFileError
from selftune.records import Interaction, Quarantined, Record, canonical_json, decode_record, digest_of, encode_record

if TYPE_CHECKING:
    from selftune.interactions.config import Capture

_RECORD: Final = b"R"
_WORD: Final = b"W"
_RULES: Final = b"D"

Entry = Interaction | Quarantined | Word | str


def write_entry(entry: Entry) -> bytes:
    """An entry as bytes; a text is the digest of the door's rules for those after it."""
    if isinstance(entry, str):
        return _RULES + entry.encode()
    if isinstance(entry, Word):
        return _WORD + canonical_json(entry).encode()
    return _RECORD + encode_record(entry).encode()


def read_entry(data: bytes) -> Entry:
    """An entry out of its bytes.

    Raises:
        DamagedFileError: a newer selftune wrote it.
        IntegrityError: its record does not read.
    """
    kind, body = data[:1], data[1:]
    if kind == _RULES:
        return body.decode()
    if kind == _WORD:
        return Word(**json.loads(body))
    if kind == _RECORD:
        record: Record = decode_record(body)
        if isinstance(record, Interaction | Quarantined):
            return record
    raise DamagedFileError(
        f"the spool holds an entry of the unknown kind {kind!r}.", next_step="Open the project with a newer selftune."
    )


def rules_digest(door: Capture) -> str:
    """Names the rules of a door without its key: what passed the same rules need not pass them again."""
    return digest_of([door.repair, door.redact, door.quarantine, sorted(door.owners)])
