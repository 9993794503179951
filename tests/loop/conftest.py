"""A project with a store and no model: enough for whatever comes in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from selftune.records import Mode

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from bare_project import bare_project


@pytest.fixture
def fake_bench(project):
    """What a try is written up by that was cut off: nothing is trained or asked on it."""
    return SimpleNamespace(
        project=project,
        now=lambda: "2026-11-22T02:00:00+00:00",
        night="2026-11-22",
        mode=Mode.FULL,
        node="a fake node",
        screen=SimpleNamespace(asked="a fake screen", asked_digest="sha256:0", suite=fake_suite(60)),
    )


def fake_suite(items: int) -> SimpleNamespace:
    """So many items that nobody can be asked."""
    return SimpleNamespace(
        unit="item", items=[SimpleNamespace(id=f"fake {place}", pair=None) for place in range(items)]
    )


@pytest.fixture
def project(tmp_path):
    with bare_project(tmp_path / "project", tmp_path) as opened:
        yield opened
