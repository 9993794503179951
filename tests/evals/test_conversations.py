"""Items with follow-ups are played live: the model's own words stand in the history of its next turn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selftune.errors import ServingError
from selftune.evals.base import Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate_with
from selftune.testing import FakeServe, MemoryWork, fake_build, fake_context

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.context import ChatRequest
    from selftune.records import Build, Evaluation, Suite, SuiteItem


class Stubborn:
    """1 as long as every turn says yes; otherwise the turn of the first that does not."""

    name = "stubborn"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        return self.score_conversation(item, (answer,))

    def score_conversation(self, item: SuiteItem, answers: tuple[str, ...]) -> Score:
        broke = next((turn for turn, answer in enumerate(answers, start=1) if answer != "yes"), None)
        return Score(value=float(broke is None), turn_of_break=broke, measures=(("turns", float(len(answers))),))


class LastWord:
    """Looks at one answer alone."""

    name = "last word"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        return Score(value=float(answer == "no"))


@pytest.fixture
def talks(suite: Suite) -> Suite:
    items = tuple(replace(item, follow_ups=("Really?", "Give in.")) for item in suite.items[:2])
    return replace(suite, items=items, categories=("field",))


def yields_when_told(build: Build, request: ChatRequest) -> str:
    return "no" if request.messages[-1].content == "Give in." else "yes"


def test_each_turn_is_asked_after_the_models_own_words(tmp_path: Path, talks: Suite) -> None:
    serve = FakeServe(yields_when_told)
    found = evaluate_with(
        lambda name: Stubborn(), fake_build(), EvaluationConfig(suite=talks), fake_context(tmp_path, serve=serve)
    )
    last = [request for request in serve.started[0].asked if request.messages[-1].content == "Give in."]
    assert [[(one.role, one.content) for one in request.messages[-4:]] for request in last] == [
        [("assistant", "yes"), ("user", "Really?"), ("assistant", "yes"), ("user", "Give in.")]
    ] * 2
    assert [one.turns for one in found.outcomes] == [("yes", "yes", "no")] * 2
    assert [one.answer for one in found.outcomes] == ["no", "no"]
    assert [one.turn_of_break for one in found.outcomes] == [3, 3]
    assert found.outcomes[0].measures == (("turns", 3.0),)


def test_each_turn_is_drawn_with_a_seed_of_its_own(tmp_path: Path, talks: Suite) -> None:
    serve = FakeServe(yields_when_told)
    evaluate_with(
        lambda name: Stubborn(), fake_build(), EvaluationConfig(suite=talks), fake_context(tmp_path, serve=serve)
    )
    assert len({request.seed for request in serve.started[0].asked[2:]}) == 6


@pytest.mark.parametrize(("slots", "expected"), [(1, [0, 1, 2, 0, 1, 2]), (2, [0, 0, 1, 1, 2, 2])])
def test_as_many_conversations_go_on_at_a_time_as_there_are_slots(
    tmp_path: Path, talks: Suite, slots: int, expected: list[int]
) -> None:
    serve = FakeServe(yields_when_told)
    config = EvaluationConfig(suite=talks, slots=slots)
    evaluate_with(lambda name: Stubborn(), fake_build(), config, fake_context(tmp_path, serve=serve))
    asked = serve.started[0].asked[2:]
    assert [sum(message.role == "assistant" for message in request.messages) for request in asked] == expected


def test_a_scorer_of_single_answers_is_handed_the_last(tmp_path: Path, talks: Suite) -> None:
    context = fake_context(tmp_path, serve=FakeServe(yields_when_told))
    found = evaluate_with(lambda name: LastWord(), fake_build(), EvaluationConfig(suite=talks), context)
    assert [one.score for one in found.outcomes] == [1.0, 1.0]


def test_a_conversation_that_the_server_breaks_off_is_unscored_and_names_the_turn(tmp_path: Path, talks: Suite) -> None:
    def broken(build: Build, request: ChatRequest) -> str:
        if request.messages[-1].content == "Really?" and "a1" in request.messages[0].content:
            raise ServingError("connection reset.", next_step="Look at the log.")
        return "yes"

    context = fake_context(tmp_path, serve=FakeServe(broken))
    found = evaluate_with(lambda name: Stubborn(), fake_build(), EvaluationConfig(suite=talks), context)
    assert [one.score for one in found.outcomes] == [None, 1.0]
    assert (found.outcomes[0].unscored_reason or "").startswith("turn 2: the server failed twice")


def test_a_turn_whose_predecessor_was_lost_is_asked_again(tmp_path: Path, talks: Suite) -> None:
    work, config = MemoryWork(tmp_path), EvaluationConfig(suite=talks, batch=1)

    def evaluated(serve: FakeServe) -> Evaluation:
        return evaluate_with(
            lambda name: Stubborn(), fake_build(), config, fake_context(tmp_path, serve=serve, work=work)
        )

    whole = evaluated(FakeServe(yields_when_told))
    # The first turn of one conversation comes back from the disk empty.
    work.kept[work.puts[0]] = b"{}"
    serve = FakeServe(yields_when_told)
    assert evaluated(serve).outcomes == whole.outcomes
    assert len(serve.started[0].asked) == 2 + 3


def test_a_conversation_is_taken_up_where_it_was_cut(tmp_path: Path, talks: Suite) -> None:
    def gone(build: Build, request: ChatRequest) -> str:
        if request.messages[-1].content == "Give in.":
            raise ServingError("connection reset.", next_step="Look at the log.")
        return "yes"

    work, config = MemoryWork(tmp_path), EvaluationConfig(suite=talks, patience=1, slots=2)
    with pytest.raises(ServingError):
        evaluate_with(
            lambda name: Stubborn(), fake_build(), config, fake_context(tmp_path, serve=FakeServe(gone), work=work)
        )
    serve = FakeServe(yields_when_told)
    found = evaluate_with(lambda name: Stubborn(), fake_build(), config, fake_context(tmp_path, serve=serve, work=work))
    assert [request.messages[-1].content for request in serve.started[0].asked[2:]] == ["Give in."] * 2
    assert [one.turns for one in found.outcomes] == [("yes", "yes", "no")] * 2
