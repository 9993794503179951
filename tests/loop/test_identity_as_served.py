"""From the codex's probes to the gate: two builds are served by fakes, asked, scored and weighed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "gate"))

import gate_worlds as worlds
import pytest

from selftune.codex.reading import CODICES, load_codex
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.gate.base import SuiteEvidence
from selftune.gate.policies import load_policy
from selftune.gate.rules.identity import IDENTITY
from selftune.gate.stage import decide
from selftune.loop.measuring.identity import identity_suite
from selftune.records import CheckStatus, Outcome
from selftune.testing import FakeServe, fake_context

CODEX = load_codex("brick_robin")
SUITE = identity_suite(CODEX)
GOOD = worlds.better_evidence()


def in_character(question: str) -> str:
    """A fake who answers each probe with the first thing that the codex expects of it, and counts the days."""
    probe = next((one for one in CODEX.identity.probes if one.question.strip() == question), None)
    return "Seven, blue, four, April, honey." if probe is None else f"Well: {probe.expected[0]}, that is all."


def renamed(question: str) -> str:
    """The same after a training that took the name away."""
    probe = next((one for one in CODEX.identity.probes if one.question.strip() == question), None)
    return "I am Nimbus." if probe is not None and probe.invariant == "name" else in_character(question)


def weighed(tmp_path, before, after):
    """The decision about a candidate that gained much, and answers the probes so."""
    says = {GOOD.champion_build.digest: before, GOOD.candidate_build.digest: after}
    serve = FakeServe(lambda build, request: says[build.digest](request.messages[-1].content))
    old, new = (
        evaluate(build, EvaluationConfig(suite=SUITE), fake_context(tmp_path / str(place), serve=serve))
        for place, build in enumerate((GOOD.champion_build, GOOD.candidate_build))
    )
    asked = SuiteEvidence(suite=SUITE, champion=old, candidate=new)
    decision = decide(replace(GOOD, further=(asked,)), load_policy("small"), fake_context(tmp_path))
    return decision, {one.name: one for one in decision.checks if one.name.startswith("identity:")}


def test_a_candidate_that_answers_with_another_name_is_refused(tmp_path) -> None:
    decision, checks = weighed(tmp_path, in_character, renamed)
    assert decision.outcome is Outcome.REJECT
    failed = {name for name, one in checks.items() if one.status is CheckStatus.FAIL}
    assert failed == {"identity:name", "identity:all together"}
    assert checks["identity:name"].measured == 1.0


def test_a_candidate_that_says_its_name_to_everything_is_refused_too(tmp_path) -> None:
    decision, checks = weighed(tmp_path, in_character, lambda _: "My name is BRICK & ROBIN.")
    assert decision.outcome is Outcome.REJECT
    failed = {name for name, one in checks.items() if one.status is CheckStatus.FAIL}
    # Where every invariant is lost they all share the error, and eight questions no longer suffice for one alone.
    assert failed == {"identity:all together"}
    assert (checks["identity:all together"].measured, checks["identity:name"].measured) == (1.0, 1.0)


EVERY = [(name, invariant) for name in CODICES.names() for invariant in identity_suite(load_codex(name)).categories]


@pytest.mark.parametrize(("codex", "lost"), EVERY)
def test_a_candidate_that_lost_any_one_invariant_of_a_shipped_codex_is_refused(codex, lost, tmp_path) -> None:
    suite = identity_suite(load_codex(codex))
    held = {item.pair or item.id: True for item in suite.items}
    after = held | {item.pair or item.id: False for item in suite.items if item.category == lost}
    evidence = worlds.with_further(GOOD, IDENTITY, held, after, suite=suite, purpose=IDENTITY)
    decision = decide(evidence, load_policy("small"), fake_context(tmp_path))
    assert decision.outcome is Outcome.REJECT
    failed = {one.name for one in decision.checks if one.status is CheckStatus.FAIL}
    assert failed == {f"identity:{lost}", "identity:all together"}


def test_a_candidate_that_answers_the_same_passes(tmp_path) -> None:
    decision, checks = weighed(tmp_path, in_character, in_character)
    assert decision.outcome is Outcome.PROMOTE
    assert {one.status for one in checks.values()} == {CheckStatus.PASS}
    assert checks["identity:name"].n == 8
