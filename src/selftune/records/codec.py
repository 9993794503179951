"""Records to canonical JSON and back, and the digests that name them.

A record is named by its content: `kind:sha256`. Where a field quotes a person it is listed in `SALTED`, and the name
covers only the digest of salt and text; so the text can be erased later while name and ledger still verify.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from selftune.errors import IntegrityError
from selftune.records.canonical import canonical_bytes, canonical_json, read_exactly, to_builtins, to_exact, write
from selftune.records.sealing import covered_by, digest_sealed, seal_of, sealed, shred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import msgspec

    from selftune.records.sealing import Chosen

__all__ = [
    "Record",
    "canonical_json",
    "decode_record",
    "digest_bytes",
    "digest_file",
    "digest_of",
    "digest_of_each",
    "digest_of_sealed",
    "encode_record",
    "erase_words",
    "has_words",
    "reads_back",
    "record_types",
    "sealed_text",
    "to_builtins",
]

R = TypeVar("R", bound="Record")

_CHUNK_BYTES = 1 << 20
_TYPES: dict[str, type[Record]] = {}
_READERS: dict[type[Record], msgspec.json.Decoder[Record]] = {}


class Record:
    """What all nouns share: a kind, a schema version, and an id that is their content's digest.

    Subclasses are keyword-only frozen dataclasses that hold tuples, never lists. `SALTED` names the fields that quote
    people; a class with such fields has a `salt` field too.

    Attributes:
        salt: Drawn at random: without it nobody can guess erased words from the digest that stays.
        name: What it is called.
        version: Which edition it is.
        description: What it is for, in a sentence or two.
        author_is_model, auditor_is_model, by_is_model: Whether that is a model, and not a person.
    """

    KIND: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    SALTED: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _TYPES[cls.KIND] = cls

    @cached_property
    def id(self) -> str:
        """`kind:` and 64 hex digits; equal content, equal id."""
        return f"{self.KIND}:{digest_sealed(type(self), _body_of(self))}"


def record_types() -> dict[str, type[Record]]:
    """Every record class by its kind."""
    return dict(_TYPES)


def digest_bytes(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return digest_bytes(canonical_bytes(value))


def digest_of_each(values: Iterable[Any]) -> str:
    """The digest of a list of these values, which is never held as a whole."""
    state, between = hashlib.sha256(b"["), b""
    for value in values:
        state.update(between + canonical_bytes(value))
        between = b","
    state.update(b"]")
    return f"sha256:{state.hexdigest()}"


def digest_of_sealed(values: Iterable[Any]) -> str:
    """Digest of dataclasses as an id would cover them: without defaults, people's words by salted digests."""
    return digest_bytes(write([sealed(value) for value in values]))


def digest_file(path: Path, heard: Callable[[int], None] = lambda _: None) -> str:
    """Digest of a file's bytes, read in chunks of 1 MiB; `heard` is told the bytes of each."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
            heard(len(chunk))
    return f"sha256:{state.hexdigest()}"


def encode_record(record: Record) -> str:
    """A record as one line of canonical JSON, with its kind and schema version."""
    return write(_body_of(record)).decode()


def _body_of(record: Record) -> dict[str, Any]:
    return {"record": record.KIND, "v": record.VERSION, **to_exact(record)}


def decode_record(text: str | bytes, expected: type[R] | None = None) -> R:
    """The record that `encode_record` wrote, this version or any older one; its id is derived from this very text.

    Raises:
        IntegrityError: unknown kind, newer schema version, a field of the wrong type, or not the expected kind.
    """
    body = _parse(text)
    kind, version = body.get("record"), body.get("v")
    cls = _TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None or not isinstance(version, int) or version > cls.VERSION:
        raise IntegrityError(
            f"record of kind {kind!r}, version {version!r}, can't be read by this selftune.",
            next_step="Upgrade selftune to the version that wrote it.",
        )
    if expected is not None and cls is not expected:
        raise IntegrityError(f"expected a {expected.KIND}, found a {kind}.", next_step="Run `selftune doctor`.")
    record = _read_typed(text, cls)
    # Where `cached_property` would put it: to seal what was just parsed costs a third of taking the record apart again.
    record.__dict__["id"] = f"{kind}:{digest_sealed(cls, body)}"
    return record  # type: ignore[return-value]


def erase_words(text: str | bytes, chosen: Chosen) -> str:
    """The text of a record without the words of the parts that are chosen (see `shred`); it has the same id.

    Raises:
        IntegrityError: as `decode_record`.
    """
    cls = _class_of(text)
    return write(shred(cls, _parse(text), chosen)).decode()


def sealed_text(text: str | bytes) -> str:
    """What the id of a record is the digest of, from the record's text: no words of people stand in it.

    Raises:
        IntegrityError: as `decode_record`.
    """
    cls = _class_of(text)
    return write(seal_of(cls)(_parse(text))).decode()


def _class_of(text: str | bytes) -> type[Record]:
    record: Record = decode_record(text)
    return type(record)


def has_words(part: Any) -> bool:
    """Whether the words of a record, or of a part of one, are still there; so they are where it never had any."""
    return covered_by(getattr(part, "salt", None)) is None


def reads_back(text: str, record: Record) -> bool:
    """Whether a text is read as just this record; it is not where a field holds what its type does not allow."""
    return _read_typed(text, type(record)) == record


def _read_typed(text: str | bytes, cls: type[Record]) -> Record:
    import msgspec

    reader = _READERS.get(cls)
    if reader is None:
        reader = _READERS[cls] = msgspec.json.Decoder(cls, strict=False)
    try:
        return reader.decode(text)
    except msgspec.ValidationError as error:
        raise IntegrityError(f"damaged {cls.KIND} record: {error}.", next_step="Run `selftune doctor`.") from error


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        body = read_exactly(text)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"damaged record: {error}.", next_step="Run `selftune doctor`.") from error
    if not isinstance(body, dict):
        raise IntegrityError("damaged record: not an object.", next_step="Run `selftune doctor`.")
    return body
