"""The licence list is what the core's metadata say, and a bill of materials is one."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_sbom", ROOT / "dev" / "write_sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux" or sys.version_info[:2] != (3, 11), reason="the page is written on Linux")
def test_the_licence_list_is_current(writer):
    written = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    assert written == writer.licences(), "Write it anew: python dev/write_sbom.py docs/licences.md"


def test_nothing_in_the_core_asks_for_the_source_of_ours(writer):
    lines = [line for line in writer.licences().splitlines() if line.startswith("| ")]
    found = [line for line in lines if "GPL" in line.replace("LGPL", "GPL") or "AGPL" in line]
    assert found == []


def test_a_bill_names_each_package_once_with_version_and_licence(writer):
    bill = writer.bill([])
    json.dumps(bill)
    names = [one["name"] for one in bill["components"]]
    assert len(names) == len(set(names))
    assert {"typer", "sqlalchemy", "aiohttp", "numpy", "starlette"} <= set(names)
    assert not {"torch", "pytest", "apprise"} & set(names)
    for one in bill["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert one["licenses"][0]["license"]["name"]
