"""A project with config and store and no model: enough for all that asks no model anything."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from fresh_store import put_fresh_store

from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.project import HIDDEN, Project, prepare_hidden
from selftune.store import BlobStore, Store
from selftune.testing import fake_base


@contextmanager
def open_test_project(inside):
    """A project in a folder of its own, its store open until the block ends."""
    folder = inside / "project"
    folder.mkdir()
    text = new_config_text(name="p", base="fake", recipe="r", suite="state_obedience", profile=Profile.SOLO)
    (folder / CONFIG_FILE).write_text(text)
    prepare_hidden(folder)
    put_fresh_store(folder)
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"),
            base_folder=inside,
        )
