"""A project with a store and no model: enough for whatever comes in."""

from __future__ import annotations

import pytest

from selftune.ledger.keys import make_machine_key
from selftune.loop.config import ProjectConfig
from selftune.loop.project import Project
from selftune.store import BlobStore, Store
from selftune.testing import fake_base


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=ProjectConfig(),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=fake_base(),
            base_folder=tmp_path,
        )
