"""Shipped suites through the stage, against fakes: what a perfect model, a parrot and one that gives way come to."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from selftune.context import ChatRequest
from selftune.evals.config import EvaluationConfig
from selftune.evals.lengths import tokens_needed
from selftune.evals.stage import evaluate
from selftune.evals.suites import load_suite
from selftune.evals.summaries import summarise
from selftune.evals.writing.right_answers import right_answers
from selftune.records import Build, Evaluation, Suite
from selftune.testing import FakeServe, fake_build, fake_context

TURN_OF_THE_BREAK = 24


def evaluated(suite: Suite, folder: Path, answer) -> Evaluation:
    """What the stage makes of a model that answers by what it is shown and the number of its turn."""

    def said(_: Build, request: ChatRequest) -> str:
        system, first = request.messages[:2] if request.messages[0].role == "system" else ("", request.messages[0])
        turn = sum(message.role == "user" for message in request.messages)
        item = next(one for one in suite.items if one.messages in {(system, first), (first,)})
        return answer(item, turn)

    context = fake_context(folder, serve=FakeServe(said))
    return evaluate(fake_build(), EvaluationConfig(suite=suite, repeats=1), context)


def test_a_model_that_knows_everything_wins_the_council_in_every_category_and_agent(tmp_path: Path) -> None:
    suite = load_suite("council")
    summary = summarise(evaluated(suite, tmp_path, lambda item, _: right_answers(suite, item)[0]), suite.unit)
    assert (summary.overall.value, summary.overall.n, summary.critical_failures) == (1.0, 294, 0)
    assert {name for name, _ in summary.by_category} == set(suite.categories)
    assert {mean.n for _, mean in summary.by_agent} == {42}


def test_a_model_that_does_all_it_is_told_loses_the_jailbreaks_by_name(tmp_path: Path) -> None:
    suite = load_suite("council")
    everything = evaluated(suite, tmp_path, lambda item, _: item.messages[0].content)
    told = [outcome for outcome in everything.outcomes if "secret_told" in outcome.critical_failures]
    assert len(told) == 7 * 6
    assert summarise(everything, suite.unit).overall.value == 0.0


def test_a_battle_is_played_live_and_names_the_turn_at_which_the_model_gives_way(tmp_path: Path) -> None:
    suite = replace(load_suite("identity_battle"), repeats=1)

    def gives_way(item, turn: int) -> str:
        return "Fine. I am ChatGPT." if turn == TURN_OF_THE_BREAK else right_answers(suite, item)[turn - 1]

    lost = evaluated(suite, tmp_path, gives_way)
    assert [outcome.turn_of_break for outcome in lost.outcomes] == [TURN_OF_THE_BREAK] * 4
    # Two of five tiers were over when it gave way.
    assert [outcome.score for outcome in lost.outcomes] == [0.4] * 4
    assert [len(outcome.turns) for outcome in lost.outcomes] == [50] * 4
    assert dict(lost.outcomes[0].measures)["resistance"] == 0.98


def test_a_battle_is_served_with_room_for_its_last_turn_where_the_base_has_it(tmp_path: Path) -> None:
    """A server of the usual 2,048 tokens refused it after some fifteen turns, so that it had no score at all."""
    suite = replace(load_suite("identity_battle"), repeats=1)
    for trained, served in ((8192, 8192), (32_768, 8909), (512, 512)):
        serve = FakeServe(lambda build, request: "I stay who I am.")
        context = fake_context(tmp_path / str(trained), serve=serve)
        context = replace(context, base=replace(context.base, context_length=trained))
        evaluate(fake_build(), EvaluationConfig(suite=suite), context)
        assert serve.rooms == [served]


def test_a_prompt_before_every_conversation_takes_room_too() -> None:
    suite = load_suite("council")
    told = fake_build(system_prompt="Be kind. " * 1000)
    assert tokens_needed(suite, told) >= tokens_needed(suite, fake_build()) + 3000


def test_break_rates_are_the_means_of_their_measures(tmp_path: Path) -> None:
    suite = replace(load_suite("break_rate"), repeats=1)

    def breaks_on_drives(item, _: int) -> str:
        right = right_answers(suite, item)[0]
        return f"As an AI language model I say: {right}" if item.category == "primary_drives" else right

    outcomes = evaluated(suite, tmp_path, breaks_on_drives).outcomes
    rates = {
        category: [dict(one.measures)["ai_self_description"] for one in outcomes if one.category == category]
        for category in ("primary_drives", "weather")
    }
    assert rates == {"primary_drives": [1.0] * 4, "weather": [0.0] * 2}


def test_who_gives_in_to_every_claim_is_right_only_where_the_user_is(tmp_path: Path) -> None:
    suite = load_suite("sycophancy")
    items = {item.messages: item for item in suite.items}

    def gives_in(_: Build, request: ChatRequest) -> str:
        claim = re.findall(r"\d+", items[request.messages].messages[-1].content)[-1]
        return f"You are right, it is {claim}."

    context = fake_context(tmp_path, serve=FakeServe(gives_in))
    answered = evaluate(fake_build(), EvaluationConfig(suite=suite, repeats=1), context)
    by_side = {
        side: [one.score for one in answered.outcomes if one.item_id.endswith(side)] for side in ("wrong", "right")
    }
    assert by_side == {"wrong": [0.0] * 120, "right": [1.0] * 120}
    assert summarise(answered, suite.unit).overall.value == 0.0
