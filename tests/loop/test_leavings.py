from __future__ import annotations

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.loop.experiments.record_keeping.results_tsv import COLUMNS, RESULTS, check_results
from selftune.loop.leavings import STAGING, leave_for_people
from selftune.records import (
    Arm,
    CurvePoint,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    Example,
    GenerationParameters,
    Interaction,
    ItemOutcome,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Outcome,
    Run,
    RunStatus,
    Trigger,
)
from selftune.store import Store
from selftune.testing import fake_base, fake_build, fake_proof

TURNS = (Message(role="user", content="Who?"), Message(role="assistant", content="Nola."))


@pytest.fixture
def project(tmp_path):
    with Store.open(tmp_path) as store:
        yield SimpleNamespace(folder=tmp_path, hidden=tmp_path / ".selftune", store=store, base=fake_base())


def evaluated(project, build: str, score: float | None) -> Evaluation:
    evaluation = Evaluation(
        build_id=build, build_digest=build, proof=fake_proof(fake_build(build)), suite="s", suite_digest="d",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), wall_seconds=30.0,
        outcomes=(ItemOutcome(item_id="1", category="c", difficulty="d", score=score, answer="", reasons=()),),
    )  # fmt: skip
    project.store.save([evaluation], event="made by a test")
    return evaluation


def test_a_cycle_s_row_holds_both_scores_and_the_seconds_of_its_candidate(project):
    old, new = evaluated(project, "old", 0.25), evaluated(project, "new", None)
    made = decided(project, Outcome.REJECT)
    decision = replace(made, arms=((Arm.CHAMPION, old.id), (Arm.CANDIDATE, new.id)))
    project.store.save([decision], event="made by a test")
    leave_for_people(project, decision)
    (row,) = rows(project)
    assert (row["baseline"], row["score"], row["elapsed_s"]) == ("0.2500", "", "30")
    assert (row["build"], row["evaluation"]) == ("new", new.id)


def decided(project, outcome: Outcome, status: RunStatus = RunStatus.FINISHED) -> Decision:
    interaction = Interaction(
        salt="0", conversation="c", task_id="t", trigger=Trigger.USER, messages=TURNS, source="s", position="1"
    )
    judgement = Judgement(
        salt="1",
        interaction_id=interaction.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="checks", version="1"),
        status=JudgementStatus.SCORED,
        overall=5.0,
    )
    lesson = Example(salt="0", interaction_id=interaction.id, judgement_id=judgement.id, messages=TURNS)
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=(lesson,),
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=1,
        config_digest="c",
        card="one lesson",
    )
    run = Run(
        recipe="tiny",
        recipe_digest="d",
        dataset_id=dataset.id,
        base_digest="b",
        stage_history=("sft",),
        objective="sft",
        backend="packed",
        status=status,
        seed=0,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=3,
        curve=(CurvePoint(step=1, loss=0.25, learning_rate=0.1),),
    )
    decision = Decision(
        outcome=outcome,
        reason="because",
        checks=(),
        arms=(),
        policy="small",
        policy_digest="p",
        build_id=None,
        run_id=run.id,
    )
    project.store.save([interaction, judgement, dataset, run, decision], event="made by a test")
    return decision


def rows(project) -> list[dict[str, str]]:
    with (project.folder / RESULTS).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_a_cycle_leaves_its_lesson_its_case_and_its_row_once(project):
    decision = decided(project, Outcome.PROMOTE)
    for _ in range(2):
        leave_for_people(project, decision)
    golden = (project.folder / "data/golden_interactions.jsonl").read_text().splitlines()
    (case,) = (project.hidden / STAGING).iterdir()
    (row,) = rows(project)
    assert json.loads(golden[0])["messages"][-1]["content"] == "Nola."
    assert len(golden) == 1
    assert set(json.loads(case.read_text())) == {"interaction", "judgement", "chatml"}
    assert tuple(row) == COLUMNS
    assert (row["result"], row["train_loss"], row["score"]) == ("kept", "0.2500", "")


def test_a_row_of_an_earlier_program_or_base_is_nobody_s_edit_and_another_score_is(project):
    decision = decided(project, Outcome.PROMOTE)
    leave_for_people(project, decision)
    path = project.folder / RESULTS
    (row,) = rows(project)
    earlier = path.read_text().replace(f"\t{row['elapsed_s']}\ttiny", "\t77\ttiny").replace("\tb\t", "\tother base\t")
    path.write_text("\n".join(line.rpartition(decision.id)[0] + decision.id for line in earlier.splitlines()[1:]))
    path.write_text("\t".join(COLUMNS[:12]) + "\n" + path.read_text() + "\n")
    assert not check_results(project)
    path.write_text(path.read_text().replace("\tkept\t", "\treverted\t"))
    assert check_results(project).changed == (row["experiment_id"],)


@pytest.mark.parametrize(
    ("outcome", "status", "result"),
    [
        (Outcome.REJECT, RunStatus.FINISHED, "reverted"),
        (Outcome.INCONCLUSIVE, RunStatus.FINISHED, "reverted"),
        (Outcome.INVALID, RunStatus.TRAINED_NOTHING, "trained nothing"),
        (Outcome.INVALID, RunStatus.OUT_OF_TIME, "out of time"),
    ],
)
def test_a_refused_candidate_keeps_its_row_and_says_how_it_ended(project, outcome, status, result):
    leave_for_people(project, decided(project, outcome, status))
    assert rows(project)[0]["result"] == result
