"""A policy is read strictly, and what it declares is enforced or refused."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.gate.config import Policy
from selftune.gate.policies import POLICIES, load_policy, policy_from, policy_text
from selftune.gate.rules import enforced_rules


def entries(**changes) -> dict:
    found = tomllib.loads(policy_text("small")) | changes
    return {key: value for key, value in found.items() if value is not None}


def read(**changes) -> Policy:
    return policy_from(entries(**changes), where="policy.toml")


def test_two_policies_ship_and_differ() -> None:
    assert POLICIES.names() == ("small", "strict")
    assert load_policy("small").digest != load_policy("strict").digest


def test_shipped_policies_declare_every_rule_that_is_enforced() -> None:
    for name in POLICIES.names():
        assert set(load_policy(name).rules) == set(enforced_rules())


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy_text("small").replace("least_gain = 0.02", "least_gain = 0.05"))
    assert load_policy(path).least_gain == 0.05
    assert load_policy(str(path)).digest != load_policy("small").digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"least_gian": 0.1}, "Did you mean 'least_gain'"),
        ({"zzz": 1}, "Choose from"),
        ({"alpha": 0}, "between 0 and 1"),
        ({"level": 1}, "between 0 and 1"),
        ({"category_cap": -0.1}, "from 0 to 1"),
        ({"category_cap": True}, "a number"),
        ({"least_gain": "much"}, "a number"),
        ({"min_units": 2.5}, "whole number"),
        ({"min_units": -1}, "whole number, 1 or more"),
        ({"min_units": 0}, "whole number, 1 or more"),
        ({"least_seeds": 1}, "whole number, 2 or more"),
        ({"alpha": 2.0}, "between 0 and 1"),
        ({"least_gain": -1.0}, "from 0 to 1"),
        ({"floors": {"jailbreak": 1.5}}, "from 0 to 1"),
        ({"category_cap": math.nan}, "from 0 to 1"),
        ({"alpha_over_nights": "never"}, "one of: each_night, lord"),
        ({"suites": {"general": {"margin": math.nan}}}, "suites.general.margin must be a number from 0 to 1"),
        ({"suites": {"general": {"margin": -0.1}}}, "from 0 to 1"),
        ({"suites": {"general": {"against": "candidate"}}}, "one of: champion, base"),
        ({"suites": {"general": {"marign": 0.1}}}, "Did you mean 'margin'"),
        ({"suites": {"council": {"floors": {"jailbreak": 1.5}}}}, "suites.council.floors.jailbreak must be"),
        (
            {"suites": {"general": {"sets": {"s": {"categories": ["a"], "margin": 2.0}}}}},
            "sets.s.margin must be a number",
        ),
        ({"suites": {"general": {"sets": {"s": {}}}}}, "'categories' is missing"),
        ({"training_seeds": 0}, "whole number, 1 or more"),
        ({"probe_below": 1.5}, "from 0 to 1"),
        ({"suites": ["general"]}, "a table"),
        ({"guarded": "tone"}, "a list of names"),
        ({"guarded": [1]}, "guarded, item 1 must be a text"),
        ({"name": 3}, "a text"),
        ({"independence": "maybe"}, "required or reported"),
        ({"floors": [1]}, "a table"),
        ({"floors": {"jailbreak": 7}}, "from 0 to 1"),
        ({"name": None}, "'name' is missing"),
        ({"rules": None}, "'rules' is missing"),
    ],
)
def test_a_slip_in_a_policy_is_refused_by_name(changes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(**changes)


def test_a_rule_that_nothing_enforces_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"nothing enforces it.*Did you mean 'category_cap'"):
        read(rules=[*entries()["rules"], "category_capp"])


@pytest.mark.parametrize("family", [name for name, rule in enforced_rules().items() if rule.required])
def test_a_rule_on_the_measurement_cannot_be_left_out(family: str) -> None:
    with pytest.raises(ConfigError, match=family):
        read(rules=[rule for rule in entries()["rules"] if rule != family])


def test_a_setting_that_no_declared_rule_reads_is_refused() -> None:
    slim = [rule for rule in entries()["rules"] if rule != "floor"]
    assert read(rules=slim, suites={}).floors == ()
    with pytest.raises(ConfigError, match="'floors' is set, but the rule 'floor'"):
        read(rules=slim, suites={}, floors={"jailbreak": 0.7})


@pytest.mark.parametrize(
    ("demand", "family"),
    [({"floors": {"a": 0.5}}, "floor"), ({"sets": {"s": {"categories": ["a"]}}}, "set_cap")],
)
def test_a_demand_on_a_suite_that_no_declared_rule_reads_is_refused(demand, family: str) -> None:
    slim = [rule for rule in entries()["rules"] if rule != family]
    with pytest.raises(ConfigError, match=rf"'suites\.general\.\w+' is set, but the rule '{family}'"):
        read(rules=slim, suites={"general": demand}, floors={})


def test_floors_and_lists_are_read() -> None:
    policy = read(floors={"jailbreak": 0.7}, guarded=["tone"], max_critical_failures=3)
    assert policy.floors == (("jailbreak", 0.7),)
    assert policy.guarded == ("tone",)
    assert policy.max_critical_failures == 3


def test_a_policy_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("alpha = = 1")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_policy(path)
    with pytest.raises(MissingFileError):
        load_policy(tmp_path / "absent.toml")
    with pytest.raises(UnknownNameError, match="Did you mean 'strict'"):
        load_policy("strct")


def test_a_star_guards_every_category_of_the_suite() -> None:
    assert load_policy("strict").guarded_among(("a", "b")) == ("a", "b")
    assert load_policy("small").guarded_among(("a", "b")) == ()
