"""The table of rules says what is true of the code."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest

from selftune.gate.policies import POLICIES, load_policy
from selftune.governance.rules_table import rule_rows


@pytest.mark.parametrize("name", POLICIES.names())
def test_every_rule_of_a_shipped_policy_is_enforced_somewhere(name):
    rows = rule_rows(load_policy(name))
    assert {row.enforced for row in rows} == {"yes"}
    for row in rows:
        module, _, attribute = row.where.partition(":")
        assert getattr(importlib.import_module(module), attribute)
        assert row.what


def test_rule_that_nothing_enforces_and_rule_left_out_are_both_shown():
    policy = load_policy("small")
    odd = replace(policy, rules=(*(rule for rule in policy.rules if rule != "gain"), "wishful"))
    rows = {row.name: row for row in rule_rows(odd)}
    assert (rows["wishful"].declared, rows["wishful"].enforced, rows["wishful"].where) == ("policy", "no", "")
    assert (rows["gain"].declared, rows["gain"].enforced) == ("no", "no")


def test_names_are_told_once():
    rows = rule_rows(load_policy("strict"))
    assert len({row.name for row in rows}) == len(rows)
