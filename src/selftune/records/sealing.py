"""What an id covers: a record without its defaults, and a salted digest in place of the words of people.

It works on a record's JSON, which is at hand when it is written and when it is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from selftune.records.canonical import canonical_bytes, read_exactly, to_exact, write

if TYPE_CHECKING:
    from collections.abc import Callable

    Seal = Callable[[Any], Any]

_SEALS: Final[dict[type, Seal]] = {}
_NO_DEFAULT: Final = object()
_UNKNOWN: Final = (_NO_DEFAULT, None, False)


def sealed(value: Any) -> Any:
    """What an id covers of a dataclass."""
    return seal_of(type(value))(to_exact(value))


def digest_sealed(kind: type, held: dict[str, Any]) -> str:
    """SHA-256, in hex, of what an id covers; `held` is the JSON of a `kind` as `read_exactly` gives it."""
    return hashlib.sha256(write(seal_of(kind)(held))).hexdigest()


def seal_of(kind: type) -> Seal:
    """What turns the JSON of a class into what an id covers; worked out once for each class."""
    seal = _SEALS.get(kind)
    if seal is None:
        seal = _SEALS[kind] = _work_out(kind)
    return seal


def _work_out(kind: Any) -> Seal:
    """The seal of a class.

    Of no field that holds its default, so that a field added later changes no id of before. Fields that quote people
    are covered by one digest over salt and words, so that the words can go and the id still holds.
    """
    salted: frozenset[str] = getattr(kind, "SALTED", frozenset())
    hints = get_type_hints(kind)
    plan = {
        field.name: (
            _NO_DEFAULT if field.default is MISSING else read_exactly(canonical_bytes(field.default)),
            _seal_within(hints[field.name]),
            field.name in salted,
        )
        for field in fields(kind)
    }

    def seal(held: Any) -> Any:
        if not isinstance(held, dict):
            return held
        kept: dict[str, Any] = {}
        words: dict[str, Any] = {}
        for name, value in held.items():
            default, within, is_salted = plan.get(name, _UNKNOWN)
            if value != default:
                (words if is_salted else kept)[name] = value if within is None else within(value)
        if salted:
            covered = f"{held.get('salt')}\n".encode() + write(words)
            kept["salt"] = f"sha256:{hashlib.sha256(covered).hexdigest()}"
        return kept

    return seal


def _seal_within(hint: Any) -> Seal | None:
    """What seals the values of an annotation; None where no dataclass is among them."""
    if is_dataclass(hint) and isinstance(hint, type):
        return seal_of(hint)
    parts = get_args(hint)
    if get_origin(hint) is UnionType:
        (within,) = {_seal_within(part) for part in parts if part is not NoneType}
        return within
    if get_origin(hint) is not tuple:
        return None
    ways = [_seal_within(part) for part in parts if part is not Ellipsis]
    if not any(ways):
        return None
    assert len(ways) == 1, f"a tuple of several classes can't be sealed yet: {hint}"  # noqa: S101 - a record's author
    (one,) = ways
    return lambda values: [one(value) for value in values] if isinstance(values, list) else values  # type: ignore[misc]
