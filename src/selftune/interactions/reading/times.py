"""Times as the formats tell them, as one form that can be compared: UTC, ISO 8601, to the second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

# What counts as seconds, milliseconds, microseconds or nanoseconds since 1970: each holds until the year 5138.
_UNITS: Final = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))


def as_utc(value: Any) -> str | None:
    """The time in UTC, to the second; None when it is none that we can read.

    Numbers, and texts of digits, count from 1970, in the unit that their size allows. A text without an offset is taken
    for UTC: what it is compared with comes from the same source.
    """
    if isinstance(value, str) and not value.strip().isdigit():
        return _from_text(value)
    try:
        number = float(value)
        divisor = next((divisor for limit, divisor in _UNITS if 0 < number < limit), None)
        return None if divisor is None else _told(datetime.fromtimestamp(number / divisor, UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def latest(*values: Any) -> str | None:
    """The latest of the times that can be read; None when none can."""
    return max((told for value in values if (told := as_utc(value)) is not None), default=None)


def _from_text(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return _told(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
