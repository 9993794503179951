"""A small project whose live server is the real keeper over a fake model process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from release_house import TOML, House

from selftune.release.config import Target
from selftune.release.live import LiveServer

KEEPER = (sys.executable, str(Path(__file__).with_name("fake_keeper.py")))


@pytest.fixture
def house(tmp_path):
    (tmp_path / "selftune.toml").write_text(TOML)
    (tmp_path / ".selftune").mkdir()
    target = Target(folder=str(tmp_path), project="a4ps", base="base_model")
    live = LiveServer(target, keeper=KEEPER)
    yield House(tmp_path, target, live)
    live.stop()
