"""Runs side by side: how each was trained, what it scored, and no difference from what it can't be held against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.app.reporting.naming import page_made_again, page_of_runs
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.parts import Table
from selftune.errors import UsageError
from selftune.records import (
    BuildOrigin,
    CurvePoint,
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    Run,
    RunPurpose,
    RunStatus,
)
from selftune.testing import fake_base, fake_build, fake_proof

CATEGORIES = ("facts", "voice")


def run_of(seed: int, *, steps: int = 861, purpose: RunPurpose = RunPurpose.UNSTATED, **settings: str) -> Run:
    return Run(
        recipe="r", recipe_digest="sha256:0", dataset_id="dataset:0", base_digest=fake_base("fake").digest,
        stage_history=("orpo",), objective="orpo", backend="fake", status=RunStatus.FINISHED, seed=seed, steps=steps,
        planned_steps=steps, passes=steps * 8 / 480, examples=480, supervised_tokens=1, purpose=purpose,
        settings=tuple(settings.items()), curve=(CurvePoint(step=1, loss=1.0, learning_rate=1.8e-05),),
    )  # fmt: skip


def evaluation_of(build, right: int, critical: int = 0) -> Evaluation:
    """Twenty items of each category, of which the first so many are right."""
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="probes", suite_digest="sha256:1",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=f"{category}-{n}", category=category, difficulty="plain", score=float(n < right), answer="a",
                reasons=(), critical_failures=("invented",) if n < critical else (),
            )
            for category in CATEGORIES for n in range(20)
        ),
    )  # fmt: skip


class Trials:
    """A project of a base, what serves after 861 steps, a second such run, and a probe of 300 steps."""

    def __init__(self, project) -> None:
        self.project = project
        self.serving = run_of(0, learning_rate="2e-05", beta="0.1")
        self.other = run_of(1, learning_rate="1.8e-05", beta="0.12")
        self.probe = run_of(2, steps=300, purpose=RunPurpose.PROBE)
        records = [self.serving, self.other, self.probe]
        for run, right, critical in ((None, 5, 3), (self.serving, 16, 1), (self.other, 12, 2), (self.probe, 18, 0)):
            build = fake_build("base" if run is None else f"weights {run.seed}", run_id=run and run.id)
            records += [build, evaluation_of(build, right, critical)]
        project.store.save(records, event="made by a test")

    def row(self, run: Run | None, table: str, **asked) -> list[str]:
        text = as_markdown(page_of_runs(self.project, **asked)).split(table)[1]
        start = "base" if run is None else run.id[4:12]
        line = next(line for line in text.splitlines() if line.startswith(f"| {start}, "))
        return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture
def trials(released) -> Trials:
    return Trials(released)


def scored(trials: Trials, run: Run | None, baseline: Run) -> list[str]:
    return trials.row(run, "What they scored", baseline=baseline.id)[1:]


def test_each_run_stands_beside_how_it_was_trained(trials):
    assert trials.row(trials.other, "How the runs were trained")[1:] == [
        "not stated", "orpo", "1.8e-05", "0.12", "861 of 861", "1",
    ]  # fmt: skip
    assert trials.row(None, "How the runs were trained")[1:] == ["-"] * 6


def test_a_run_without_settings_tells_the_rate_of_its_curve_and_no_beta(trials):
    assert trials.row(trials.probe, "How the runs were trained")[1:5] == ["probe", "orpo", "1.8e-05", "-"]


def test_scores_by_category_and_critical_failures_stand_against_the_baseline(trials):
    score, n, critical, difference, more = scored(trials, trials.other, trials.serving)
    assert score.startswith("0.600 [")
    assert (n, critical, more) == ("40", "4", "+2")
    assert difference.startswith("-0.200 [-0.")
    by_category = trials.row(trials.other, "What they scored by category", baseline=trials.serving.id)
    assert by_category[1:] == ["0.600", "0.600"]


def test_many_categories_stand_in_tables_that_fit_a_page(trials):
    build = fake_build("weights 4")
    whole = evaluation_of(build, 20)
    outcomes = tuple(replace(one, category=f"c{place % 16:02}") for place, one in enumerate(whole.outcomes))
    trials.project.store.save([build, replace(whole, suite="wide", outcomes=outcomes)], event="made by a test")
    page = page_of_runs(trials.project, None)
    tables = [part for section in page.sections for part in section.parts if isinstance(part, Table)]
    assert max(len(table.head) for table in tables) <= 8
    named = [name for table in tables for name in table.head if name.startswith("c") and name[1:].isdigit()]
    assert named == [f"c{place:02}" for place in range(16)]


def test_nothing_is_held_against_itself_nor_a_probe_against_what_is_none(trials):
    assert scored(trials, trials.serving, trials.serving)[3:5] == ["-", "-"]
    assert scored(trials, trials.probe, trials.serving)[3:5] == ["-", "-"]
    assert scored(trials, trials.other, trials.probe)[3:5] == ["-", "-"]
    assert scored(trials, None, trials.serving)[3].startswith("-0.550 [")


def test_a_short_run_that_does_not_say_what_it_is_for_is_a_probe_beside_a_long_one(trials):
    short = run_of(3, steps=300)
    build = fake_build("weights 3", run_id=short.id)
    trials.project.store.save([short, build, evaluation_of(build, 18)], event="made by a test")
    assert scored(trials, short, trials.serving)[3] == "-"
    assert scored(trials, trials.other, trials.serving)[3] != "-"


def test_where_nothing_trained_serves_what_serves_is_the_baseline_and_no_prompt_beside_it(trials):
    prompt = replace(fake_build(), origin=BuildOrigin.PROMPT, system_prompt="Be brief.")
    trials.project.store.save([prompt, evaluation_of(prompt, 20)], event="made by a test")
    assert trials.row(trials.other, "What they scored")[4].startswith("+0.350 [")


def test_the_page_is_made_again_as_its_foot_says(trials):
    for baseline in (None, trials.other.id):
        page = page_of_runs(trials.project, baseline)
        assert page_made_again(trials.project, page.again.split()) == page


def test_a_baseline_that_is_no_run_is_refused(trials):
    with pytest.raises(UsageError, match="not a run"):
        page_of_runs(trials.project, fake_build("weights 1", run_id=trials.other.id).id)
