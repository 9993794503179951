"""The store's tests share the records beside this file, and one project folder each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def store(project):
    from selftune.ledger.keys import make_machine_key
    from selftune.store import Store
    from selftune.testing import FakeClock

    make_machine_key(project / ".selftune" / "keys")
    with Store.open(project, clock=FakeClock().now) as opened:
        yield opened
