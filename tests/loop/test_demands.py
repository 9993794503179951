"""What a policy asks of a suite, in plain numbers; and what a cycle refuses before it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.errors import ConfigError
from selftune.evals.suites import load_suite
from selftune.gate.policies import load_policy
from selftune.loop.measuring.demands import demands_of, refuse_probe, refuse_unsound_suites
from selftune.records import RunPurpose
from selftune.training.config import Recipe

SUITE = load_suite("state_obedience")
SMALL, STRICT = load_policy("small"), load_policy("strict")


def test_the_shipped_suite_is_sound_under_the_shipped_policies():
    refuse_unsound_suites(SMALL, SUITE, ())
    refuse_unsound_suites(STRICT, SUITE, (replace(SUITE, purpose="regression"),))


def test_guards_and_floors_are_what_must_be_there_and_a_rule_left_out_asks_for_nothing():
    assert demands_of(STRICT, SUITE).guarded == SUITE.categories
    floored = replace(SMALL, guarded=(), floors=(("jailbreak", 0.7),))
    assert demands_of(floored, SUITE).guarded == ("jailbreak",)
    assert demands_of(replace(floored, rules=()), SUITE).guarded == ()
    with pytest.raises(ConfigError, match="'jailbreak'"):
        refuse_unsound_suites(floored, SUITE, ())


def test_a_margin_below_one_case_is_refused_and_a_screen_beside_the_suite_too():
    with pytest.raises(ConfigError, match="one case = 0\\.005"):
        refuse_unsound_suites(replace(SMALL, least_gain=0.001), SUITE, ())
    with pytest.raises(ConfigError, match="is a screen"):
        refuse_unsound_suites(SMALL, SUITE, (replace(SUITE, name="s", purpose="screen"),))
    with pytest.raises(ConfigError, match="regression suite"):
        refuse_unsound_suites(SMALL, replace(SUITE, purpose="regression"), ())


def test_a_probe_is_refused_before_it_is_trained_where_the_policy_tells_probes_apart():
    probe = Recipe(name="look", purpose=RunPurpose.PROBE)
    with pytest.raises(ConfigError, match="recipe 'look' is for a probe"):
        refuse_probe(SMALL, probe)
    refuse_probe(SMALL, Recipe(name="look"))
    refuse_probe(replace(SMALL, rules=tuple(rule for rule in SMALL.rules if rule != "same_purpose")), probe)
