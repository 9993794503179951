"""What `selftune doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at: `ok`, or `note` or `bad` with what mends it."""

    level: str
    what: str
    mend: str = ""
