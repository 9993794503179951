"""Whether there is a card is asked of torch only where the system shows one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from selftune.training import machine

ASK = """
import sys
from pathlib import Path
from selftune.training import machine
machine._CARD_NODES = sys.argv[1:]
print(machine.device_here(), "torch" in sys.modules)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch is always asked")
def test_torch_stays_asleep_where_the_system_shows_no_card(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "no such node")], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["cpu", "False"]


def test_where_it_shows_one_torch_is_asked(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(machine, "_CARD_NODES", (str(tmp_path),))
    for available, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert machine.device_here() == device
