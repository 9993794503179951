"""One project that people have worked in, for all tests of their pages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from peopled_project import make_peopled, stand_in


@pytest.fixture(scope="module")
def peopled(tmp_path_factory):
    """The folder of the project; fakes answer in it."""
    folder = tmp_path_factory.mktemp("peopled") / "my-model"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        yield make_peopled(folder)
