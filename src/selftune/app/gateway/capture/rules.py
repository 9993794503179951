"""The project's door as the writer needs it, and which key made a completion that it does not know by heart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.app.gateway.capture.reading import SOURCE, key_flag
from selftune.interactions.privacy.pseudonyms import Pseudonyms
from selftune.ledger.keys import IMPORT_KEY, derive_key, read_secret
from selftune.loop.config import load_config
from selftune.loop.incoming.privacy import PURPOSE, door_with, rules_of
from selftune.loop.opened import HIDDEN

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.interactions.config import Capture
    from selftune.loop.config import ProjectConfig
    from selftune.store import Store


def load_rules(folder: Path) -> Capture:
    """The door of a project, its key for pseudonyms included.

    Where that key was made, no store is opened: a writer that died is back in half the time.

    Raises:
        MissingFileError: there is no project in the folder.
        ConfigError: its config can't be read.
        LockedError: the store is being written by another process.
    """
    config = load_config(folder)
    path = folder / HIDDEN / "keys" / IMPORT_KEY
    if path.exists():
        return replace(rules_of(config), pseudonyms=Pseudonyms(derive_key(read_secret(path), PURPOSE)))
    with _open(folder, config) as store:
        return door_with(config, store)


def find_key_of(folder: Path, completion_id: str) -> str | None:
    """The flag of the key that made a completion; None where the store has no such completion."""
    with _open(folder, load_config(folder)) as store:
        found = store.kept_at(SOURCE, [completion_id]).get(completion_id)
    return None if found is None else next((flag for flag in found.flags if flag.startswith(key_flag(""))), None)


def _open(folder: Path, config: ProjectConfig) -> Store:
    from selftune.loop.databases import store_database
    from selftune.store import Store

    return Store.open(folder, database=store_database(config))
