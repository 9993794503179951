"""A missing prerequisite is skipped by name, or fails where it is required; and no test reaches the network."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
NEEDY = """
import pytest

@pytest.mark.needs("field-data")
def test_wants_data(field_data):
    assert field_data.is_dir()

@pytest.mark.parametrize("number", range(40))
def test_many(number):
    assert True
"""
ALL_NEEDS = """
from conftest import BRINGS, PREREQUISITES

def test_each():
    assert BRINGS.keys() == PREREQUISITES.keys()
"""


@pytest.fixture
def run_tests(tmp_path):
    shutil.copy(CONFTEST, tmp_path / "conftest.py")
    (tmp_path / "test_needy.py").write_text(NEEDY)

    def run(*arguments: str, **settings: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SELFTUNE_")}
        command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "-c", os.devnull, *arguments]
        result = subprocess.run(
            [*command, "--rootdir", str(tmp_path), str(tmp_path)],
            env={**environment, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout + result.stderr

    return run


def test_a_file_stays_on_one_worker_where_there_are_two(run_tests):
    said = run_tests("-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-v")
    assert len(re.findall(r"^\[gw\d\].* PASSED .*test_many", said, re.MULTILINE)) == 40
    assert len(set(re.findall(r"^\[(gw\d)\]", said, re.MULTILINE))) == 1


def test_without_a_prerequisite_the_test_is_skipped_by_name(run_tests):
    said = run_tests("-k", "data")
    assert "1 skipped" in said
    assert "needs field-data" in said


def test_the_last_lines_say_what_was_not_run_and_what_brings_it(run_tests, tmp_path):
    (tmp_path / "test_each.py").write_text(ALL_NEEDS)
    said = run_tests("-k", "data or each", SELFTUNE_FIELD_DATA=str(tmp_path), SELFTUNE_WITHOUT="sshd,field-data")
    assert "NOT RUN: 1 test, needs field-data (SELFTUNE_FIELD_DATA, the folder of outside data)" in said
    assert "1 passed, 1 skipped" in said


def test_a_required_prerequisite_that_is_missing_fails(run_tests):
    said = run_tests("-k", "data", SELFTUNE_REQUIRE="field-data")
    assert "1 error" in said
    assert "field-data is missing" in said


def test_with_the_prerequisite_the_test_runs(run_tests, tmp_path):
    said = run_tests("-k", "data", SELFTUNE_REQUIRE="field-data", SELFTUNE_FIELD_DATA=str(tmp_path))
    assert "1 passed" in said
    assert "NOT RUN" not in said


def test_an_unknown_requirement_is_refused_with_the_known_ones(run_tests):
    assert "known are" in run_tests(SELFTUNE_REQUIRE="feild-data")


def test_shards_hold_every_test_once(run_tests):
    counts = []
    for shard in ("1/2", "2/2"):
        said = run_tests("-k", "many", SELFTUNE_SHARD=shard)
        counts.append(int(re.search(r"(\d+) passed", said)[1]))
    assert sum(counts) == 40
    assert 0 < counts[0] < 40


def test_a_test_that_asks_the_network_is_told_that_there_is_none():
    with pytest.raises(OSError, match="stay on this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="stay on this machine"):
        socket.getaddrinfo("example.org", 80)


def test_loopback_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
