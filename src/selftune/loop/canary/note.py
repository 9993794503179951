"""`.selftune/gateway/canary.json`: which candidate is being tried on real requests, on what terms, and how that ended.

Whoever starts one writes it, the gateway reads it when its time of change is another, and whoever ends it writes how.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError
from selftune.records.canonical import canonical_json
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "gateway"
NOTE: Final = "canary.json"
_PERSON_LETTERS: Final = 16


class TrialEnd(StrEnum):
    """How a trial came to its end."""

    RETURNED = "returned"
    STOPPED = "stopped"
    CHANGED = "champion changed"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is tolerated of a candidate, fixed when its trial starts.

    Attributes:
        alpha: Chance of ever sending one back wrongly, all guardrails together.
        errors: Its share of answers that failed may be greater by so much.
        refusals: The same of answers that decline.
        thumbs: The same of thumbs that point down.
        slow: Slower by `slower_times` in so many answers more than faster by it, as a share.
        slower_times: So many times the champion's seconds count as slow.
    """

    alpha: float
    errors: float
    refusals: float
    thumbs: float
    slow: float
    slower_times: float


@dataclass(frozen=True, kw_only=True)
class CanaryNote:
    """One trial.

    Attributes:
        trial: Its name, drawn when it starts; also that of its journal.
        address: Where the candidate answers, ending in `/v1`.
        share: The share of users whom the candidate answers; 0 in the shadow.
        shadow: The candidate is asked beside the champion, and nobody is shown its answers.
        salt: What users are told apart by on this trial alone, so that no file names them.
        ended_at: When it ended; None while it runs.
        why: What it ended for, in a sentence.
    """

    trial: str
    candidate_build_id: str
    candidate_digest: str
    champion_build_id: str
    champion_digest: str
    evaluation_id: str
    address: str
    share: float
    shadow: bool
    salt: str
    started_at: str
    limits: Limits
    approvals: tuple[str, ...] = ()
    ended_at: str | None = None
    end: TrialEnd | None = None
    why: str | None = None

    @property
    def runs(self) -> bool:
        """Whether the candidate is still being tried."""
        return self.ended_at is None

    def person(self, sticky: str) -> str:
        """A name for a user that stands for this user on this trial alone."""
        return hmac.digest(bytes.fromhex(self.salt), sticky.encode(errors="surrogatepass"), "sha256").hex()[
            :_PERSON_LETTERS
        ]

    def is_on_candidate(self, sticky: str) -> bool:
        """Whether the candidate answers this user: always or never on this trial."""
        drawn = int(self.person(sticky), 16) / 16**_PERSON_LETTERS
        return drawn < self.share

    def ended(self, end: TrialEnd, why: str) -> CanaryNote:
        """The same, ended now; one that has ended stays as it is."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(self, ended_at=now, end=end, why=why) if self.runs else self


def note_path(hidden: Path) -> Path:
    """Where the note lies."""
    return hidden / FOLDER / NOTE


def journal_path(hidden: Path, trial: str) -> Path:
    """Where a trial's answers are counted, one line each, without anybody's words."""
    return hidden / FOLDER / "canary" / f"{trial}.jsonl"


def write_canary(note: CanaryNote, hidden: Path) -> None:
    """Publish the note in one step, for its owner's eyes: the salt tells who stands behind a pseudonym."""
    path = note_path(hidden)
    path.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, canonical_json(note).encode(), mode=0o600)


def read_canary(hidden: Path) -> CanaryNote | None:
    """The note as it lies there; None without one.

    Raises:
        DamagedFileError: it can't be read.
    """
    import msgspec

    path = note_path(hidden)
    try:
        return msgspec.convert(json.loads(path.read_bytes()), type=CanaryNote, strict=False)
    except FileNotFoundError:
        return None
    except (ValueError, msgspec.ValidationError) as error:
        raise DamagedFileError(
            f"{path} can't be read: {error}.", next_step=f"Delete {path}; the champion alone answers then."
        ) from error


def end_canary(hidden: Path, end: TrialEnd, why: str) -> CanaryNote | None:
    """End the trial that runs, by its note; what is on record of it comes with the next command. None where none runs.

    A note that can't be read is taken away: what nobody can read sends nobody to a candidate.
    """
    try:
        note = read_canary(hidden)
    except DamagedFileError:
        note_path(hidden).unlink(missing_ok=True)
        return None
    if note is None or not note.runs:
        return None
    ended = note.ended(end, why)
    write_canary(ended, hidden)
    return ended
