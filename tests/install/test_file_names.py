"""Files that we make or ship have names that Windows takes, and no two of them are one there."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFUSED = re.compile(r'[<>:"\\|?*\x00-\x1f]|[ .]$')
DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}


def refused(name: str) -> bool:
    """Whether Windows refuses this name of a file or folder (learn.microsoft.com, "Naming files")."""
    return bool(REFUSED.search(name)) or name.partition(".")[0].lower() in DEVICES


@pytest.mark.parametrize("name", ["a:b", "aux.py", "COM1", "name.", "name ", "what?", "a|b"])
def test_a_name_that_windows_refuses_is_known(name):
    assert refused(name)


def test_no_file_of_ours_has_a_name_that_windows_refuses_or_can_not_tell_from_another():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout: there is nothing to list")
    paths = listed.stdout.splitlines()
    assert len(paths) > 1000
    assert [path for path in paths if any(map(refused, path.split("/")))] == []
    assert [path for path, times in Counter(map(str.lower, paths)).items() if times > 1] == []
    # Windows takes 260 characters unless told otherwise; a checkout lies somewhere.
    assert max(map(len, paths)) < 160
