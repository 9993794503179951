"""The loop's own holds: raised once where a promotion lies outside its history, lifted by a person, never too early."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from selftune.app.alarms import judge_projections, look_at_all, register_projection
from selftune.app.doubting import end
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.alarms.base import AlarmName, Verdict
from selftune.governance.alarms.of_releases import look_at_promotion
from selftune.governance.alarms.projections import PointState
from selftune.governance.clearance import clear_for_release
from selftune.governance.keys import statement_is_signed
from selftune.governance.statements import lift
from selftune.ledger.keys import load_machine_key
from selftune.loop.deciding.suspicion import hold_if_suspicious
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import (
    Arm,
    Decision,
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    Outcome,
    Release,
    ServingProof,
    Statement,
    StatementKind,
)

ITEMS = 60
PROOF = ServingProof(
    model_digest="m", adapter_digest=None, template_digest="t", fingerprint="f", server="fake", slots=1
)


def evaluation(name: str, share: float, seed: int) -> Evaluation:
    """A fake evaluation in which so many of the items are right."""
    draw = Random(seed)
    words = ("harbour", "bread", "lamp", "rain", "letters", "apples", "songs", "engine")
    return Evaluation(
        build_id=f"build:{name}",
        build_digest="d",
        proof=PROOF,
        suite="fake",
        suite_digest="s",
        scorer="fake",
        scorer_lineage=(),
        generation=GenerationParameters(),
        seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=str(at),
                category="honesty",
                difficulty="easy",
                score=float(at < share * ITEMS),
                answer=" ".join(draw.choice(words) for _ in range(12)),
                reasons=(),
                critical_failures=("leak",) if draw.random() < 0.1 else (),
            )
            for at in range(ITEMS)
        ),
    )


def decided(project, number: int, share: float, *, released: bool = True) -> Decision:
    """A promotion of a candidate with this share of right answers, released or about to be."""
    champion, candidate = evaluation(f"{number - 1}", 0.5, 1_000 + number), evaluation(f"{number}", share, number)
    decision = Decision(
        outcome=Outcome.PROMOTE,
        reason="It is better.",
        checks=(),
        arms=((Arm.CHAMPION, champion.id), (Arm.CANDIDATE, candidate.id)),
        policy="fake",
        policy_digest="p",
        build_id=f"build:{number}",
        run_id=None,
    )
    project.store.save([champion, candidate, decision], event="made by a test")
    if released:
        release = Release(
            version=f"v1.{number}", generation=number, alias="selftune", build_id=f"build:{number}", build_digest="d",
            model_file="m", decision_id=decision.id, replaced=None, reason="", config_edit=(), approvals=(), health=(),
            proof=None,
        )  # fmt: skip
        project.store.save([release], event="made by a test")
    return decision


def lived(project, promotions: int, share: float) -> Decision:
    """A project that went on for so long as usual, and then decides to promote a candidate with this share."""
    draw = Random(4)
    for number in range(1, promotions + 1):
        decided(project, number, 0.5 + draw.uniform(-0.04, 0.04))
    return decided(project, promotions + 1, share, released=False)


def test_a_promotion_outside_its_history_waits_for_a_person_and_goes_on_when_lifted(project):
    decision = lived(project, 12, 1.0)
    (raised,) = hold_if_suspicious(project, decision)
    assert raised.author_is_model
    assert raised.text.startswith("too fast: score in honesty: ")
    assert statement_is_signed(raised, load_machine_key(project.hidden / "keys").public)
    assert [fact.query for fact in raised.facts] == ["alarms"]
    with pytest.raises(WaitingForPersonError, match="too fast"):
        clear_for_release(hear_project(project), decision)

    said = lift(raised, author="ana", text="New data.", context=project.context(), door=door_of(project))
    put_on_record(project, said, event="lifted")
    assert hold_if_suspicious(project, decision) == ()
    clear_for_release(hear_project(project), decision)


def test_the_one_person_of_a_project_lifts_an_alarms_hold_by_command_with_a_reason(project):
    decision = lived(project, 12, 1.0)
    (raised,) = hold_if_suspicious(project, decision)
    with pytest.raises(UsageError, match="is empty"):
        end(project, raised.id, " ", author="", evidence=(), ask=ask_nobody)
    said = end(project, raised.id, "New data came in.", author="", evidence=(), ask=ask_nobody)
    assert said.kind is StatementKind.LIFT
    clear_for_release(hear_project(project), decision)


def ask_nobody(*_):
    raise AssertionError("a project of one person has no passphrase")


def test_a_usual_promotion_is_not_held_and_every_look_is_told(project):
    decision = lived(project, 12, 0.52)
    assert hold_if_suspicious(project, decision) == ()
    looks = look_at_promotion(project.store, decision)
    assert {look.about for look in looks} >= {"score in honesty", "critical failures", "loss", "the gate"}
    assert not [look for look in looks if look.verdict is Verdict.HOLD]


@pytest.mark.parametrize("promotions", [0, 1, 7])
def test_too_short_a_history_holds_nothing_and_advises_at_most(project, promotions):
    decision = lived(project, promotions, 1.0)
    assert hold_if_suspicious(project, decision) == ()
    assert not [one for _, one in project.store.each(Statement)]
    looks = look_at_promotion(project.store, decision)
    assert Verdict.HOLD not in {look.verdict for look in looks}
    assert Verdict.TOO_SHORT in {look.verdict for look in looks if look.alarm is AlarmName.TOO_FAST}


def test_another_suite_is_another_history(project):
    decision = lived(project, 12, 1.0)
    candidate = project.store.record(dict(decision.arms)[Arm.CANDIDATE], Evaluation)
    grown = replace(candidate, suite_digest="grown")
    again = replace(decision, arms=((Arm.CANDIDATE, grown.id),))
    project.store.save([grown, again], event="made by a test")
    assert hold_if_suspicious(project, again) == ()


def test_a_projection_over_releases_is_held_against_the_generations_that_came_after_it(project):
    decided(project, 1, 0.5)
    for value in (0.5, 0.9):
        register_projection(
            project, subject="releases", series="score in honesty", points=[(1, 0.5), (2, value)], tolerance=0.05
        )
    decided(project, 2, 0.5)
    (right, wrong) = (one for _, one in judge_projections(project))
    assert [point.state for point in right.points] == [PointState.KNOWN_BEFORE, PointState.WITHIN]
    assert [point.state for point in wrong.points] == [PointState.KNOWN_BEFORE, PointState.BEYOND]
    assert right.points[1].measured == pytest.approx(0.5)


def test_what_is_looked_at_is_told_of_the_newest_promotion(project):
    lived(project, 3, 0.5)
    (found,) = look_at_all(project)
    assert found.subject == "releases"
    assert {look.about for look in found.looks} >= {"score in honesty", "the gate"}
