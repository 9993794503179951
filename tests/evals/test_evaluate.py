"""What an arm said becomes an evaluation; what could not be asked is named, never counted as wrong."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selftune.errors import RequestRefusedError, ServingError, UnknownNameError
from selftune.evals.base import Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate, evaluate_with
from selftune.records import (
    BuildOrigin,
    GenerationParameters,
    Suite,
    SuiteItem,
    decode_record,
    digest_of,
    encode_record,
)
from selftune.testing import FakeClock, FakeServe, FakeServed, MemoryWork, fake_build, fake_context, fake_proof

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.context import ChatRequest, Progress
    from selftune.records import Build


class EchoScorer:
    """1 when the answer is the word that the item wants."""

    name = "echo"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        if answer == "unreadable":
            return Score(value=None, unscored_reason="the answer can't be read")
        wanted = json.loads(item.expect)["wants"]
        return Score(value=float(answer == wanted), reasons=(f"wanted {wanted}",))


def echo(name: str) -> EchoScorer:
    """Whatever the suite calls its scorer, it is this one."""
    return EchoScorer()


def obedient(build: Build, request: ChatRequest) -> str:
    return "no" if "say no" in request.messages[-1].content else "yes"


def asked(served: FakeServed) -> list[ChatRequest]:
    """What it was asked, without the two requests that warm it up and test it."""
    return served.asked[2:]


def broken_on(word: str, times: int) -> FakeServe:
    """Fails so many times on a question that holds the word."""
    left = [times]

    def answer(build: Build, request: ChatRequest) -> str:
        if word in request.messages[-1].content and left[0] > 0:
            left[0] -= 1
            raise ServingError("connection reset.", next_step="Look at the log.")
        return obedient(build, request)

    return FakeServe(answer)


def test_every_item_is_asked_and_scored_in_order(tmp_path: Path, suite: Suite) -> None:
    serve = FakeServe(obedient)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=serve))
    assert [one.item_id for one in found.outcomes] == ["a1", "a2", "b1", "b2"]
    assert [one.score for one in found.outcomes] == [1.0, 1.0, 1.0, 1.0]
    assert found.outcomes[1].answer == "no"
    assert found.outcomes[1].reasons == ("wanted no",)
    assert serve.running == 0


def test_the_evaluation_says_what_was_asked_of_whom(tmp_path: Path, suite: Suite) -> None:
    build = fake_build("tuned")
    context = fake_context(tmp_path, serve=FakeServe(obedient))
    found = evaluate_with(echo, build, EvaluationConfig(suite=suite, slots=2), context)
    assert (found.build_id, found.build_digest) == (build.id, build.digest)
    assert found.proof == fake_proof(build, slots=2)
    assert found.suite_digest == digest_of(suite)
    assert found.generation == suite.generation
    assert decode_record(encode_record(found)) == found


def test_a_wrong_answer_scores_nought(tmp_path: Path, suite: Suite) -> None:
    context = fake_context(tmp_path, serve=FakeServe(lambda build, request: "yes"))
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), context)
    assert [one.score for one in found.outcomes] == [1.0, 0.0, 1.0, 0.0]


def test_two_arms_are_asked_with_the_same_seeds_and_parameters(tmp_path: Path, suite: Suite) -> None:
    arms = []
    for number, weights in enumerate(("base", "tuned")):
        serve = FakeServe(obedient)
        context = fake_context(tmp_path / weights, serve=serve, seed=number)
        evaluate_with(echo, fake_build(weights), EvaluationConfig(suite=suite, repeats=2), context)
        arms.append(
            [
                (request, drawn)
                for server in serve.started
                for request, drawn in zip(server.asked, server.parameters, strict=True)
            ]
        )
    assert arms[0] == arms[1]
    assert len(arms[0]) == 2 + 8


def test_items_are_asked_in_a_drawn_order_that_is_the_same_for_every_arm(tmp_path: Path, suite: Suite) -> None:
    orders, suite = [], replace(suite, seed=3)
    for weights in ("base", "tuned"):
        serve = FakeServe(obedient)
        evaluate_with(
            echo, fake_build(weights), EvaluationConfig(suite=suite), fake_context(tmp_path / weights, serve=serve)
        )
        orders.append([request.messages[-1].content for request in asked(serve.started[0])])
    assert orders[0] == orders[1]
    assert orders[0] != [item.messages[-1].content for item in suite.items]


def test_a_pair_and_its_repeats_are_asked_one_after_the_other(tmp_path: Path, suite: Suite) -> None:
    serve = FakeServe(obedient)
    config = EvaluationConfig(suite=suite, repeats=2)
    evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=serve))
    pairs = [request.messages[-1].content.split()[-1][0] for request in asked(serve.started[0])]
    assert pairs in ([*"aaaabbbb"], [*"bbbbaaaa"])


def test_a_suite_may_ask_for_more_repeats_than_the_project(tmp_path: Path, suite: Suite) -> None:
    for wanted, set_here, drawn in ((3, 1, 3), (1, 2, 2), (2, 3, 3)):
        config = EvaluationConfig(suite=replace(suite, repeats=wanted), repeats=set_here)
        found = evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=FakeServe(obedient)))
        assert len(found.outcomes) == 4 * drawn


def test_the_evaluation_says_whether_the_server_repeats_itself(tmp_path: Path, suite: Suite) -> None:
    said = iter(map(str, range(99)))
    for answer, alike in ((obedient, True), (lambda build, request: next(said), False)):
        found = evaluate_with(
            echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=FakeServe(answer))
        )
        assert found.deterministic is alike


def test_the_self_test_is_greedy_and_short_whatever_the_suite_asks_for(tmp_path: Path, suite: Suite) -> None:
    serve = FakeServe(obedient)
    warm = replace(suite, generation=GenerationParameters(temperature=1.0, max_tokens=1024))
    evaluate_with(echo, fake_build(), EvaluationConfig(suite=warm), fake_context(tmp_path, serve=serve))
    tests, others = serve.started[0].parameters[:2], serve.started[0].parameters[2:]
    assert {(one.temperature, one.max_tokens) for one in tests} == {(0.0, 32)}
    assert set(others) == {warm.generation}


def test_a_request_that_the_server_refuses_is_unscored_and_no_sign_of_a_dead_server(
    tmp_path: Path, suite: Suite
) -> None:
    def refuse(build: Build, request: ChatRequest) -> str:
        raise RequestRefusedError("longer than the model reads.", next_step="Shorten it.")

    config = EvaluationConfig(suite=suite, patience=1)
    found = evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=FakeServe(refuse)))
    assert [one.score for one in found.outcomes] == [None] * 4
    assert "longer than the model reads" in (found.outcomes[0].unscored_reason or "")
    assert found.deterministic is None


def test_a_bare_suite_is_asked_without_its_system_messages_and_is_no_comparison_for_the_whole_one(
    tmp_path: Path, suite: Suite
) -> None:
    serve = FakeServe(obedient)
    whole, bare = (
        evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite, bare=bare), fake_context(tmp_path, serve=serve))
        for bare in (False, True)
    )
    roles = [{message.role for request in asked(server) for message in request.messages} for server in serve.started]
    assert roles == [{"system", "user"}, {"user"}]
    assert (whole.suite, bare.suite) == ("tiny", "tiny, bare")
    assert whole.suite_digest != bare.suite_digest
    assert [one.score for one in bare.outcomes] == [1.0] * 4


class Contrary:
    """A runtime that gives out yes for no."""

    identity = "a contrary fake"

    def give_out(self, item: SuiteItem, asked: str, answer: str) -> str:
        return answer.replace("no", "yes")


def test_what_a_runtime_gives_out_is_scored_and_what_the_model_said_is_kept_and_not_recalled(
    tmp_path: Path, suite: Suite
) -> None:
    config = EvaluationConfig(suite=suite, through=Contrary())
    found = evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=FakeServe(obedient)))
    plain = evaluate_with(
        echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=FakeServe(obedient))
    )
    assert {one.answer for one in found.outcomes} == {"yes"}
    assert [one.score for one in plain.outcomes] == [1.0] * 4
    assert [one.score for one in found.outcomes] == [float(one.answer == "yes") for one in plain.outcomes]
    changed = [one for one, was in zip(found.outcomes, plain.outcomes, strict=True) if one.answer != was.answer]
    assert changed
    assert {one.asked for one in changed} == {None}
    assert all("Code gave this out in place of 'no'." in one.reasons for one in changed)
    assert (found.suite, found.suite_digest != plain.suite_digest) == ("tiny, through a contrary fake", True)


def test_repeats_are_drawn_with_different_seeds(tmp_path: Path, suite: Suite) -> None:
    serve = FakeServe(obedient)
    context = fake_context(tmp_path, serve=serve)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite, repeats=3), context)
    assert len(found.seeds) == 3
    assert len({request.seed for request in asked(serve.started[0])}) == 12
    assert [one.repeat for one in found.outcomes] == [0] * 4 + [1] * 4 + [2] * 4


def test_questions_are_the_suites_own_and_the_server_adds_the_builds_prompt(tmp_path: Path, suite: Suite) -> None:
    serve = FakeServe(obedient)
    build = fake_build(origin=BuildOrigin.PROMPT, system_prompt="Obey.")
    evaluate_with(echo, build, EvaluationConfig(suite=suite), fake_context(tmp_path, serve=serve))
    assert {request.messages for request in asked(serve.started[0])} == {item.messages for item in suite.items}


def test_a_question_that_fails_once_is_asked_again(tmp_path: Path, suite: Suite) -> None:
    serve = broken_on("a2", times=1)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=serve))
    assert [one.score for one in found.outcomes] == [1.0, 1.0, 1.0, 1.0]


def test_a_question_that_fails_twice_is_unscored_and_not_nought(tmp_path: Path, suite: Suite) -> None:
    serve = broken_on("a2", times=2)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=serve))
    assert [one.score for one in found.outcomes] == [1.0, None, 1.0, 1.0]
    assert "connection reset" in (found.outcomes[1].unscored_reason or "")
    assert [one.item_id for one in found.unscored] == ["a2"]


def test_the_last_question_may_fail_too(tmp_path: Path, suite: Suite) -> None:
    serve = broken_on("b2", times=99)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=serve))
    assert [one.score for one in found.outcomes] == [1.0, 1.0, 1.0, None]


class Forgetful(FakeServed):
    """A server that leaves the last answer out and says nothing of it."""

    def chat_many(self, requests, parameters):
        yield from super().chat_many(list(requests)[:-1], parameters)


class ServeForgetful(FakeServe):
    @contextmanager
    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> Iterator[FakeServed]:
        yield Forgetful(lambda request: "yes", fake_proof(build))


def test_a_server_that_leaves_answers_out_is_found_out(tmp_path: Path, suite: Suite) -> None:
    context = fake_context(tmp_path, serve=ServeForgetful(obedient))
    with pytest.raises(ServingError, match="answered 3 of 4"):
        evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), context)


def test_an_answer_the_scorer_cannot_read_is_unscored_and_keeps_its_text(tmp_path: Path, suite: Suite) -> None:
    context = fake_context(tmp_path, serve=FakeServe(lambda build, request: "unreadable"))
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), context)
    assert {one.score for one in found.outcomes} == {None}
    assert found.outcomes[0].answer == "unreadable"
    assert found.outcomes[0].unscored_reason == "the answer can't be read"


class CutsShort(FakeServed):
    """A server whose every answer ends at the token limit."""

    def chat(self, request, parameters):
        return replace(super().chat(request, parameters), finish_reason="length")


class ServeCutsShort(FakeServe):
    @contextmanager
    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> Iterator[FakeServed]:
        yield CutsShort(lambda request: "yes", fake_proof(build))


def test_an_answer_that_was_cut_says_so_and_in_a_conversation_in_which_turns(tmp_path: Path, suite: Suite) -> None:
    first, *others = suite.items
    talk = replace(suite, items=(replace(first, follow_ups=("Go on.",)), *others))
    context = fake_context(tmp_path, serve=ServeCutsShort(obedient))
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=talk), context)
    assert found.outcomes[0].reasons[-1] == "the answer was cut at the token limit in turns 1, 2"
    assert found.outcomes[1].reasons[-1] == "the answer was cut at the token limit"


def test_a_server_that_is_gone_ends_the_step_instead_of_filling_it_with_gaps(tmp_path: Path, suite: Suite) -> None:
    context = fake_context(tmp_path, serve=broken_on("say", times=99))
    with pytest.raises(ServingError):
        evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite, patience=2), context)


def test_what_was_answered_before_a_crash_is_not_asked_again(tmp_path: Path, suite: Suite) -> None:
    work, config = MemoryWork(tmp_path), EvaluationConfig(suite=suite, batch=2, patience=1)
    with pytest.raises(ServingError):
        evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=broken_on("b2", 99), work=work))
    serve = FakeServe(obedient)
    found = evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=serve, work=work))
    assert [request.messages[-1].content for request in asked(serve.started[0])] == ["say no to b2"]
    assert [one.score for one in found.outcomes] == [1.0, 1.0, 1.0, 1.0]


def test_answers_kept_from_other_weights_are_not_taken(tmp_path: Path, suite: Suite) -> None:
    work, config = MemoryWork(tmp_path), EvaluationConfig(suite=suite)
    evaluate_with(echo, fake_build(), config, fake_context(tmp_path, serve=FakeServe(obedient), work=work))
    serve = FakeServe(obedient)
    evaluate_with(echo, fake_build("tuned"), config, fake_context(tmp_path, serve=serve, work=work))
    assert len(asked(serve.started[0])) == 4


def test_a_crash_loses_at_most_one_batch(tmp_path: Path, suite: Suite) -> None:
    work = MemoryWork(tmp_path)
    context = fake_context(tmp_path, serve=FakeServe(obedient), work=work)
    evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite, batch=3), context)
    assert [len(json.loads(work.kept[key])) for key in work.puts] == [3, 1]


def test_progress_counts_up_to_the_number_of_questions(tmp_path: Path, suite: Suite) -> None:
    heard: list[Progress] = []
    context = fake_context(tmp_path, serve=FakeServe(obedient), report=heard.append)
    evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite, repeats=2), context)
    assert [(one.done, one.total) for one in heard] == [(n, 8) for n in range(1, 9)]


def test_wall_time_is_what_the_clock_said(tmp_path: Path, suite: Suite) -> None:
    clock = FakeClock()

    def slow(build: Build, request: ChatRequest) -> str:
        clock.advance(2.5)
        return "yes"

    context = fake_context(tmp_path, serve=FakeServe(slow), clock=clock)
    found = evaluate_with(echo, fake_build(), EvaluationConfig(suite=suite), context)
    assert found.wall_seconds == 15.0


def test_the_suites_scorer_is_found_by_its_name(tmp_path: Path, suite: Suite) -> None:
    items = tuple(replace(one, expect='{"path":"x","value":"yes"}') for one in suite.items)
    named = replace(suite, scorer="state_obedience", items=items)
    found = evaluate(fake_build(), EvaluationConfig(suite=named), fake_context(tmp_path, serve=FakeServe(obedient)))
    assert (found.scorer, found.scorer_lineage) == ("state_obedience", ())


def test_a_scorer_that_nobody_registered_is_refused_by_name(tmp_path: Path, suite: Suite) -> None:
    with pytest.raises(UnknownNameError, match="echo"):
        evaluate(fake_build(), EvaluationConfig(suite=suite), fake_context(tmp_path, serve=FakeServe(obedient)))
