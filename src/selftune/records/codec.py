"""Records to canonical JSON and back, and the digests that name them.

A record is named by its content: `kind:sha256`. Where a field quotes a person it is listed in `SALTED`, and the name
covers only the digest of salt and text; so the text can be erased later while name and ledger still verify.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from selftune.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

R = TypeVar("R", bound="Record")

_CHUNK_BYTES = 1 << 20
_EXACT_BELOW = 2**53
_SCALARS = frozenset({str, int, bool, type(None)})
_TYPES: dict[str, type[Record]] = {}


class Record:
    """What all nouns share: a kind, a schema version, and an id that is their content's digest.

    Subclasses are keyword-only frozen dataclasses that hold tuples, never lists. `SALTED` names the fields that quote
    people; a class with such fields has a `salt` field too.
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
        sealed = {"record": self.KIND, "v": self.VERSION, **to_builtins(self, seal=True)}
        return f"{self.KIND}:{hashlib.sha256(canonical_json(sealed).encode()).hexdigest()}"


def record_types() -> dict[str, type[Record]]:
    """Every record class by its kind."""
    return dict(_TYPES)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, UTF-8 kept, NaN refused.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return json.dumps(to_builtins(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_bytes(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return digest_bytes(canonical_json(value).encode())


def digest_file(path: Path) -> str:
    """Digest of a file's bytes, read in chunks of 1 MiB."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
    return f"sha256:{state.hexdigest()}"


def to_builtins(value: Any, *, seal: bool = False) -> Any:
    """A value as dicts, lists and scalars.

    With `seal` it is what an id covers: instead of salt and salted fields one digest over both, and no field that
    holds its default, so that a field added later changes no id of before.
    """
    if type(value) in _SCALARS:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _fields_of(value, seal=seal)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): to_builtins(item, seal=seal) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_builtins(item, seal=seal) for item in value]
    # 5 and 5.0 are one number (RFC 8785, 3.2.2.3): an int given for a float field must not change the id.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_BELOW
    return int(value) if whole else value


def _fields_of(value: Any, *, seal: bool) -> dict[str, Any]:
    held = {f.name: getattr(value, f.name) for f in fields(value) if not (seal and getattr(value, f.name) == f.default)}
    salted: frozenset[str] = getattr(type(value), "SALTED", frozenset()) if seal else frozenset()
    plain = {name: to_builtins(item, seal=seal) for name, item in held.items() if name not in salted}
    if not salted:
        return plain
    words = {name: to_builtins(held[name], seal=True) for name in salted & held.keys()}
    return plain | {"salt": digest_bytes(f"{value.salt}\n{canonical_json(words)}".encode())}


def encode_record(record: Record) -> str:
    """A record as one line of canonical JSON, with its kind and schema version."""
    return canonical_json({"record": record.KIND, "v": record.VERSION, **to_builtins(record)})


def decode_record(text: str, expected: type[R] | None = None) -> R:
    """The record that `encode_record` wrote, this version or any older one.

    Raises:
        IntegrityError: unknown kind, newer schema version, a field of the wrong type, or not the expected kind.
    """
    import msgspec

    body = _parse(text)
    kind, version = body.pop("record", None), body.pop("v", None)
    cls = _TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None or not isinstance(version, int) or version > cls.VERSION:
        raise IntegrityError(
            f"record of kind {kind!r}, version {version!r}, can't be read by this selftune.",
            next_step="Upgrade selftune to the version that wrote it.",
        )
    if expected is not None and cls is not expected:
        raise IntegrityError(f"expected a {expected.KIND}, found a {kind}.", next_step="Run `selftune doctor`.")
    try:
        return msgspec.convert(body, type=cls, strict=False)  # type: ignore[return-value]
    except msgspec.ValidationError as error:
        raise IntegrityError(f"damaged {kind} record: {error}.", next_step="Run `selftune doctor`.") from error


def _parse(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise IntegrityError(f"damaged record: {error}.", next_step="Run `selftune doctor`.") from error
    if not isinstance(body, dict):
        raise IntegrityError("damaged record: not an object.", next_step="Run `selftune doctor`.")
    return body
