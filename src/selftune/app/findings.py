"""What `selftune doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at: `ok`, `note` or `bad`, and the mend where there is one to make."""

    level: str
    what: str
    mend: str = ""
