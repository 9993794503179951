"""What judging may cost is said beforehand, and a budget can be named for once."""

from __future__ import annotations

from dataclasses import replace

from selftune.app.judging import expected_cost, limit_spending
from selftune.judges.calibration.human import HumanJudge, human_identity
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger

MODEL = JudgeIdentity(name="oracle:m", version="1", lineage=("m",))
IDS = [f"interaction:{number:064x}" for number in range(10)]


def judgement(interaction_id: str, cost: float, judge: JudgeIdentity = MODEL, **facts) -> Judgement:
    scored = {"status": JudgementStatus.SCORED, "overall": 4.0} | facts
    return Judgement(salt="s", interaction_id=interaction_id, rubric_digest="r", judge=judge, cost_usd=cost, **scored)


def said(number: int) -> Interaction:
    words = (Message(role="user", content=f"Question {number}?"), Message(role="assistant", content="Yes."))
    facts = {"conversation": f"c{number}", "task_id": "chat", "source": "log", "position": f"line {number}"}
    return Interaction(salt="s", trigger=Trigger.USER, messages=words, **facts)


def test_code_and_people_cost_nothing_and_a_judge_without_a_record_is_unknown(project):
    code = JudgeIdentity(name="checks", version="1")
    assert expected_cost(project.store, code, IDS) == "nothing: the judge is code"
    for person in (HumanJudge.identity, human_identity("7f3a")):
        assert expected_cost(project.store, person, IDS) == "nothing: a person judges, with `selftune review`"
    assert expected_cost(project.store, MODEL, IDS).startswith("unknown")


def test_the_mean_of_what_this_judge_has_cost_is_taken_times_what_is_not_on_record(project):
    other = replace(MODEL, name="oracle:dear")
    ids = project.store.save(map(said, range(10)), event="captured")
    records = [judgement(ids[0], 0.01), judgement(ids[1], 0.03), judgement(ids[2], 9.0, other)]
    failed = judgement(ids[3], 5.0, status=JudgementStatus.UNSCORED, overall=None, reason="HTTP 500")
    project.store.save([*records, failed], event="judged")
    assert expected_cost(project.store, MODEL, ids) == ("about $0.16: 8 verdicts at $0.0200, the mean of 2 on record")
    assert expected_cost(project.store, MODEL, ids, more_answers=3).startswith("about $0.76: 38 verdicts")


def test_a_budget_on_the_command_line_stands_for_the_one_in_the_config(project):
    assert limit_spending(project, 2.5).config.judge.budget_usd == 2.5
    assert limit_spending(project, None) is project
