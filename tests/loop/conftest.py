"""A project with a store and no model: enough for whatever comes in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.ledger.keys import make_machine_key
from selftune.loop.config import ProjectConfig
from selftune.loop.project import Project
from selftune.records import Mode
from selftune.store import BlobStore, Store
from selftune.testing import fake_base


@pytest.fixture
def fake_bench(project):
    """What a try is written up by that was cut off: nothing is trained or asked on it."""
    return SimpleNamespace(
        project=project,
        now=lambda: "2026-11-22T02:00:00+00:00",
        night="2026-11-22",
        mode=Mode.FULL,
        node="a fake node",
        screen=SimpleNamespace(asked="a fake screen", asked_digest="sha256:0"),
    )


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
