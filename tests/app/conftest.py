"""A project with config and store and no model: enough for all that asks no model anything."""

from __future__ import annotations

import pytest

from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.project import HIDDEN, Project, prepare_hidden
from selftune.store import BlobStore, Store
from selftune.testing import fake_base


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    text = new_config_text(name="p", base="fake", recipe="r", suite="state_obedience", profile=Profile.SOLO)
    (folder / CONFIG_FILE).write_text(text)
    prepare_hidden(folder)
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"),
            base_folder=tmp_path,
        )
