"""Our suites under Inspect AI, and our evaluations as its logs; run where the extra is installed."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.app.scores.base import Asked
from selftune.app.scores.files import read_scores
from selftune.errors import ConfigError, UsageError
from selftune.evals.base import Score
from selftune.evals.inspecting.logs import require_inspect, write_inspect_log
from selftune.evals.suites import load_suite
from selftune.records import Evaluation, ItemOutcome
from selftune.testing import fake_build, fake_proof

SUITE = load_suite("state_obedience")


def evaluation() -> Evaluation:
    """Right, wrong and unscored in turn."""
    build = fake_build()
    scores = [1.0, 0.0, None]
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=fake_proof(build),
        suite=SUITE.name,
        suite_digest=SUITE.id,
        scorer="state_obedience",
        scorer_lineage=(),
        generation=SUITE.generation,
        seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=item.id,
                category=item.category,
                difficulty=item.difficulty,
                score=scores[place % 3],
                answer=f"answer {place}",
                reasons=("seen",),
                unscored_reason="the server failed" if place % 3 == 2 else None,
            )
            for place, item in enumerate(SUITE.items)
        ),
    )


def test_without_inspect_the_message_says_how_to_install_it() -> None:
    with pytest.raises(UsageError, match="not installed") as caught:
        require_inspect(lambda _: None)
    assert "selftune[inspect]" in caught.value.next_step


@pytest.mark.needs("inspect")
def test_a_suite_is_a_task_with_its_parameters() -> None:
    from selftune.evals.inspecting.tasks import make_task

    made = make_task("state_obedience")
    assert len(made.dataset) == len(SUITE.items)
    assert [said.role for said in made.dataset[0].input] == [said.role for said in SUITE.items[0].messages]
    assert (made.config.temperature, made.config.max_tokens) == (0.0, SUITE.generation.max_tokens)


@pytest.mark.needs("inspect")
def test_a_suite_that_needs_a_judge_is_refused(tmp_path) -> None:
    from selftune.evals.inspecting.tasks import make_task

    path = tmp_path / "voices.yaml"
    path.write_text(
        "name: voices\nversion: '1'\ndescription: who speaks\nscorer: judge\nunit: item\ncategories: [voice]\nseed: 1\n"
        "items:\n- {id: a, category: voice, behaviour: speaks, difficulty: easy, expect: {}, "
        "messages: [{role: user, content: Who?}]}\n"
    )
    with pytest.raises(ConfigError, match="no judge"):
        make_task(str(path))


@pytest.mark.needs("inspect")
def test_conversations_are_played_live_and_scored_by_our_scorer() -> None:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser

    from selftune.evals.inspecting.tasks import make_scorer, make_solver

    item = SUITE.items[0]
    state = SimpleNamespace(
        sample_id=item.id,
        messages=[ChatMessageUser(content="asked")],
        metadata={"follow_ups": ["Really?"]},
    )
    said = iter(["first", f"I looked up {item.expect}"])

    async def generate(state):
        state.messages.append(ChatMessageAssistant(content=next(said)))
        return state

    played = asyncio.run(make_solver()(state, generate))
    assert [one.text for one in played.messages][:3] == ["asked", "first", "Really?"]
    score = asyncio.run(make_scorer("state_obedience")(played, None))
    assert score.value in {0.0, 1.0}
    assert score.answer == played.messages[-1].text


@pytest.mark.needs("inspect")
def test_what_has_no_score_is_left_out_of_its_means_too() -> None:
    from selftune.evals.inspecting.tasks import as_inspect

    scored = as_inspect(Score(value=0.5, reasons=("half",), critical_failures=("identity_lost",)), "answer")
    assert (scored.value, scored.explanation) == (0.5, "half")
    assert scored.metadata == {"critical_failures": ["identity_lost"]}
    unscored = as_inspect(Score(value=None, unscored_reason="no state"), "answer")
    assert math.isnan(unscored.value)
    assert unscored.reason == "no state"


@pytest.mark.needs("inspect")
def test_of_a_pair_both_must_be_right() -> None:
    from inspect_ai.scorer import SampleScore
    from inspect_ai.scorer import Score as TheirScore

    from selftune.evals.inspecting.tasks import make_unit_metric

    scores = [
        SampleScore(score=TheirScore(value=value), sample_id=name, sample_metadata={"pair": pair})
        for name, pair, value in (
            ("a1", "a", 1.0),
            ("a2", "a", 0.0),
            ("b1", "b", 1.0),
            ("b2", "b", 1.0),
            ("c", None, 0.5),
        )
    ]
    assert make_unit_metric()(scores) == pytest.approx((0 + 1 + 0.5) / 3)


@pytest.mark.needs("inspect")
@pytest.mark.parametrize("ending", ["eval", "json"])
def test_an_evaluation_is_a_log_that_inspect_reads(tmp_path, ending: str) -> None:
    from inspect_ai.log import read_eval_log

    path, ours = tmp_path / f"log.{ending}", evaluation()
    write_inspect_log(ours, SUITE, path, created="2026-11-21T00:00:00+00:00")
    log = read_eval_log(str(path))
    assert (log.status, log.eval.task, len(log.samples)) == ("success", SUITE.name, len(SUITE.items))
    first, second, third = log.samples[:3]
    assert (first.scores["by_suite"].value, second.scores["by_suite"].value) == (1.0, 0.0)
    assert math.isnan(third.scores["by_suite"].value)
    assert first.messages[-1].content == "answer 0"
    score = log.results.scores[0]
    assert (score.scored_samples, score.unscored_samples) == (256, 128)


@pytest.mark.needs("inspect")
@pytest.mark.parametrize("ending", ["eval", "json"])
def test_a_log_as_inspect_packs_it_is_read_back_with_its_scores(tmp_path, ending: str) -> None:
    path, ours = tmp_path / f"log.{ending}", evaluation()
    write_inspect_log(ours, SUITE, path, created="2026-11-21T00:00:00+00:00")
    sheet = read_scores(path, Asked())
    assert (sheet.rows, len(sheet.unscored)) == (len(ours.outcomes), len(ours.outcomes) // 3)


@pytest.mark.needs("inspect")
def test_without_the_suite_the_log_holds_the_answers_alone(tmp_path) -> None:
    from inspect_ai.log import read_eval_log

    path, ours = tmp_path / "log.json", evaluation()
    write_inspect_log(replace(ours, outcomes=ours.outcomes[:1]), None, path, created="2026-11-21T00:00:00+00:00")
    (sample,) = read_eval_log(str(path)).samples
    assert [said.content for said in sample.messages] == ["answer 0"]
