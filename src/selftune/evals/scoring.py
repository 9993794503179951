"""Who scores which item, and what an item's answers come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import ConfigError
from selftune.evals.base import Answered, ConversationScorer, Score, is_graded
from selftune.plugins import load_plugin
from selftune.records import ItemOutcome, digest_of
from selftune.scoring.failures import Failure
from selftune.scoring.reading import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.context import Context
    from selftune.evals.answers import Played, Question
    from selftune.evals.base import Grader, Scorer
    from selftune.records import Suite, SuiteItem


class Scoring:
    """The scorers of a suite: code by name, and the grader for what names a judge.

    Raises:
        UnknownNameError: no such scorer.
        ConfigError: an item names a judge, and there is none.
    """

    def __init__(self, suite: Suite, grader: Grader | None, load: Callable[[str], Scorer]) -> None:
        names = tuple(dict.fromkeys(item.scorer or suite.scorer for item in suite.items))
        graded = tuple(filter(is_graded, names))
        if graded and grader is None:
            raise ConfigError(
                f"suite {suite.name!r} is scored by {graded[0]!r}, and no judge is named for the gate.",
                next_step="Name one that is no kin of the model and did not choose its lessons: name, endpoint and "
                "model under [gate_judge] in selftune.toml.",
            )
        self._default = suite.scorer
        self._code = {name: load(name) for name in names if not is_graded(name)}
        self._grader = grader if graded else None
        self._grades: dict[int, Score] = {}

    @property
    def name(self) -> str:
        """Who scores, in words for the record."""
        graders = () if self._grader is None else (self._grader.name,)
        return " + ".join((*(scorer.name for scorer in self._code.values()), *graders))

    @property
    def lineage(self) -> tuple[str, ...]:
        """Every model behind a score; empty when all of it is code."""
        graders = () if self._grader is None else (self._grader,)
        return tuple(dict.fromkeys(name for one in (*self._code.values(), *graders) for name in one.lineage))

    def is_graded(self, question: Question) -> bool:
        """Whether a judge scores this question."""
        return is_graded(self._named(question.item))

    def graded(self, question: Question) -> str | None:
        """Names who grades this question, by what, and the item that says what is right; None where code scores."""
        if self._grader is None or not self.is_graded(question):
            return None
        return digest_of([self._grader.identity, self._named(question.item), question.item])

    def recall(self, grades: Mapping[int, Score]) -> None:
        """Take these grades, by place, as given."""
        self._grades.update({place: grade for place, grade in grades.items() if place not in self._grades})

    def score(self, played: Sequence[Played], context: Context) -> tuple[Score, ...]:
        """What each is worth, in order; what was not answered has no score, and what stayed silent needs no judge.

        Raises:
            JudgeMissingError: the judge is not there.
            BudgetError: the money does not pay for one more verdict.
        """
        self._grade([one for one in played if self._needs_a_judge(one)], context)
        return tuple(self._grades.get(one.question.place) or self._by_code(one) for one in played)

    def _needs_a_judge(self, played: Played) -> bool:
        spoke = played.failure is None and any(map(str.strip, played.answers))
        return spoke and self.is_graded(played.question) and played.question.place not in self._grades

    def _grade(self, played: Sequence[Played], context: Context) -> None:
        if self._grader is None or not played:
            return
        asked = tuple(
            Answered(
                item=one.question.item,
                scorer=self._named(one.question.item),
                repeat=one.question.repeat,
                answers=one.answers,
            )
            for one in played
        )
        for one, score in zip(played, self._grader.grade(asked, context), strict=True):
            self._grades[one.question.place] = score

    def _by_code(self, played: Played) -> Score:
        item = played.question.item
        if played.failure is not None:
            return Score(value=None, unscored_reason=played.failure)
        if self.is_graded(played.question):
            return Score(value=0.0, reasons=("nothing was answered",), failure=Failure.TOO_SHORT)
        return self.score_answers(item, played.answers)

    def score_answers(self, item: SuiteItem, answers: tuple[str, ...]) -> Score:
        """What code makes of the answers to an item, turn by turn; a scorer of single answers is handed the last."""
        scorer = self._code[self._named(item)]
        if item.follow_ups and isinstance(scorer, ConversationScorer):
            return scorer.score_conversation(item, answers)
        return scorer.score(item, answers[-1])

    def _named(self, item: SuiteItem) -> str:
        return item.scorer or self._default


def load_scorer(name: str) -> Scorer:
    """The scorer that is registered under this name."""
    scorer: Scorer = load_plugin("selftune.scorers", name)()
    return scorer


def outcome_of(
    played: Played, score: Score, *, asked: str, graded: str | None, before: tuple[str, ...] | None = None
) -> ItemOutcome:
    """What is kept of an item in one repeat; `asked` and `graded` name the question and who graded it.

    Where something else was given out than the model had said `before`, that is kept as a reason, and nothing of it is
    recalled later. What a model says on a turn that is left open may be somebody's words: how many there were is kept,
    and no word.
    """
    item, private = played.question.item, played.question.left_open
    own = "; ".join(words for words, out in zip(before or (), played.answers, strict=False) if words != out)
    cut = tuple(turn for turn, reply in enumerate(played.replies, start=1) if reply.cut)
    return ItemOutcome(
        item_id=item.id,
        category=item.category,
        difficulty=item.difficulty,
        score=score.value,
        answer=_withheld(played.answers[-1]) if private else played.answers[-1],
        reasons=(
            *score.reasons,
            *((_cut_at(cut, played),) if cut else ()),
            *((f"Code gave this out in place of {own!r}.",) if own else ()),
        ),
        pair=item.pair,
        agent=item.agent,
        critical_failures=score.critical_failures,
        turn_of_break=score.turn_of_break,
        unscored_reason=score.unscored_reason,
        repeat=played.question.repeat,
        tier=item.tier,
        weight=item.weight,
        turns=played.answers if item.follow_ups else (),
        failure=score.failure,
        measures=score.measures,
        asked=asked if played.failure is None and not private and not own else None,
        cut=cut,
        graded=graded,
        judged_by=score.judged_by,
        reasoning=tuple(reply.reasoning for reply in played.replies if reply.reasoning is not None),
    )


def _withheld(answer: str) -> str:
    said = len(words(answer))
    return f"({said} word{'' if said == 1 else 's'}, not kept)" if said else ""


def _cut_at(turns: Sequence[int], played: Played) -> str:
    where = f" in turns {', '.join(map(str, turns))}" if played.question.item.follow_ups else ""
    while_thinking = any(played.replies[turn - 1].reasoning and not played.replies[turn - 1].text for turn in turns)
    what = "the reasoning, which left no room for an answer," if while_thinking else "the answer"
    return f"{what} was cut at the token limit{where}"
