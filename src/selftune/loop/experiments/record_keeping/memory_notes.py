"""A note for each try, which people and proposers read: what was tried and why, what came of it, what it teaches.

It holds figures, settings and what a proposer said; no words of anybody who talked to the model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.records import Effect, Experiment

EVENTS: Final = "memory/events"
ARCHIVE: Final = "memory/archive"
_PREFIX: Final = "autoresearch-"
_LONGEST_REASON: Final = 600


def note_path(folder: Path, experiment: Experiment) -> Path:
    """Where the note of a try lies in a project's folder, by the year and the month in which it began."""
    year, month = experiment.began[:4], experiment.began[5:7]
    return folder / EVENTS / year / month / f"{_PREFIX}{experiment.name}.md"


def find_note(folder: Path, experiment: Experiment) -> Path | None:
    """Where the note of a try is now, archived or not; None where somebody took it away."""
    path = note_path(folder, experiment)
    return next((one for one in (path, _archived(folder, path)) if one.exists()), None)


def leave_note(folder: Path, experiment: Experiment, lesson: str) -> Path:
    """Write the note of a try, unless it is there or was archived: a person may have written into it."""
    path = note_path(folder, experiment)
    if find_note(folder, experiment) is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        publish_bytes(path, ("\n".join(note_lines(experiment, lesson)) + "\n").encode())
    return path


def archive_notes(folder: Path, most: int) -> tuple[Path, ...]:
    """Move the oldest notes beyond `most` into the archive, under the same year and month; gives where they are now."""
    notes = sorted((folder / EVENTS).glob(f"*/*/{_PREFIX}*.md"))
    moved = []
    for note in notes[: max(0, len(notes) - most)]:
        target = _archived(folder, note)
        target.parent.mkdir(parents=True, exist_ok=True)
        note.replace(target)
        moved.append(target)
    return tuple(moved)


def note_lines(experiment: Experiment, lesson: str) -> Iterator[str]:
    """The note, line by line."""
    yield f"# {experiment.name}: {experiment.result.value}"
    yield ""
    yield f"- When: {experiment.began}" + (f", night {experiment.night}" if experiment.night else ", by hand")
    yield f"- Where: {experiment.mode.value}, {experiment.base} `{experiment.base_digest[:19]}`, {experiment.node}"
    yield f"- Tried ({experiment.lane}): {', '.join(f'`{one}`' for one in experiment.changes) or 'nothing changed'}"
    yield f"- Proposed by {experiment.proposer or 'a person'}" + (":" if experiment.reason.strip() else ".")
    if experiment.reason.strip():
        yield f"  > {_plain(experiment.reason)}"
    yield f"- Result: {experiment.result.value}. {experiment.why}"
    yield f"- Measured: {effect_in_words(experiment.effect)}"
    for part in experiment.parts:
        yield f"  - {part.name}: {part.baseline:.3f} to {part.score:.3f}, n {part.n}"
    dollars = f"${sum(experiment.costs_usd):.2f}" if any(experiment.costs_usd) else "no price is known"
    yield f"- Took {experiment.elapsed_seconds:.0f} s; {dollars}"
    yield f"- Lesson: {lesson}"


def effect_in_words(effect: Effect | None) -> str:
    """A paired difference with its interval, its level and its n."""
    if effect is None:
        return "not measured"
    low, high = effect.interval
    return f"{effect.mean:+.3f} [{low:+.3f}, {high:+.3f}] at {effect.level:.0%} against its baseline, n {effect.n}"


def _plain(text: str) -> str:
    """A proposer's words on one line, without what would make more of them than a quotation."""
    line = " ".join(re.sub(r"[`<>\[\]|#]", "", text).split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON].rstrip()} …"


def _archived(folder: Path, note: Path) -> Path:
    return folder / ARCHIVE / note.relative_to(folder / EVENTS)
