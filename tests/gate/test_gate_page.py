"""The page on the policy names every rule there is and every key a policy may hold."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from selftune.gate.config import Policy, SuiteDemand
from selftune.gate.rules import enforced_rules

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
TOLD_BY_THE_FILE = {"name", "description", "rules", "level", "max_unscored", "max_critical_failures"}


@pytest.mark.parametrize("rule", enforced_rules())
def test_every_rule_is_told_of(rule: str) -> None:
    assert f"`{rule}`" in PAGE


@pytest.mark.parametrize("key", sorted({field.name for field in fields(Policy)} - TOLD_BY_THE_FILE))
def test_every_key_is_told_of(key: str) -> None:
    assert key in PAGE


@pytest.mark.parametrize("key", [field.name for field in fields(SuiteDemand)])
def test_every_demand_on_a_suite_is_told_of(key: str) -> None:
    assert f"{key} = " in PAGE
