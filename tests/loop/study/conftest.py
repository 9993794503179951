"""What the tests of studies share lies beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from study_worlds import open_arm


@pytest.fixture
def arm(tmp_path):
    with open_arm(tmp_path) as opened:
        yield opened
