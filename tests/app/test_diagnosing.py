"""`selftune diagnose` reads what is on record, and says so when that is too little."""

from __future__ import annotations

import random

from typer.testing import CliRunner

from selftune.app.cli.growing import _found
from selftune.app.cli.main import app, register_commands
from selftune.app.diagnosing import diagnose_project
from selftune.curation.diagnosis import Cause
from selftune.errors import MissingFileError
from selftune.evals.suites import load_suite
from selftune.records import Evaluation, ItemOutcome, Run, RunStatus, digest_of
from selftune.testing import fake_build, fake_proof

if not app.registered_commands:
    register_commands()

SUITE = load_suite("state_obedience")


def measured(recipe: str, shares: dict[str, float], *, seed: int = 0):
    """A run, its build, and how often its pairs were right in each category."""
    rng = random.Random(f"{recipe}{seed}")
    run = Run(
        recipe=recipe, recipe_digest=f"sha256:{recipe}", dataset_id="dataset:0", base_digest=fake_build().base_digest,
        stage_history=("sft",), objective="sft", backend="fake", status=RunStatus.FINISHED, seed=0, steps=1,
        planned_steps=1, passes=1.0, examples=1, supervised_tokens=1,
    )  # fmt: skip
    build = fake_build(recipe, run_id=run.id)
    right = {item.pair: rng.random() < shares.get(item.category, 1.0) for item in SUITE.items}
    outcomes = tuple(
        ItemOutcome(
            item_id=item.id, category=item.category, difficulty=item.difficulty, score=float(right[item.pair]),
            answer="", reasons=(), pair=item.pair,
        )
        for item in SUITE.items
    )  # fmt: skip
    evaluation = Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite=SUITE.name,
        suite_digest=digest_of(SUITE), scorer=SUITE.scorer, scorer_lineage=(), generation=SUITE.generation, seeds=(0,),
        outcomes=outcomes,
    )  # fmt: skip
    return [run, build, evaluation]


def test_a_category_that_moves_with_the_recipe_is_told_from_one_that_is_good(project):
    for recipe, tone in (("slow", 0.1), ("middle", 0.3), ("fast", 0.8)):
        project.store.save(measured(recipe, {"tone": tone}), event="made by a test")
    findings = diagnose_project(project)
    assert findings.evaluations == 3
    (found,) = findings.diagnoses
    assert (found.category, found.cause, found.arms) == ("tone", Cause.RECIPE, 3)
    assert any("tone" in line and "moves with recipe" in line for line in _found(findings))


def test_one_measurement_is_not_enough_and_says_what_is_missing(project):
    project.store.save(measured("only", {"tone": 0.5}), event="made by a test")
    (found,) = diagnose_project(project).diagnoses
    assert found.cause is Cause.UNKNOWN
    assert found.missing.startswith("2 more recipe(s)")


def test_nothing_measured_is_no_clean_bill(project):
    lines = list(_found(diagnose_project(project)))
    assert lines[-1].startswith("Not enough evidence: nothing was measured")


def test_outside_a_project_it_says_so(tmp_path):
    assert isinstance(CliRunner().invoke(app, ["diagnose", "-p", str(tmp_path)]).exception, MissingFileError)
