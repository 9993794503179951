"""The one JSON text of a value: keys sorted, no spaces, UTF-8 kept, numbers as Python writes them, NaN refused.

Each class is looked at once and remembered as a function, and msgspec writes the text: records are named by what comes
out here, so it runs more often than anything else.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import msgspec

_EXACT_BELOW: Final = 2**53
_SCALARS: Final[frozenset[type]] = frozenset({str, int, bool, type(None)})


def to_builtins(value: Any) -> Any:
    """A value as dicts, lists and scalars, for whoever prints it."""
    return _PLAIN.walk(value)


def to_exact(value: Any) -> Any:
    """The same with numbers as `write` must have them."""
    return _EXACT.walk(value)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    try:
        return write(to_exact(value)).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: text that no record may hold, but that can be told apart all the same.
        return json.dumps(to_builtins(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_bytes(value: Any) -> bytes:
    """The same as UTF-8; `ValueError` also for text that has none."""
    return write(to_exact(value))


def write(value: Any) -> bytes:
    """JSON of dicts, lists, scalars and numbers as `exact` makes them, keys sorted."""
    return _encoder().encode(value)


def read_exactly(text: str | bytes) -> Any:
    """A JSON text as dicts, lists, scalars and exact numbers, so that writing it again gives the canonical text.

    Raises:
        ValueError: it is no JSON.
    """
    from msgspec import DecodeError

    try:
        return _decoder().decode(text)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def exact(number: float) -> Any:
    """A float as it stands in canonical JSON: 5 and 5.0 are one number (RFC 8785, 3.2.2.3), others as `repr` has them.

    Raises:
        ValueError: it is NaN or an infinity.
    """
    if number.is_integer() and abs(number) < _EXACT_BELOW:
        return int(number)
    if not math.isfinite(number):
        raise ValueError(f"Out of range float values are not JSON compliant: {number!r}")
    return _raw(float.__repr__(number))


def _whole(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < _EXACT_BELOW else float(number)


class _Walker:
    """Turns values into dicts, lists and scalars, floats by `number`; what it learnt of a class it remembers."""

    def __init__(self, number: Callable[[float], Any]) -> None:
        self._number = number
        self._ways: dict[type, Callable[[Any], Any]] = dict.fromkeys(_SCALARS, _as_it_is)

    def walk(self, value: Any) -> Any:
        """The value in plain parts; what is none of ours stays as it is, for the writer to refuse."""
        way = self._ways.get(type(value))
        if way is None:
            way = self._ways[type(value)] = self._learn(type(value))
        return way(value)

    def _learn(self, kind: type) -> Callable[[Any], Any]:
        if is_dataclass(kind):
            return self._of_class(kind)
        if issubclass(kind, Enum):
            return lambda value: value.value
        families = ((float, self._number), (dict, self._by_name), (tuple | list, self._each), (str, str), (int, int))
        return next((way for family, way in families if issubclass(kind, family)), _as_it_is)

    def _of_class(self, kind: Any) -> Callable[[Any], dict[str, Any]]:
        names = tuple(sorted(field.name for field in fields(kind)))
        walk = self.walk
        if len(names) < 2:  # noqa: PLR2004 - of one name, `attrgetter` gives no tuple
            return lambda value: {name: walk(getattr(value, name)) for name in names}
        held = attrgetter(*names)

        def told(value: Any) -> dict[str, Any]:
            pairs = zip(names, held(value), strict=True)
            return {name: item if type(item) in _SCALARS else walk(item) for name, item in pairs}

        return told

    def _each(self, values: Iterable[Any]) -> list[Any]:
        walk = self.walk
        return [item if type(item) in _SCALARS else walk(item) for item in values]

    def _by_name(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        return {str(key): self.walk(item) for key, item in values.items()}


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: Final = _Walker(_whole)
_EXACT: Final = _Walker(exact)


@cache
def _encoder() -> msgspec.json.Encoder:
    from msgspec import json as fast

    return fast.Encoder(order="sorted")


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    from msgspec import json as fast

    return fast.Decoder(float_hook=lambda text: exact(float(text)))


@cache
def _raw_type() -> type[msgspec.Raw]:
    from msgspec import Raw

    return Raw


def _raw(text: str) -> msgspec.Raw:
    return _raw_type()(text)
