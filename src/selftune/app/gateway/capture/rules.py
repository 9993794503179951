"""The project's door as the writer needs it, and which key made a completion that it does not know by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.gateway.capture.reading import SOURCE, key_flag
from selftune.loop.config import load_config
from selftune.loop.incoming.privacy import door_with

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.interactions.config import Capture


def load_rules(folder: Path) -> Capture:
    """The door of a project, its key for pseudonyms included; the store is open only while that is read.

    Raises:
        MissingFileError: there is no project in the folder.
        ConfigError: its config can't be read.
        LockedError: the store is being written by another process.
    """
    from selftune.store import Store

    config = load_config(folder)
    with Store.open(folder) as store:
        return door_with(config, store)


def find_key_of(folder: Path, completion_id: str) -> str | None:
    """The flag of the key that made a completion; None where the store has no such completion."""
    from selftune.store import Store

    with Store.open(folder) as store:
        found = store.kept_at(SOURCE, [completion_id]).get(completion_id)
    return None if found is None else next((flag for flag in found.flags if flag.startswith(key_flag(""))), None)
