"""A project with a store and no model, whose base is a file that says nothing of how it was made."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from fresh_store import put_fresh_store

from selftune.ledger.keys import make_machine_key
from selftune.loop.config import ProjectConfig
from selftune.loop.project import Project
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bare_project(folder: Path, base_folder: Path) -> Iterator[Project]:
    """The project in this folder, its store open until the block ends."""
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    put_fresh_store(folder)
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=ProjectConfig(),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=fake_base(),
            base_folder=base_folder,
        )
