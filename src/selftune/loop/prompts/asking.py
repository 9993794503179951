"""Asking as served: one server of the bare base, each draft put before its questions as a build's prompt is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.context import ChatRequest
from selftune.errors import JudgeMissingError
from selftune.evals.answers import Interview, Question
from selftune.evals.base import JUDGE
from selftune.evals.config import EvaluationConfig
from selftune.evals.scoring import Scoring, load_scorer
from selftune.records import Suite, SuiteItem, digest_of
from selftune.serving.prompts import prompted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context, Served
    from selftune.evals.base import Grader
    from selftune.loop.prompts.drafts import Draft
    from selftune.records import Build, Example, GenerationParameters

PROMPTS: Final = "prompts"
"""What the questions of a search are called where a suite is named."""


class AskedAsServed:
    """Scores drafts on lessons' questions by the judge of the lessons; every answer is asked for and judged once.

    Args:
        served: The bare base: drafts are put before the questions here, as a build's prompt is.
        slots: How many answers are asked for at a time.

    Attributes:
        answers: How many were asked for so far.
        cost_usd: What judging them took.
    """

    def __init__(self, served: Served, base: Build, grader: Grader, slots: int, context: Context) -> None:
        self._served = served
        self._base = base
        self._grader = grader
        self._slots = slots
        self._context = context
        self._scores: dict[tuple[str | None, str], float | None] = {}
        self.answers = 0
        self.cost_usd = 0.0

    def __call__(self, drafts: Sequence[Draft], lessons: Sequence[Example]) -> Sequence[Sequence[float | None]]:
        """For each draft a score, 0 to 1, for each lesson's question; None where there is none.

        Raises:
            JudgeMissingError: the judge scores none of them.
            BudgetError: the money for judging is used up; what it paid for is kept.
            ServingError: the server is gone; what it said so far is kept.
        """
        wanted = [
            (draft, lesson) for draft in drafts for lesson in lessons if self._key(draft, lesson) not in self._scores
        ]
        if wanted:
            self._score(wanted)
        return [[self._scores[self._key(draft, lesson)] for lesson in lessons] for draft in drafts]

    def tokens_of(self, draft: Draft, lesson: Example) -> int:
        """How many tokens more a question costs under this draft, as the server counts."""
        asked = ChatRequest(messages=lesson.messages[:-1], seed=0)
        one = replace(self._base.generation, max_tokens=1)
        bare, whole = (self._served.chat(prompted(asked, text), one).prompt_tokens for text in (None, draft.text))
        return whole - bare

    def _score(self, wanted: Sequence[tuple[Draft, Example]]) -> None:
        suite = suite_of(
            [lesson for _, lesson in wanted], greedy(self._base), asked=[draft.text for draft, _ in wanted]
        )
        items = {item.id: item for item in suite.items}
        questions = tuple(
            Question(
                place=place,
                item=items[lesson.interaction_id],
                repeat=0,
                seed=0,
                opening=prompted(ChatRequest(messages=lesson.messages[:-1], seed=0), draft.text).messages,
            )
            for place, (draft, lesson) in enumerate(wanted)
        )
        asked = EvaluationConfig(suite=suite, slots=self._slots, grader=self._grader)
        played = Interview(self._served, questions, self._base, asked, self._context).play(questions)
        scores = Scoring(suite, self._grader, load_scorer).score(played, self._context)
        self.answers += len(played)
        self.cost_usd += sum(score.cost_usd for score in scores)
        if all(score.value is None for score in scores):
            raise JudgeMissingError(
                f"the judge {self._grader.name!r} can score no new answer: {scores[0].unscored_reason}.",
                next_step="Name a judge under [judge] in selftune.toml that can score what a model says now.",
            )
        for (draft, lesson), score in zip(wanted, scores, strict=True):
            self._scores[self._key(draft, lesson)] = score.value

    @staticmethod
    def _key(draft: Draft, lesson: Example) -> tuple[str | None, str]:
        return draft.text, lesson.interaction_id


def greedy(base: Build) -> GenerationParameters:
    """As the base draws, but without chance: drafts differ by what they say alone."""
    return replace(base.generation, temperature=0.0)


def suite_of(
    lessons: Sequence[Example], parameters: GenerationParameters, *, asked: Sequence[str | None] = ()
) -> Suite:
    """The questions of these lessons, each graded by the judge; `asked` tells apart what they were asked under."""
    items = {
        lesson.interaction_id: SuiteItem(
            id=lesson.interaction_id,
            category="lesson",
            behaviour=PROMPTS,
            difficulty="as met",
            messages=lesson.messages[:-1],
            expect="{}",
            origin=lesson.interaction_id,
        )
        for lesson in lessons
    }
    return Suite(
        name=PROMPTS,
        version=digest_of([list(items), [digest_of(text) for text in asked]]),
        description="Questions of the training split, asked while a prompt is searched for.",
        scorer=JUDGE,
        unit="item",
        categories=("lesson",),
        generation=parameters,
        seed=0,
        items=tuple(items.values()),
    )
