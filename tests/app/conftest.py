"""A project with config and store and no model: enough for all that asks no model anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from configured_project import open_test_project

from selftune.records import Release
from selftune.testing import fake_build


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
