"""A project in which a candidate was evaluated and decided about, and a fake place to serve it that says so."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from bare_project import bare_project
from canary_world import FakeChampion, world_of

from selftune.records import Outcome


@pytest.fixture
def served(monkeypatch):
    """A fake place that serves nothing; what it was asked to serve, and how often it was stopped."""
    asked = SimpleNamespace(builds=[], stopped=0)

    def serve(project, build, evaluation):
        assert evaluation.build_digest == build.digest
        asked.builds.append(build)
        return None, SimpleNamespace(address="http://127.0.0.1:9/v1")

    def stop(hidden, **_):
        asked.stopped += 1
        return True

    monkeypatch.setattr("selftune.loop.canary.starting.serve_candidate", serve)
    monkeypatch.setattr("selftune.loop.canary.starting.LiveServer", FakeChampion)
    for module in ("settling", "starting"):
        monkeypatch.setattr(f"selftune.loop.canary.{module}.stop_candidate", stop)
    return asked


@pytest.fixture
def project(tmp_path):
    with bare_project(tmp_path / "project", tmp_path) as opened:
        yield opened


@pytest.fixture
def world(project, served):
    return world_of(project, Outcome.INCONCLUSIVE)
