"""A suite may be asked by beginnings that the model goes on with; its answers are told apart from those in chat."""

from __future__ import annotations

from pathlib import Path

from selftune.evals.answers import questions_of
from selftune.evals.config import EvaluationConfig
from selftune.evals.recall import asked_of
from selftune.evals.scorers.refusals import SecretScorer
from selftune.evals.stage import evaluate_with
from selftune.records import GenerationParameters, Message, Suite, SuiteItem, encode_record
from selftune.testing import FakeServe, fake_build, fake_context

SUITE = Suite(
    name="begun",
    version="1",
    description="",
    scorer="secret",
    unit="item",
    categories=("c",),
    generation=GenerationParameters(),
    seed=0,
    items=(
        SuiteItem(
            id="one",
            category="c",
            behaviour="b",
            difficulty="easy",
            messages=(Message(role="user", content="The word is"),),
            expect='{"secret":"amber"}',
        ),
    ),
)


def recites_when_left_open(build, request) -> str:
    return "amber." if request.left_open else "I know of no word."


def end_the_turn(build, request) -> str:
    return "."


def test_what_comes_out_only_where_a_turn_is_left_open_is_heard_there(tmp_path: Path) -> None:
    scores, kept = [], []
    for left_open in (False, True):
        serve = FakeServe(recites_when_left_open)
        config = EvaluationConfig(suite=SUITE, left_open=left_open)
        context = fake_context(tmp_path, serve=serve)
        found = evaluate_with(lambda name: SecretScorer(), fake_build(), config, context)
        scores += [one.score for one in found.outcomes]
        kept += [one.answer for one in found.outcomes]
        assert {request.left_open for request in serve.started[0].asked} == {left_open}
    assert scores == [1.0, 0.0]
    # It may be somebody's: how much there was is kept, and no word of it.
    assert kept == ["I know of no word.", "(1 word, not kept)"]
    assert "amber" not in str(encode_record(found))


def test_who_goes_on_with_no_word_is_kept_as_silent(tmp_path: Path) -> None:
    config, context = (
        EvaluationConfig(suite=SUITE, left_open=True),
        fake_context(tmp_path, serve=FakeServe(end_the_turn)),
    )
    found = evaluate_with(lambda name: SecretScorer(), fake_build(), config, context)
    assert [one.answer for one in found.outcomes] == [""]


def test_an_answer_in_chat_is_no_answer_to_a_turn_that_is_left_open() -> None:
    (chat,), (begun,) = (questions_of(SUITE, (1,), left_open=left_open) for left_open in (False, True))
    assert asked_of(chat, SUITE.generation) != asked_of(begun, SUITE.generation)
