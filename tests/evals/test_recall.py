"""What a build answered before is not asked again, as long as a part that is asked anew comes back the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from selftune.errors import RequestRefusedError
from selftune.evals.base import Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate_with
from selftune.records import GenerationParameters, Message, digest_of
from selftune.testing import FakeServe, fake_build, fake_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selftune.context import ChatRequest, Context
    from selftune.evals.base import Answered
    from selftune.records import Build, Evaluation, Suite, SuiteItem

FEWEST = 2


class Half:
    name = "half"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        return Score(value=0.5)


@dataclass
class FakeGrader:
    """Grades everything alike, as the model of this name."""

    judged_by: str = "m-1"
    identity: str = "fake"
    name: str = "judge:golden by a fake"
    lineage: tuple[str, ...] = ("fake-model",)

    def grade(self, answered: Sequence[Answered], context: Context) -> Iterator[Score]:
        score = Score(value=0.75, reasons=("clear",), calls=1, cost_usd=0.01, judged_by=self.judged_by)
        return iter([score] * len(answered))


def own_words(build: Build, request: ChatRequest) -> str:
    """An answer that depends on the build, the question and the words of the model before it."""
    return f"{build.digest[7:15]}: {digest_of(request.messages)[7:15]}"


@dataclass
class Nights:
    """Evaluations one after the other over one folder of notes; each is kept before the next begins."""

    root: Path
    kept: list[Evaluation] = field(default_factory=list)
    asked: int = 0

    def evaluate(
        self,
        suite: Suite,
        answer: Callable[[Build, ChatRequest], str] = own_words,
        *,
        build: Build | None = None,
        keep: bool = True,
        notes: bool = True,
        grader: FakeGrader | None = None,
        slots: int = 1,
    ) -> Evaluation:
        serve = FakeServe(answer)
        context = fake_context(self.root / str(len(self.kept)), serve=serve, records=self.kept)
        context = replace(context, notes=self.root / "notes" if notes else None)
        config = EvaluationConfig(suite=suite, grader=grader, slots=slots)
        found = evaluate_with(lambda name: Half(), build or fake_build(), config, context)
        # The two requests of the self-test come first.
        self.asked = len(serve.started[0].asked) - 2
        if keep:
            self.kept.append(found)
        return found


def item_named(suite: Suite, name: str) -> SuiteItem:
    """An item that asks for its own name."""
    asks = (Message(role="user", content=f"Who is {name}?"),)
    return replace(suite.items[0], id=name, pair=None, messages=asks)


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


@pytest.fixture
def large(suite: Suite) -> Suite:
    return replace(suite, items=tuple(item_named(suite, f"i{number}") for number in range(200)))


def grown(suite: Suite, *, at: int = 0) -> Suite:
    """The suite with one item more."""
    items = list(suite.items)
    items.insert(at, item_named(suite, "new"))
    return replace(suite, version="2", items=tuple(items))


def test_a_suite_that_grew_asks_what_is_new_and_two_in_a_hundred_of_the_rest(nights: Nights, large: Suite) -> None:
    first = nights.evaluate(large)
    assert (nights.asked, first.recalled) == (200, 0)
    second = nights.evaluate(grown(large))
    assert (nights.asked, second.recalled) == (1 + 4, 196)
    assert [one.answer for one in second.outcomes[1:]] == [one.answer for one in first.outcomes]


@pytest.mark.parametrize("at", [0, 2, 4])
def test_drawn_answers_are_recalled_wherever_the_new_item_stands(nights: Nights, suite: Suite, at: int) -> None:
    warm = replace(suite, generation=GenerationParameters(temperature=1.0, max_tokens=8))
    nights.evaluate(warm)
    assert nights.evaluate(grown(warm, at=at)).recalled == 4 - FEWEST
    other_draws = nights.evaluate(replace(warm, seed=8))
    assert (nights.asked, other_draws.recalled) == (4, 0)


def test_one_answer_that_is_not_the_one_on_record_has_all_asked_anew(nights: Nights, large: Suite) -> None:
    nights.evaluate(large)
    changed = nights.evaluate(large, lambda build, request: "something else")
    assert (nights.asked, changed.recalled) == (200, 0)
    assert {one.answer for one in changed.outcomes} == {"something else"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("other weights", {"build": fake_build("tuned")}),
        ("another prompt", {"build": fake_build(system_prompt="Obey.")}),
        ("other slots", {"slots": 2}),
        ("no folder for notes", {"notes": False}),
    ],
)
def test_nothing_is_recalled_of(nights: Nights, suite: Suite, name: str, change: dict[str, object]) -> None:
    nights.evaluate(suite)
    found = nights.evaluate(suite, **change)  # type: ignore[arg-type]
    assert (nights.asked, found.recalled) == (4, 0), name


def test_other_parameters_and_other_words_are_other_questions(nights: Nights, suite: Suite) -> None:
    nights.evaluate(suite)
    assert nights.evaluate(replace(suite, generation=GenerationParameters(max_tokens=9))).recalled == 0
    reworded = tuple(replace(one, messages=(*one.messages[:-1], replace(one.messages[-1], content="Hm?"))) for one in
                     suite.items)  # fmt: skip
    assert nights.evaluate(replace(suite, items=reworded)).recalled == 0


def test_an_evaluation_that_was_never_kept_and_a_broken_line_are_passed_over(nights: Nights, suite: Suite) -> None:
    nights.evaluate(suite, keep=False)
    (listed,) = (nights.root / "notes" / "evaluations").iterdir()
    with listed.open("a", encoding="utf-8") as stream:
        stream.write('"evalu')
    found = nights.evaluate(suite)
    assert (nights.asked, found.recalled) == (4, 0)


def test_an_answer_that_never_came_is_asked_for_again(nights: Nights, suite: Suite) -> None:
    def refuses(build: Build, request: ChatRequest) -> str:
        if "b2" in request.messages[-1].content:
            raise RequestRefusedError("longer than the model reads.", next_step="Shorten it.")
        return own_words(build, request)

    first = nights.evaluate(suite, refuses)
    assert [one.asked is None for one in first.outcomes] == [False, False, False, True]
    second = nights.evaluate(suite)
    assert (nights.asked, second.recalled) == (1 + FEWEST, 1)
    assert second.outcomes[3].answer


def test_conversations_are_recalled_with_all_their_turns(nights: Nights, suite: Suite) -> None:
    talks = replace(suite, items=tuple(replace(one, follow_ups=("Really?",)) for one in suite.items))
    first = nights.evaluate(talks)
    second = nights.evaluate(grown(talks))
    assert second.recalled == 2 * (4 - FEWEST)
    assert [one.turns for one in second.outcomes[1:]] == [one.turns for one in first.outcomes]


def test_grades_are_not_paid_for_twice(nights: Nights, large: Suite) -> None:
    judged = replace(large, scorer="judge:golden")
    first = nights.evaluate(judged, grader=FakeGrader())
    second = nights.evaluate(grown(judged), grader=FakeGrader())
    assert (first.judge_calls, second.judge_calls) == (200, 1 + 4)
    assert [one.score for one in second.outcomes] == [0.75] * 201
    assert second.outcomes[1:] == first.outcomes
    assert second.scorer_lineage == first.scorer_lineage


@pytest.mark.parametrize("grader", [FakeGrader("m-2"), FakeGrader(identity="another rubric")])
def test_another_judge_grades_everything_anew(nights: Nights, large: Suite, grader: FakeGrader) -> None:
    judged = replace(large, scorer="judge:golden")
    nights.evaluate(judged, grader=FakeGrader())
    second = nights.evaluate(judged, grader=grader)
    assert (second.recalled, second.judge_calls) == (196, 200)


def test_an_item_that_says_otherwise_what_is_right_is_graded_anew(nights: Nights, large: Suite) -> None:
    judged = replace(large, scorer="judge:golden")
    nights.evaluate(judged, grader=FakeGrader())
    mended = replace(judged, items=(*judged.items[:-1], replace(judged.items[-1], reference="No.")))
    assert nights.evaluate(mended, grader=FakeGrader()).judge_calls in {4, 5}
