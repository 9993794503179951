"""Thumbs that came in beside the gateway, on their way to the trial that it watches: lines of a file, without words.

`selftune connect` hears of a thumb in a process of its own. It names the answer as the trial's journal does; before
each request the gateway looks whether the file has grown, and counts what the journal does not hold.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError
from selftune.loop.canary.note import journal_path, read_canary

if TYPE_CHECKING:
    from pathlib import Path


def thumbs_path(hidden: Path, trial: str) -> Path:
    """Where the thumbs of a trial wait."""
    return journal_path(hidden, trial).with_suffix(".thumbs")


def pass_thumb(hidden: Path, completion_id: str, *, up: bool) -> bool:
    """Tell the trial that runs where a thumb points; False where none runs.

    What can't be written is no error: the thumb is in the log, and the trial lacks it.
    """
    with suppress(DamagedFileError, OSError):
        note = read_canary(hidden)
        if note is not None and note.runs:
            path = thumbs_path(hidden, note.trial)
            path.parent.mkdir(parents=True, exist_ok=True)
            line = json.dumps({"answer": note.person(completion_id), "up": up}) + "\n"
            # In one piece, so that two who write at once leave two lines.
            with path.open("ab", buffering=0) as stream:
                stream.write(line.encode())
            return True
    return False


def thumbs_behind(hidden: Path, trial: str, place: int) -> tuple[list[tuple[str, bool]], int]:
    """Every whole line behind this place, as an answer's name and whether its thumb points up, and the place after it.

    Raises:
        OSError: there is no such file, or it can't be read.
    """
    with thumbs_path(hidden, trial).open("rb") as stream:
        stream.seek(place)
        data = stream.read()
    whole = data[: data.rfind(b"\n") + 1]
    found = [_thumb_of(line) for line in whole.splitlines()]
    return [one for one in found if one is not None], place + len(whole)


def _thumb_of(line: bytes) -> tuple[str, bool] | None:
    """What a line says; None for what nobody of ours wrote."""
    try:
        body = json.loads(line)
        answer, up = body["answer"], body["up"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (answer, up) if isinstance(answer, str) and isinstance(up, bool) else None
