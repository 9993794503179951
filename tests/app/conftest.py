"""A project with config and store and no model: enough for all that asks no model anything."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.project import HIDDEN, Project, prepare_hidden
from selftune.records import Release
from selftune.store import BlobStore, Store
from selftune.testing import fake_base, fake_build

sys.path.insert(0, str(Path(__file__).parent))


@contextmanager
def open_test_project(inside):
    """A project in a folder of its own, its store open until the block ends."""
    folder = inside / "project"
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
            base_folder=inside,
        )


@pytest.fixture
def project(tmp_path):
    with open_test_project(tmp_path) as opened:
        yield opened


@pytest.fixture
def released(project):
    """The same with its base in service, as `init` leaves it."""
    build = fake_build()
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([build, release], event="made by a test")
    return project
