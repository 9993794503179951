"""What a file is expected to hold, or the reason why an entry can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.lines import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value if it is an object.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(value, dict):
        raise UnreadableError(f"{what} is no object but {_kind(value)}")
    return value


def as_list(value: Any, what: str) -> list[Any]:
    """The value if it is a list.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(value, list):
        raise UnreadableError(f"{what} is no list but {_kind(value)}")
    return value


def as_text(value: Any, what: str) -> str:
    """The value if it is a string.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(value, str):
        raise UnreadableError(f"{what} is no text but {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"
