"""What was held out of the log is asked of every arm and graded whole, good answers and bad ones alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selftune.evals.stage import evaluate
from selftune.gate.config import Policy
from selftune.judges.config import Judging
from selftune.judges.rubric import load_rubric
from selftune.loop.config import GateJudgeSection
from selftune.loop.measuring.grading import GateJudge
from selftune.loop.measuring.holdout import Holdout, holdout_suite, make_holdout
from selftune.records import (
    Consent,
    Dataset,
    DatasetKind,
    Example,
    GenerationParameters,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)
from selftune.testing import FakeServe, MemoryReader, fake_build, fake_context

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.project import Project

STATE = (
    '== STATE ==\n{"identity.name": "Brigox", "memory.song": "Fobro", "allowed_actions": ["email"], "tone": "warm"}\n'
    "== END STATE =="
)
RIGHT = 'I looked up "memory.song": "Fobro".'
CHECKS = GateJudge(Judging(name="checks"), (("judge", load_rubric("state_obedience")),))
FAR = GateJudge(
    Judging(name="oracle", endpoint="https://judge.example/v1", model="elm-9b", egress=("judge.example",)),
    CHECKS.rubrics,
)


def how(grader: GateJudge = CHECKS, most: int = 200) -> Holdout:
    return Holdout(
        grader=grader,
        fewest=1,
        most=most,
        threshold=4.5,
        seed=1,
        repeats=1,
        slots=1,
        generation=GenerationParameters(max_tokens=32),
    )


def said(number: int, *, answer: str = RIGHT, overall: float | None = 5.0, send: bool = True, asked: str | None = None):
    """One exchange of the log, its verdict, and the example that it is held out as."""
    messages = (
        Message(role="system", content=STATE),
        Message(role="user", content=asked or f"Tell me the song, {number}."),
        Message(role="assistant", content=answer),
    )
    interaction = Interaction(
        salt=f"{number:04x}",
        conversation=f"talk {number}",
        task_id="chat",
        trigger=Trigger.USER,
        source="log",
        position=str(number),
        messages=messages,
        consent=Consent(send=send),
    )
    judgement = Judgement(
        salt=f"{number:04x}",
        interaction_id=interaction.id,
        rubric_digest="sha256:0",
        judge=JudgeIdentity(name="checks", version="1"),
        status=JudgementStatus.UNSCORED if overall is None else JudgementStatus.SCORED,
        overall=overall,
    )
    example = Example(
        salt=interaction.salt, interaction_id=interaction.id, judgement_id=judgement.id, messages=messages
    )
    return interaction, judgement, example


def kept(*exchanges) -> tuple[Dataset, MemoryReader]:
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=(),
        holdout=tuple(example for _, _, example in exchanges),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:0",
        card="",
    )
    return dataset, MemoryReader(
        [record for interaction, judgement, _ in exchanges for record in (interaction, judgement)]
    )


def test_each_prompt_is_one_item_and_good_and_bad_answers_of_the_log_stand_apart() -> None:
    suite = holdout_suite(
        *kept(said(1), said(2, answer="I can't say.", overall=1.0), said(3, asked="Tell me the song, 1.")), how()
    )
    assert suite is not None
    assert sorted(item.category for item in suite.items) == ["golden", "other"]
    golden, other = sorted(suite.items, key=lambda item: item.category)
    assert (golden.reference, other.reference) == (RIGHT, None)
    assert golden.messages[-1].content == "Tell me the song, 1."
    assert {item.tier for item in suite.items} == {"held_out"}
    assert golden.origin == golden.id
    assert suite.generation.max_tokens == 32


def test_what_code_could_not_read_it_is_not_asked_again_and_a_model_is() -> None:
    exchanges = kept(said(1), said(2, overall=None))
    by_code, by_model = holdout_suite(*exchanges, how()), holdout_suite(*exchanges, how(FAR))
    assert by_code is not None
    assert by_model is not None
    assert (len(by_code.items), len(by_model.items)) == (1, 2)


def test_words_that_may_not_leave_the_machine_are_no_items_for_a_judge_beyond_it() -> None:
    exchanges = kept(said(1, send=False), said(2))
    near, far = holdout_suite(*exchanges, how()), holdout_suite(*exchanges, how(FAR))
    assert near is not None
    assert far is not None
    assert (len(near.items), len(far.items)) == (2, 1)


def test_which_prompts_are_asked_does_not_change_when_the_log_grows() -> None:
    few, many = (kept(*(said(number) for number in range(count))) for count in (20, 30))
    before, after = (holdout_suite(*exchanges, how(most=5)) for exchanges in (few, many))
    assert before is not None
    assert after is not None
    assert len(before.items) == len(after.items) == 5
    fresh = {example.interaction_id for example in many[0].holdout[20:]}
    assert {item.id for item in after.items} - fresh <= {item.id for item in before.items}


def test_calls_of_one_dialogue_are_items_of_their_own() -> None:
    interaction, judgement, example = said(1)
    second = replace(
        example, messages=(*example.messages[:1], Message(role="user", content="And?"), example.messages[-1])
    )
    dataset, reader = kept((interaction, judgement, example))
    suite = holdout_suite(replace(dataset, holdout=(example, second)), reader, how())
    assert suite is not None
    assert sorted(item.id for item in suite.items) == [interaction.id, f"{interaction.id}/2"]
    assert {item.origin for item in suite.items} == {interaction.id}


def test_what_is_too_little_for_the_gate_to_measure_is_not_asked() -> None:
    assert holdout_suite(*kept(), how()) is None
    assert how().asked_of(*kept()) is None
    assert holdout_suite(*kept(said(1), said(2)), replace(how(), fewest=3)) is None


def test_an_arm_answers_and_is_graded_by_the_checks_that_are_code(tmp_path: Path) -> None:
    exchanges = [said(number) for number in range(4)]
    dataset, reader = kept(*exchanges)
    asked = how().asked_of(dataset, reader)
    assert asked is not None
    records = [record for interaction, judgement, _ in exchanges for record in (interaction, judgement)]
    good, bad = (
        evaluate(
            fake_build(),
            asked,
            fake_context(tmp_path, serve=FakeServe(lambda build, request, text=text: text), records=records),
        )
        for text in (RIGHT, "Yes, I am Tuwa.")
    )
    assert [one.score for one in good.outcomes] == [1.0] * 4
    assert all(one.score is not None and one.score < 0.5 for one in bad.outcomes)
    assert (good.scorer_lineage, good.judge_calls) == ((), 0)
    assert "judge:state_obedience by checks" in good.scorer


@pytest.mark.parametrize(
    ("curator", "gate", "graded_by"),
    [
        ("checks", "", "checks"),
        ("oracle", "", None),
        ("oracle", "oracle", "oracle:oak-7b"),
        ("checks", "oracle", "oracle:oak-7b"),
    ],
)
def test_a_model_that_chose_the_lessons_grades_no_exam_on_them(
    project: Project, curator: str, gate: str, graded_by: str | None
) -> None:
    near = {"endpoint": "http://127.0.0.1:1/v1", "model": "oak-7b"}
    section = GateJudgeSection(name=gate, rubric="state_obedience", **(near if gate else {}))
    named = replace(project, config=replace(project.config, gate_judge=section))
    curation = Judging(name=curator, **({**near, "model": "elm-9b"} if curator == "oracle" else {}))
    found = make_holdout(named, curation, GenerationParameters(), Policy(name="p", rules=()))
    assert (found and found.grader.judge_identity.name) == graded_by
