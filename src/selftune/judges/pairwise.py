"""Two answers to one prompt, compared by a model in both orders; what changes with the order is a tie.

A judge of pairs leans to one place (Zheng and others, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", 2023,
section 3.3). So it is asked twice, with the answers named 1 and 2 and nothing said of who wrote them.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Self

from selftune.judges.base import ORDER_DEPENDENT
from selftune.judges.bundle import BundleSitting, Part
from selftune.judges.endpoint import appoint_endpoint
from selftune.judges.oracle import OracleJudge
from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.parts import keep_parts
from selftune.judges.prompt import comparison_instructions
from selftune.judges.purse import Purse
from selftune.judges.recall import InOrder
from selftune.records import (
    Consent,
    CriterionScore,
    Interaction,
    Judgement,
    JudgementStatus,
    Message,
    Rejected,
    Trigger,
)
from selftune.scoring.intervals import wilson_interval
from selftune.scoring.sequential import SequentialPlan, SequentialResult, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from selftune.context import Work
    from selftune.judges.config import Judging
    from selftune.judges.endpoint import Endpoint
    from selftune.records import Rubric

# Of verdicts that depend on the order: in both orders the answer in this place won.
FIRST_WON: Final = "first_place_won"
LAST_WON: Final = "last_place_won"
_NO_PAIR: Final = "there is no second answer to compare with"
_LEVEL: Final = 0.95


class PairwiseJudge:
    """Judges whether the answer of an interaction is better than the one that lost against it.

    The overall lies on the rubric's scale: the lowest for an answer that is clearly worse, the highest for one that is
    clearly better, the middle for a tie. Where the two orders name different winners it is the middle, and the verdict
    is flagged `order_dependent`; the criteria keep the means of both orders.
    """

    def __init__(self, endpoint: Endpoint, config: Judging) -> None:
        self._config = config
        self._oracle = OracleJudge(endpoint, config, role="pairwise", instruct=comparison_instructions)
        self.identity = self._oracle.identity

    @classmethod
    def from_config(cls, config: Judging) -> Self:
        """The judge that the config describes.

        Raises:
            ConfigError: endpoint, model or key is missing, or the endpoint may not be reached.
        """
        return cls(appoint_endpoint(config), config)

    @property
    def at_once(self) -> int:
        """Most verdicts that it is asked for at a time."""
        return self._config.at_once

    def prompt_digest(self, rubric: Rubric) -> str:
        """Names instructions, schema and parameters."""
        return self._oracle.prompt_digest(_compared(rubric))

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """The verdict on one pair, from both orders."""
        with self.sit(rubric, Purse(self._config.budget_usd)) as sitting:
            sitting.ask(interaction, salt)
            return sitting.collect()[0]

    @contextmanager
    def sit(self, rubric: Rubric, purse: Purse, work: Work | None = None) -> Iterator[PairSitting]:
        """A batch of pairs, each asked about twice; what was said of one order is kept by itself."""
        with self._oracle.sit(_compared(rubric), purse) as asked:
            sitting = keep_parts(asked, self, rubric, work)
            orders = [Part(sitting=sitting, view=kept_first), Part(sitting=sitting, view=kept_last)]
            draft = partial(self._draft, rubric=rubric)
            yield PairSitting(BundleSitting(orders, partial(_combine, rubric=rubric, draft=draft)), draft)

    def _draft(self, interaction: Interaction, salt: str, *, rubric: Rubric) -> Judgement:
        return Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=rubric.id,
            judge=self.identity,
            status=JudgementStatus.UNSCORED,
            reason=_NO_PAIR,
            attempts=0,
            prompt_digest=self.prompt_digest(rubric),
        )


class PairSitting:
    """A batch of pairs; an interaction without a second answer is answered without a call."""

    def __init__(self, pairs: BundleSitting, draft: Callable[[Interaction, str], Judgement]) -> None:
        self._pairs = pairs
        self._draft = draft
        self._alone: list[Judgement] = []

    @property
    def under_way(self) -> int:
        """How many were asked for and not collected yet."""
        return self._pairs.under_way + len(self._alone)

    def ask(self, interaction: Interaction, salt: str) -> bool:
        """Ask for both orders; False when some must be collected first.

        Raises:
            BudgetError: nothing is under way, and what is left does not pay for one more.
        """
        if interaction.answer is not None and _lost(interaction) is not None:
            return self._pairs.ask(interaction, salt)
        self._alone.append(self._draft(interaction, salt))
        return True

    def collect(self) -> list[Judgement]:
        """Wait for a verdict; those that are ready by now, in no order."""
        ready, self._alone = self._alone, []
        return ready or self._pairs.collect()


def kept_first(interaction: Interaction) -> Interaction:
    """What the judge is shown: the prompt, the kept answer, the one that lost; nothing says which is which."""
    return _shown(interaction, (interaction.answer or "", _lost(interaction) or ""))


def kept_last(interaction: Interaction) -> Interaction:
    """The same with the answers changed over."""
    return _shown(interaction, (_lost(interaction) or "", interaction.answer or ""))


def _shown(interaction: Interaction, answers: tuple[str, str]) -> Interaction:
    named = (Message(role=f"answer {place}", content=text) for place, text in enumerate(answers, start=1))
    return replace(interaction, messages=(*interaction.prompt, *named), rejected=())


def _lost(interaction: Interaction) -> str | None:
    """What the first of the rejected continuations said last; None without one."""
    turns = interaction.rejected[0].messages if interaction.rejected else ()
    return next((turn.content for turn in reversed(turns) if turn.role == "assistant"), None)


def _compared(rubric: Rubric) -> Rubric:
    """The rubric as it is read for a comparison: a critical failure belongs to one answer, not to two."""
    return replace(rubric, critical_failures=())


def _combine(
    interaction: Interaction,
    salt: str,
    verdicts: Sequence[Judgement],
    *,
    rubric: Rubric,
    draft: Callable[[Interaction, str], Judgement],
) -> Judgement:
    """One verdict out of those on both orders; unscored where one of them is."""
    first, last = verdicts
    facts: dict[str, Any] = {
        "attempts": first.attempts + last.attempts,
        "prompt_tokens": first.prompt_tokens + last.prompt_tokens,
        "completion_tokens": first.completion_tokens + last.completion_tokens,
        "cached_tokens": first.cached_tokens + last.cached_tokens,
        "cost_usd": first.cost_usd + last.cost_usd,
        "reported_model": first.reported_model if first.reported_model == last.reported_model else None,
    }
    said = replace(draft(interaction, salt), **facts)
    failed = next((one for one in verdicts if one.overall is None), None)
    if failed is not None:
        return replace(said, reason=failed.reason)
    mirrored = replace(first, criteria=tuple(_mirror(item, rubric) for item in first.criteria))
    overalls = weighted_overall(mirrored.criteria, rubric), weighted_overall(last.criteria, rubric)
    criteria = tuple(map(_mean, mirrored.criteria, last.criteria))
    depends = len({_side(overall, rubric) for overall in overalls}) > 1
    overall = _middle(rubric) if depends else weighted_overall(criteria, rubric)
    flags = dict.fromkeys((*first.flags, *last.flags, *(_place_flags(*overalls, rubric) if depends else ())))
    return replace(
        said,
        status=JudgementStatus.SCORED,
        criteria=criteria,
        overall=overall,
        judge_overall=holistic_score(criteria, rubric),
        flags=tuple(flags),
        reason=None,
    )


def _place_flags(kept_first: float | None, kept_last: float | None, rubric: Rubric) -> tuple[str, ...]:
    """What there is to say of a verdict that the order decides: which place wins, where one does in both orders."""
    sides = _side(kept_first, rubric), _side(kept_last, rubric)
    place = {(1, -1): (FIRST_WON,), (-1, 1): (LAST_WON,)}.get(sides, ())
    return (ORDER_DEPENDENT, *place)


def _middle(rubric: Rubric) -> float:
    return (rubric.lowest + rubric.highest) / 2


def _side(overall: float | None, rubric: Rubric) -> int:
    """1 where the kept answer is better, -1 where it is worse, 0 for neither."""
    apart = 0.0 if overall is None else round(overall - _middle(rubric), 9)
    return (apart > 0) - (apart < 0)


def _mirror(item: CriterionScore, rubric: Rubric) -> CriterionScore:
    return item if item.score is None else replace(item, score=rubric.lowest + rubric.highest - item.score)


def _mean(first: CriterionScore, last: CriterionScore) -> CriterionScore:
    """What both orders say of a criterion; it applies where both found that it does."""
    both = None if first.score is None or last.score is None else (first.score + last.score) / 2
    return CriterionScore(
        name=first.name,
        reasoning=f"kept answer first: {first.reasoning}\nkept answer last: {last.reasoning}",
        score=both,
        quotes=tuple(dict.fromkeys((*first.quotes, *last.quotes))),
        spread=None if both is None or first.score is None or last.score is None else abs(first.score - last.score),
    )


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Two answers to one prompt: ours is the one that may win."""

    prompt: tuple[Message, ...]
    ours: str
    theirs: str
    may_send: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a row of contests came to.

    Attributes:
        unscored: Contests without a verdict, by their place; they count for nobody.
        consistent: Contests in which both orders named the same winner, or both none.
        consistency_interval: Of their share of the scored ones, 95 %; None without any.
        calls: Asked of the judge for these verdicts, failed ones included; those still under way when a test stops
            are not waited for.
        sequential: How the sequential test ended; None where all contests were asked for.
    """

    wins: int
    ties: int
    losses: int
    unscored: tuple[tuple[int, str], ...]
    consistent: int
    consistency_interval: tuple[float, float] | None
    calls: int
    cost_usd: float
    sequential: SequentialResult | None

    @property
    def scored(self) -> int:
        """Contests with a verdict."""
        return self.wins + self.ties + self.losses


def compare_answers(
    judge: PairwiseJudge,
    contests: Sequence[Contest],
    rubric: Rubric,
    *,
    draw_salt: Callable[[], str],
    purse: Purse | None = None,
    plan: SequentialPlan | None = None,
) -> Comparison:
    """Who wins how often. With a `plan` no contest is asked for once the test has its verdict.

    Then no more contests are open at a time than the judge is asked at once, the oldest one that is missing included:
    behind a slow answer nothing is paid for that the verdict may make needless.

    Contests count in the order in which they are handed in, whichever answer comes first: hand them in at random.

    Raises:
        BudgetError: the purse does not pay for one more.
    """
    verdicts: list[Judgement] = []

    def scores() -> Generator[float, None, None]:
        most_open = len(contests) if plan is None else judge.at_once
        for verdict in _verdicts(judge, contests, rubric, draw_salt, purse or Purse(), most_open=most_open):
            verdicts.append(verdict)
            if verdict.overall is not None:
                yield (1 + _side(verdict.overall, rubric)) / 2

    sequential = None
    with closing(scores()) as walk:
        first = next(walk, None)
        if first is not None and plan is not None:
            sequential = compare(chain([first], walk), plan)
        else:
            deque(walk, maxlen=0)
    return _summary(verdicts, rubric, sequential)


def _verdicts(
    judge: PairwiseJudge,
    contests: Iterable[Contest],
    rubric: Rubric,
    draw_salt: Callable[[], str],
    purse: Purse,
    *,
    most_open: int,
) -> Iterator[Judgement]:
    """Verdicts in the order of the contests."""
    line = InOrder()
    with judge.sit(rubric, purse) as sitting:
        for place, contest in enumerate(contests):
            salt = draw_salt()
            while len(line) >= most_open or not sitting.ask(_as_interaction(contest, place, salt), salt):
                for verdict in sitting.collect():
                    line.put(verdict.salt, verdict)
                yield from line.release()
            line.expect(salt)
        while sitting.under_way:
            for verdict in sitting.collect():
                line.put(verdict.salt, verdict)
            yield from line.release()


def _as_interaction(contest: Contest, place: int, salt: str) -> Interaction:
    """The contest as the judge takes it; it goes into no store."""
    return Interaction(
        salt=salt,
        conversation="comparison",
        task_id="comparison",
        trigger=Trigger.SIMULATED,
        source="comparison",
        position=str(place),
        messages=(*contest.prompt, Message(role="assistant", content=contest.ours)),
        rejected=(Rejected(at=len(contest.prompt), messages=(Message(role="assistant", content=contest.theirs),)),),
        consent=Consent(send=contest.may_send),
    )


def _summary(verdicts: Sequence[Judgement], rubric: Rubric, sequential: SequentialResult | None) -> Comparison:
    scored = [verdict for verdict in verdicts if verdict.overall is not None]
    sides = [_side(verdict.overall, rubric) for verdict in scored]
    consistent = sum(ORDER_DEPENDENT not in verdict.flags for verdict in scored)
    return Comparison(
        wins=sides.count(1),
        ties=sides.count(0),
        losses=sides.count(-1),
        unscored=tuple(
            (place, verdict.reason or "") for place, verdict in enumerate(verdicts) if verdict.overall is None
        ),
        consistent=consistent,
        consistency_interval=wilson_interval(consistent, len(scored), _LEVEL) if scored else None,
        calls=sum(verdict.attempts for verdict in verdicts),
        cost_usd=sum(verdict.cost_usd for verdict in verdicts),
        sequential=sequential,
    )
