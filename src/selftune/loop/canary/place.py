"""Where the candidate of a trial is served: a keeper of its own in `.selftune/canary`, beside the champion's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from selftune.errors import ServingError
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.release.manifest import PUBLIC_KEY, Manifest, place_files
from selftune.release.naming import release_name
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.opened import Project
    from selftune.records import Build, Evaluation
    from selftune.release.base import Switched
    from selftune.release.live import LiveStatus

CANARY: Final = "canary"
_NAME: Final = "candidate"


def canary_folder(hidden: Path) -> Path:
    """The folder of the candidate's keeper: to it, it is the project."""
    return hidden / CANARY


def canary_server(hidden: Path, driver: str = "llama.cpp") -> LiveServer:
    """The candidate's server; nothing starts before it is asked to."""
    return LiveServer(_target(hidden, driver))


def serve_candidate(project: Project, build: Build, evaluation: Evaluation) -> tuple[Switched, LiveStatus]:
    """Have the candidate answer at an address of its own, held against what it showed when it was evaluated.

    Raises:
        ServingError: there is no room for a second model, it did not start, or it is not what was evaluated.
        DamagedFileError: its files are not what was evaluated.
    """
    hidden, driver = project.hidden, project.config.serving.driver
    stop_candidate(hidden)
    manifest = Manifest(
        name=release_name(project.config.project.name, project.base.name, _NAME),
        version=_NAME,
        generation=0,
        alias=_NAME,
        build=build,
        proof=evaluation.proof,
        slots=evaluation.proof.slots,
        driver=driver,
    )
    from selftune.release.keeper import fits_in_memory  # brings an HTTP server along

    if not fits_in_memory(manifest):
        raise ServingError(
            "there is no room in memory for a second model beside the one that serves.",
            next_step="End other programs, or try a smaller serving form; the champion goes on serving.",
        )
    own = _target(hidden, driver).hidden
    (own / "keys").mkdir(parents=True, exist_ok=True)
    publish_bytes(own / PUBLIC_KEY, (hidden / PUBLIC_KEY).read_bytes())
    placed = place_files(manifest, project.blobs, own)
    server = canary_server(hidden, driver)
    switched = server.switch(manifest.name, placed)
    status = server.status()
    if status is None:
        raise ServingError(
            "the candidate's server is gone again.", next_step="Look at .selftune/canary/.selftune/logs."
        )
    return switched, status


def stop_candidate(hidden: Path, *, seconds: float | None = None) -> bool:
    """Stop the candidate's server and take its files away; False where none served."""
    folder = canary_folder(hidden)
    if not folder.is_dir():
        return False
    server = canary_server(hidden)
    served = server.stop() if seconds is None else server.stop(seconds=seconds)
    # The blobs stay: these are their second names, and the pointer that a next start would believe.
    shutil.rmtree(folder / ".selftune" / "models", ignore_errors=True)
    (folder / ".selftune" / "active.json").unlink(missing_ok=True)
    return served


def _target(hidden: Path, driver: str) -> Target:
    return Target(folder=str(canary_folder(hidden)), project=CANARY, base=_NAME, alias=_NAME, driver=driver)
