"""What an id covers: a record without its defaults, and a salted digest in place of the words of people.

It works on a record's JSON, which is at hand when it is written and when it is read.

Where words were erased, the digest that covered them stands in the salt's place: the salt itself would let somebody who
guesses the words prove that they were said. Such a part has no words, and what it is part of keeps its id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from selftune.errors import IntegrityError
from selftune.records.canonical import canonical_bytes, read_exactly, to_exact, write

if TYPE_CHECKING:
    from collections.abc import Callable

    Seal = Callable[[Any], Any]
    Chosen = Callable[[type, dict[str, Any]], bool]

_SEALS: Final[dict[type, Seal]] = {}
_NO_DEFAULT: Final = object()
_UNKNOWN: Final = (_NO_DEFAULT, None, False)
_ERASED: Final = re.compile(r"erased (sha256:[0-9a-f]{64})")


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
        erased = covered_by(held.get("salt")) if salted else None
        if erased is not None:
            _refuse_words(kind, any(value or plan[name][0] is not _NO_DEFAULT for name, value in words.items()))
            kept["salt"] = erased
        elif salted:
            covered = f"{held.get('salt')}\n".encode() + write(words)
            kept["salt"] = f"sha256:{hashlib.sha256(covered).hexdigest()}"
        return kept

    return seal


def _refuse_words(kind: type, there_are: bool) -> None:
    """Halt where words stand beside the digest of erased ones: no id would cover them.

    Raises:
        IntegrityError: so it is.
    """
    if there_are:
        raise IntegrityError(
            f"a {kind.__name__} says that its words were erased, and holds some.",
            next_step="Restore .selftune/store.db from a backup: no id covers these words.",
        )


def covered_by(salt: Any) -> str | None:
    """The digest that stands where a salt stood because the words that it hid were erased; None for a salt."""
    found = _ERASED.fullmatch(salt) if isinstance(salt, str) else None
    return None if found is None else found[1]


def shred(kind: type, held: Any, chosen: Chosen) -> Any:
    """The JSON of a `kind` without the words of each part that is chosen, itself or any in it; its seal is the same.

    `chosen` is asked of each class with words and of the JSON that is held of it.
    """
    if not isinstance(held, dict):
        return held
    hints = get_type_hints(kind)
    salted: frozenset[str] = getattr(kind, "SALTED", frozenset())
    if salted and chosen(kind, held):
        blank = {name: _blank(kind, name, held[name]) for name in salted & held.keys()}
        held = held | blank | {"salt": f"erased {seal_of(kind)(held)['salt']}"}
    return {name: _shred_within(hints.get(name), value, chosen) for name, value in held.items()}


def _shred_within(hint: Any, value: Any, chosen: Chosen) -> Any:
    within = _class_within(hint)
    if within is None:
        return value
    return [shred(within, one, chosen) for one in value] if isinstance(value, list) else shred(within, value, chosen)


def _class_within(hint: Any) -> type | None:
    """The dataclass that an annotation speaks of, alone, in a tuple, or beside None."""
    if is_dataclass(hint) and isinstance(hint, type):
        return hint
    return next((found for found in map(_class_within, get_args(hint)) if found is not None), None)


def _blank(kind: Any, name: str, value: Any) -> Any:
    """What stands for a field whose words are gone: its default, and where it has none, nothing of the same type."""
    (field,) = (field for field in fields(kind) if field.name == name)
    return type(value)() if field.default is MISSING else read_exactly(canonical_bytes(field.default))


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
