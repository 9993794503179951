"""The ledger of costs: each dollar stands in one row, failed runs included, and the sum grows row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.app.reporting.naming import page_made_again, page_of_costs
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.runs import run_page
from selftune.app.reporting.spending import Spent, energy, gather_spending, spending_page
from selftune.records import (
    Dataset,
    DatasetKind,
    Evaluation,
    GenerationParameters,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Run,
    RunStatus,
    Trigger,
)
from selftune.testing import fake_build, fake_proof


def run_of(seed: int, **told) -> Run:
    plain = {"status": RunStatus.FINISHED, "steps": 60, "cost_usd": 1.5, "wall_seconds": 90.0}
    return Run(
        recipe="r", recipe_digest="sha256:0", dataset_id="dataset:0", base_digest="sha256:b", stage_history=("sft",),
        objective="sft", backend="fake", seed=seed, planned_steps=60, passes=1.0, examples=480,
        supervised_tokens=9_000, **plain | told,
    )  # fmt: skip


def asked(build, cost: float) -> Evaluation:
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="sha256:1",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=(), cost_usd=cost,
        wall_seconds=30.0,
    )  # fmt: skip


def judged(number: int, cost: float) -> list[Interaction | Judgement]:
    words = (Message(role="user", content=f"Question {number}?"), Message(role="assistant", content="Yes."))
    said = Interaction(
        salt="s", conversation=f"c{number}", task_id="chat", source="log", position=f"line {number}",
        trigger=Trigger.USER, messages=words,
    )  # fmt: skip
    verdict = Judgement(
        salt="s", interaction_id=said.id, rubric_digest="r", judge=JudgeIdentity(name="j", version="1"),
        status=JudgementStatus.SCORED, overall=3.0, cost_usd=cost,
    )  # fmt: skip
    return [said, verdict]


@pytest.fixture
def spent(project):
    """Two runs with what was judged before each, and a verdict and an evaluation that belong to none."""
    base, first = fake_build("base"), run_of(0)
    second = run_of(1, status=RunStatus.FAILED, steps=0, cost_usd=0.25, energy_joules=7.2e6, energy_from="counters")
    build = fake_build("trained", run_id=first.id)
    for records in (
        [*judged(1, 4.0), first, build, asked(build, 0.5)],
        [*judged(2, 2.0), second],
        [*judged(3, 1.0), base, asked(base, 0.125)],
    ):
        for one in records:  # one by one, as stages do: the order of keeping is what lessons are told apart by
            project.store.save([one], event="made by a test")
    return project


def test_what_was_judged_since_the_run_before_is_what_the_lessons_of_a_run_cost(spent):
    rows = gather_spending(spent)
    assert [one.judging_usd for one in rows] == [4.0, 2.0, 1.0]
    assert [one.usd for one in rows] == [6.0, 2.25, 1.125]
    assert [one.run is None for one in rows] == [False, False, True]


def test_the_sum_so_far_ends_at_all_that_was_spent(spent):
    text = as_markdown(page_of_costs(spent))
    assert "2 runs: $9.38 and 4.0 min so far." in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    priced = [row for row in lines if len(row) == 6 and "$" in row[-1]]
    timed = [row for row in lines if len(row) == 5][-len(priced) :]
    assert [row[5] for row in priced] == ["$6.00", "$8.25", "$9.38"]
    assert [row[0] for row in timed] == [row[0] for row in priced]
    assert [row[2] for row in timed] == ["finished", "failed", "-"]
    assert [row[4] for row in timed] == ["-", "2.000 kWh", "-"]
    assert as_markdown(page_made_again(spent, ["costs"])) == text


def test_a_project_that_spent_nothing_says_so(project):
    assert "Nothing was trained or evaluated yet." in as_markdown(page_of_costs(project))


def test_energy_is_written_in_the_unit_of_a_bill_and_nothing_known_is_no_zero():
    assert [energy(value) for value in (None, 650.0, 3.6e6)] == ["-", "650 J", "1.000 kWh"]


DATASET = Dataset(
    kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=0, config_digest="sha256:0", card=""
)


def test_a_run_s_page_tells_what_it_took_and_what_its_bytes_stand_on():
    run = run_of(
        0, trained_seconds=60.0, energy_joules=5850.0, energy_from="65 W as stated", code_version="0.1.0+training.00",
        environment=(("torch", "2.13.0"),),
    )  # fmt: skip
    text = as_markdown(run_page(run, DATASET, (), ()))
    assert "| supervised tokens a second | 150.0 |" in text
    assert "| energy, an estimate | 5,850 J by 65 W as stated |" in text
    assert "| code | 0.1.0+training.00 |" in text
    assert "selftune train repeat" in text


def test_an_unfinished_run_tells_how_much_is_done_and_that_it_can_not_be_released():
    text = as_markdown(run_page(run_of(0, status=RunStatus.OUT_OF_TIME, steps=15), DATASET, (), ()))
    assert "25% of its steps were taken: it is unfinished and can't be released." in text


def test_a_run_of_before_these_were_written_down_shows_no_zeros():
    text = as_markdown(run_page(replace(run_of(0), cost_usd=0.0), DATASET, (), ()))
    assert "| supervised tokens a second | - |" in text
    assert "| energy, an estimate | - |" in text
    assert "train repeat" not in text


def test_what_no_price_was_stated_for_is_not_known_and_not_free():
    one = Spent(
        name="r", run=replace(run_of(0), cost_usd=0.0), judging_usd=1.0, evaluating_usd=0.5, evaluating_seconds=3.0
    )
    text = as_markdown(spending_page([one]))
    assert "What 1 of the trainings cost is not known, and in no sum" in text
    assert "| $1.00 | - | $0.50 | $1.50 | $1.50 |" in text
