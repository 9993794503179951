"""What a batch of verdicts will cost, said before the first call, and held against what it did cost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.judges.prompt import instructions, shown_turns
from selftune.judges.purse import Usage
from selftune.records import Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.context import Context
    from selftune.judges.base import JudgesMany
    from selftune.judges.purse import Prices
    from selftune.records import Interaction, Rubric

# So many verdicts on record say what the next ones cost; they are looked for among so many judgements.
_FEWEST_ON_RECORD: Final = 10
_MOST_ON_RECORD: Final = 500
_LOOKED_AT: Final = 5000
# Where none are: English prose has about four bytes a token, and a criterion with its quotes takes some five lines.
_BYTES_OF_A_TOKEN: Final = 4
_TOKENS_OF_A_CRITERION: Final = 90


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What so many verdicts will come to.

    Attributes:
        tokens: Prompts and verdicts together.
        on_record: On how many verdicts of the same judge on the same questions it rests; 0 for the transcripts' sizes.
    """

    verdicts: int
    tokens: float
    cost_usd: float
    on_record: int

    def describe(self) -> str:
        """The plan in words."""
        basis = f"as {self.on_record} on record" if self.on_record else "by the size of the transcripts"
        cost = f", ${self.cost_usd:.4f}" if self.cost_usd else ""
        return f"{self.verdicts:,} to judge: about {self.tokens:,.0f} tokens{cost}, {basis}"

    def compare(self, tokens: int, cost_usd: float) -> str:
        """What it has come to so far beside what was planned."""
        cost = f", ${cost_usd:.4f} of about ${self.cost_usd:.4f}" if cost_usd or self.cost_usd else ""
        return f"{tokens:,} of about {self.tokens:,.0f} tokens{cost}"


def plan_bill(
    judge: JudgesMany,
    rubric: Rubric,
    questions: Iterable[tuple[Interaction, Judgement | None]],
    context: Context,
    prices: Sequence[Prices],
) -> Bill | None:
    """The bill for those questions that have no verdict yet, None where all have one.

    `prices` are those of each call that makes a verdict.
    """
    by_size = bill_by_size(rubric, (interaction for interaction, found in questions if found is None), prices)
    if by_size is None:
        return None
    known = list(islice(_on_record(judge, rubric, context), _MOST_ON_RECORD))
    if len(known) < _FEWEST_ON_RECORD:
        return by_size
    tokens = fmean(item.prompt_tokens + item.completion_tokens for item in known)
    cost = fmean(item.cost_usd for item in known)
    verdicts = by_size.verdicts
    return Bill(verdicts=verdicts, tokens=verdicts * tokens, cost_usd=verdicts * cost, on_record=len(known))


def bill_by_size(rubric: Rubric, transcripts: Iterable[Interaction], prices: Sequence[Prices]) -> Bill | None:
    """The bill for verdicts on these by the size of what is sent, where nothing like it is on record; None for none."""
    fixed = len(instructions(rubric).encode())
    verdicts, size = 0, 0
    for interaction in transcripts:
        verdicts += 1
        size += fixed + sum(len(turn.encode()) for turn in shown_turns(interaction))
    if not verdicts:
        return None
    usage = Usage(prompt=size // _BYTES_OF_A_TOKEN, completion=verdicts * _TOKENS_OF_A_CRITERION * len(rubric.criteria))
    return Bill(
        verdicts=verdicts,
        tokens=len(prices) * (usage.prompt + usage.completion),
        cost_usd=sum(price.cost(usage) for price in prices),
        on_record=0,
    )


def _on_record(judge: JudgesMany, rubric: Rubric, context: Context) -> Iterable[Judgement]:
    question = (judge.identity, rubric.id, judge.prompt_digest(rubric))
    return (
        item
        for _, item in islice(context.read.each(Judgement), _LOOKED_AT)
        if (item.judge, item.rubric_digest, item.prompt_digest) == question
        and item.status is JudgementStatus.SCORED
        and item.prompt_tokens
    )
