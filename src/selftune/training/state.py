"""What a paused training goes on from: its checkpoint, kept by digest as long as somebody may go on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError
from selftune.records import FileDigest, digest_file
from selftune.training.checkpoints import lay_out_checkpoint, newest_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from selftune.context import Blobs, Context
    from selftune.records import Run
    from selftune.training.base import TrainingJob


def keep_state(job: TrainingJob, context: Context) -> tuple[FileDigest, ...]:
    """Keep the checkpoint that a paused training left: optimiser, adapter, curve and place in the order of lessons."""
    newest = newest_checkpoint(job.checkpoints)
    assert newest is not None, "who pauses leaves a checkpoint"  # noqa: S101 - can't happen
    return tuple(keep_file(path, context) for path in sorted(newest.iterdir()))


def lay_out_state(before: Run | None, job: TrainingJob, context: Context) -> None:
    """Put what the part before left where the back-end looks for a checkpoint; a newer one of this part stays.

    Raises:
        DamagedFileError: a file of it is gone, or is not the one that was kept.
    """
    if before is None:
        return
    files = {file.name: context.blobs.path(file.digest) for file in before.state}
    for file in before.state:
        if digest_file(files[file.name]) != file.digest:
            raise DamagedFileError(
                f"{file.name}, from which run {before.id} goes on, is not what was kept.",
                next_step="Restore the project's blobs from a backup, or train it anew: selftune train",
            )
    lay_out_checkpoint(job.checkpoints, before.steps, files)


def holds_state(run: Run, blobs: Blobs) -> bool:
    """Whether somebody can go on from this run: it paused, and what it left is still kept."""
    try:
        return bool(run.state) and all(blobs.path(file.digest) for file in run.state)
    except DamagedFileError:
        return False


def keep_file(path: Path, context: Context) -> FileDigest:
    """Keep a file by its digest; from then on it belongs to the store."""
    return FileDigest(name=path.name, digest=context.blobs.put_file(path), size_bytes=path.stat().st_size)


def spent_states(runs: Iterable[Run], going_on: Collection[str] = ()) -> tuple[FileDigest, ...]:
    """The files of these runs' states that may go: nobody goes on from these runs but those named in `going_on`.

    An adapter is never among them, and neither is a file that the state of a run which goes on shares.
    """
    runs = tuple(runs)
    needed = {file.digest for run in runs for file in (run.state if run.id in going_on else ())}
    needed |= {file.digest for run in runs for file in run.adapter}
    spent = (file for run in runs if run.id not in going_on for file in run.state)
    return tuple({file.digest: file for file in spent if file.digest not in needed}.values())
