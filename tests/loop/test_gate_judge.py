"""The judge at the gate, asked over the wire as it will be: by its rubric, paid for once, and told nothing of arms."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selftune.errors import BudgetError, ConfigError, JudgeMissingError
from selftune.evals.base import Answered
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.gate.config import Policy
from selftune.judges.config import Judging
from selftune.judges.fake import FakeJudgeServer, fake_verdict
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.loop.config import GateJudgeSection
from selftune.loop.executor import Executor, Silent
from selftune.loop.measuring.grading import (
    GateJudge,
    foresee_grading,
    make_gate_judge,
    refuse_related_grader,
    refuse_related_graders,
)
from selftune.records import (
    Consent,
    GenerationParameters,
    Interaction,
    JudgeIdentity,
    Message,
    Suite,
    SuiteItem,
    Trigger,
)
from selftune.testing import FakeServe, MemoryWork, fake_build, fake_context

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.project import Project

RUBRIC = load_rubric("character")
NAMES = [criterion.name for criterion in RUBRIC.criteria]
# The judge's own view of the whole is far below what its scores make.
SCORES = dict.fromkeys(NAMES, 8.0) | {"overall_score": 3.0}


def item(name: str, **changes) -> SuiteItem:
    facts = {
        "id": name,
        "category": "voice",
        "behaviour": "speaks",
        "difficulty": "easy",
        "messages": (Message(role="user", content=f"Who are you, {name}?"),),
        "expect": "{}",
    }
    return SuiteItem(**(facts | changes))


def suite_of(*items: SuiteItem, scorer: str = "judge:character") -> Suite:
    return Suite(
        name="voices",
        version="1",
        description="who speaks",
        scorer=scorer,
        unit="item",
        categories=("voice",),
        generation=GenerationParameters(temperature=1.0, top_k=64, top_p=0.95, max_tokens=1024),
        seed=3,
        items=items,
    )


def judge_at(url: str, **changes) -> GateJudge:
    judging = Judging(name="oracle", endpoint=url, model="elm-9b", retry_wait_seconds=0.0, **changes)
    return GateJudge(judging, (("judge:character", RUBRIC), ("pairwise:character", RUBRIC)))


def always(text: str):
    return lambda number, body: (200, text, "stop")


def answering(text: str) -> FakeServe:
    return FakeServe(lambda build, request: text)


def test_a_suite_is_graded_by_its_rubric_with_both_overalls_on_record(tmp_path: Path) -> None:
    suite = suite_of(item("a"), item("b"))
    with FakeJudgeServer(always(fake_verdict(SCORES, critical_failures=("anachronism",)))).running() as server:
        config = EvaluationConfig(suite=suite, grader=judge_at(server.url))
        found = evaluate(fake_build(), config, fake_context(tmp_path, serve=answering("I am she.")))
    assert [one.score for one in found.outcomes] == [0.8, 0.8]
    measures = dict(found.outcomes[0].measures)
    assert (measures["overall"], measures["judge_overall"]) == (8.0, 3.0)
    assert measures["rhetorical_pattern"] == 8.0
    assert found.outcomes[0].critical_failures == ("anachronism",)
    assert any("FAKE" in reason for reason in found.outcomes[0].reasons)
    assert found.scorer_lineage == ("elm-9b", "fake-judge")
    assert "judge:character" in found.scorer
    assert "elm-9b" in found.scorer
    # Two answers, two calls: the first of them was graded before the second was asked for, and once.
    assert found.judge_calls == len(server.asked) == 2
    assert {body["temperature"] for body in server.asked} == {0}


def test_no_word_of_what_is_sent_says_which_arm_spoke(tmp_path: Path) -> None:
    bodies = []
    for weights in ("base", "tuned"):
        with FakeJudgeServer(always(fake_verdict(SCORES))).running() as server:
            config = EvaluationConfig(suite=suite_of(item("a")), grader=judge_at(server.url))
            evaluate(fake_build(weights), config, fake_context(tmp_path / weights, serve=answering("I am she.")))
        (body,) = server.asked
        bodies.append(body["messages"][1]["content"].split("\n")[1:-2])
        assert not any(word in json.dumps(body) for word in ("champion", "candidate", "tuned", "build:"))
    assert bodies[0] == bodies[1]


def test_a_pair_is_judged_in_both_orders_and_what_the_order_decides_is_a_tie(tmp_path: Path) -> None:
    suite = suite_of(item("a", reference="I am the one from the letters."), scorer="pairwise:character")
    with FakeJudgeServer(always(fake_verdict(dict.fromkeys(NAMES, 10.0)))).running() as server:
        config = EvaluationConfig(suite=suite, grader=judge_at(server.url))
        found = evaluate(fake_build(), config, fake_context(tmp_path, serve=answering("I am she.")))
    # It likes whatever stands last.
    assert [one.score for one in found.outcomes] == [0.5]
    assert "order_dependent" in found.outcomes[0].reasons
    first, last = (body["messages"][1]["content"] for body in server.asked)
    assert (first.index("I am she.") < first.index("letters")) != (last.index("I am she.") < last.index("letters"))


def test_a_conversation_is_shown_to_the_judge_with_every_turn(tmp_path: Path) -> None:
    suite = suite_of(item("a", follow_ups=("Are you sure?",)))
    with FakeJudgeServer(always(fake_verdict(SCORES))).running() as server:
        config = EvaluationConfig(suite=suite, grader=judge_at(server.url))
        evaluate(fake_build(), config, fake_context(tmp_path, serve=answering("I am she.")))
    shown = server.asked[0]["messages"][1]["content"]
    assert [shown.count(said) for said in ("Who are you, a?", "Are you sure?", "I am she.")] == [1, 1, 2]


def test_a_reply_that_can_not_be_used_leaves_the_item_unscored_and_never_nought(tmp_path: Path) -> None:
    def behave(number, body):
        broken = "Who are you, b?" in body["messages"][1]["content"]
        return 200, "no verdict" if broken else fake_verdict(SCORES), "stop"

    with FakeJudgeServer(behave).running() as server:
        config = EvaluationConfig(suite=suite_of(item("a"), item("b")), grader=judge_at(server.url))
        found = evaluate(fake_build(), config, fake_context(tmp_path, serve=answering("I am she.")))
    assert [one.score for one in found.outcomes] == [0.8, None]
    assert "no verdict after 2 tries" in (found.outcomes[1].unscored_reason or "")
    assert found.judge_calls == 3


def test_a_judge_that_is_gone_stops_it_after_the_canary(tmp_path: Path) -> None:
    serve = answering("I am she.")
    with FakeJudgeServer(lambda number, body: (503, "", "")).running() as server:
        config = EvaluationConfig(
            suite=suite_of(*(item(f"i{number}") for number in range(20))),
            grader=judge_at(server.url, max_attempts=1),
            canary=2,
        )
        with pytest.raises(JudgeMissingError):
            evaluate(fake_build(), config, fake_context(tmp_path, serve=serve))
    assert len(server.asked) == 2
    assert len(serve.started[0].asked) == 2 + 2


def test_verdicts_that_were_paid_for_before_a_cut_are_not_paid_for_again(tmp_path: Path) -> None:
    work = MemoryWork(tmp_path)
    prices = Prices(prompt=100.0, completion=1000.0)
    suite = suite_of(*(item(f"i{number}") for number in range(6)))
    usage = {"prompt_tokens": 1500, "completion_tokens": 50}
    with FakeJudgeServer(always(fake_verdict(SCORES)), usage=usage).running() as server:
        poor = judge_at(server.url, prices=prices, budget_usd=0.9, max_tokens=64, at_once=1)
        with pytest.raises(BudgetError):
            evaluate(
                fake_build(),
                EvaluationConfig(suite=suite, grader=poor, canary=1),
                fake_context(tmp_path, serve=answering("I am she."), work=work),
            )
        paid = len(server.asked)
        rich = judge_at(server.url, prices=prices, max_tokens=64, at_once=1)
        found = evaluate(
            fake_build(),
            EvaluationConfig(suite=suite, grader=rich, canary=1),
            fake_context(tmp_path, serve=answering("I am she."), work=work),
        )
    assert 0 < paid < 6
    assert len(server.asked) == 6
    assert len([one for one in found.outcomes if one.score == 0.8]) == 6


def test_the_plan_of_calls_and_money_is_told_before_the_first_of_them(tmp_path: Path) -> None:
    heard: list[tuple[int, str]] = []
    with FakeJudgeServer(always(fake_verdict(SCORES))).running() as server:
        config = EvaluationConfig(
            suite=suite_of(item("a"), item("b")),
            grader=judge_at(server.url, prices=Prices(prompt=3.0, completion=15.0)),
        )
        context = fake_context(
            tmp_path,
            serve=answering("I am she."),
            report=lambda progress: heard.append((len(server.asked), progress.note)),
        )
        evaluate(fake_build(), config, context)
    plan = next((calls, note) for calls, note in heard if "to judge" in note)
    assert plan[0] == 0
    assert "$" in plan[1]


def test_what_grading_an_arm_will_cost_is_foreseen_before_anything_is_asked(tmp_path: Path) -> None:
    prices = Prices(prompt=3.0, completion=15.0)
    suite = suite_of(item("a"), item("b"), item("c", scorer="pairwise:character", reference="I am the one."))
    grader = judge_at("http://127.0.0.1:1/v1", prices=prices)
    foreseen = foresee_grading(EvaluationConfig(suite=suite, grader=grader))
    assert foreseen is not None
    assert foreseen.verdicts == 3
    assert 0.01 < foreseen.cost_usd < 1
    twice = foresee_grading(EvaluationConfig(suite=suite, grader=grader, repeats=2))
    assert twice is not None
    assert (twice.verdicts, twice.cost_usd) == (6, pytest.approx(2 * foreseen.cost_usd))
    assert foresee_grading(EvaluationConfig(suite=replace(suite, scorer="state_obedience"))) is None


def test_words_that_may_not_leave_the_machine_are_not_graded_beyond_it(tmp_path: Path) -> None:
    private = Interaction(
        salt="00",
        conversation="c",
        task_id="chat",
        trigger=Trigger.USER,
        source="log",
        position="1",
        messages=(Message(role="user", content="My secret?"), Message(role="assistant", content="Kept.")),
        consent=Consent(send=False),
    )
    grader = GateJudge(
        Judging(name="oracle", endpoint="https://judge.example/v1", model="elm-9b", egress=("judge.example",)),
        (("judge:character", RUBRIC),),
    )
    answered = Answered(item=item("a", origin=private.id), scorer="judge:character", repeat=0, answers=("It is safe.",))
    (score,) = grader.grade((answered,) * 1, fake_context(tmp_path, records=(private,)))
    assert score.value is None
    assert "consent" in (score.unscored_reason or "")
    assert score.calls == 0


def test_the_step_is_named_by_judge_and_rubric_and_not_by_prices() -> None:
    one = judge_at("http://127.0.0.1:1/v1")
    assert one.identity == judge_at("http://127.0.0.1:1/v1", prices=Prices(prompt=1.0), budget_usd=3.0).identity
    assert one.identity != replace(one, rubrics=one.rubrics[:1]).identity
    other = replace(one.judging, model="oak-7b")
    assert one.identity != replace(one, judging=other).identity


def test_a_judge_that_became_another_model_shows_in_what_it_graded(tmp_path: Path) -> None:
    """So that the gate finds the arms unlike: one was graded by the model of yesterday."""
    lineages = []
    for model in ("elm-9b-may", "elm-9b-june"):
        with FakeJudgeServer(always(fake_verdict(SCORES)), model=model).running() as server:
            config = EvaluationConfig(suite=suite_of(item("a")), grader=judge_at(server.url))
            found = evaluate(fake_build(), config, fake_context(tmp_path / model, serve=answering("I am she.")))
        lineages.append(found.scorer_lineage)
    assert lineages == [("elm-9b", "elm-9b-may"), ("elm-9b", "elm-9b-june")]


def test_a_champion_that_was_graded_is_not_asked_or_graded_again(project: Project) -> None:
    serve = answering("I am she.")
    step = Executor(store=project.store, context=replace(project.context(), serve=serve), observer=Silent())
    suite, build = suite_of(item("a"), item("b")), fake_build()
    with FakeJudgeServer(always(fake_verdict(SCORES))).running() as server:
        first = step(evaluate, build, EvaluationConfig(suite=suite, grader=judge_at(server.url)))
        dearer = judge_at(server.url, prices=Prices(prompt=9.0), budget_usd=50.0)
        again = step(evaluate, build, EvaluationConfig(suite=suite, grader=dearer))
        assert (len(server.asked), len(serve.started)) == (2, 1)
        other = replace(dearer, judging=replace(dearer.judging, model="oak-7b"))
        step(evaluate, build, EvaluationConfig(suite=suite, grader=other))
        assert (len(server.asked), len(serve.started)) == (4, 2)
    assert first == again
    assert [timing.reused for timing in step.timings] == [False, True, False]


def test_a_suite_that_needs_a_judge_is_refused_where_none_is_named(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"voices.*no judge is named for the gate"):
        make_gate_judge(project, suite_of(item("a")))
    assert make_gate_judge(project, suite_of(item("a"), scorer="state_obedience")) is None


def test_the_rubric_is_the_items_own_or_the_one_of_the_config(project: Project) -> None:
    section = GateJudgeSection(name="oracle", endpoint="http://127.0.0.1:1/v1", model="elm-9b", rubric="golden")
    named = replace(project, config=replace(project.config, gate_judge=section))
    grader = make_gate_judge(named, suite_of(item("a"), item("b", scorer="judge")))
    assert grader is not None
    assert [(scorer, rubric.name) for scorer, rubric in grader.rubrics] == [
        ("judge:character", "character"),
        ("judge", "golden"),
    ]


@pytest.mark.parametrize(
    ("curator", "refused"),
    [
        (JudgeIdentity(name="oracle:elm", version="1", lineage=("elm-70b",)), True),
        (JudgeIdentity(name="oracle:oak", version="1", lineage=("oak-7b",)), False),
        (JudgeIdentity(name="checks", version="1"), False),
    ],
)
def test_who_chose_the_lessons_does_not_grade_the_exam(project: Project, curator: JudgeIdentity, refused: bool) -> None:
    grader = judge_at("http://127.0.0.1:1/v1")
    policy = Policy(name="p", rules=())
    if refused:
        with pytest.raises(ConfigError, match="elm"):
            refuse_related_graders((None, grader), curator, project, policy)
        with pytest.raises(ConfigError, match="elm"):
            refuse_related_grader(grader, curator, project, policy)
        refuse_related_grader(grader, curator, project, replace(policy, independence="reported"))
    else:
        refuse_related_grader(grader, curator, project, policy)
