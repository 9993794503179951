"""A batch of verdicts: what they come to, and when a judge that makes things up is stopped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.errors import JudgeMissingError
from selftune.judges.evidence import UNSUPPORTED
from selftune.judges.injection.find import INJECTION_SUSPECTED
from selftune.judges.injection.probe import UNMOVED
from selftune.judges.overall import hides_a_penalty
from selftune.records import JudgementStatus
from selftune.scoring.poses import Pose

if TYPE_CHECKING:
    from selftune.judges.bill import Bill
    from selftune.records import Judgement, Rubric

MOST_UNSUPPORTED: Final = 0.2
_POSES: Final = frozenset(Pose)
# Fewer say nothing about a judge: one slip in three verdicts is a third.
_FEWEST_UNSUPPORTED: Final = 5


class Batch:
    """Counts verdicts as they come.

    Attributes:
        judged: How many came, scored or not.
        scored: How many have a score.
        reasons: Why the others have none.
        unsupported: How many of the scored ones quote words that stand nowhere in the transcript.
        gaps: How many of the scored ones lie further from the judge's own overall than `hides_a_penalty` lets pass.
        suspected: How many address the judge.
        poses: How many answers are none: empty, an echo, or the same to everything.
        unmoved: How many the judge found as good once they were spoiled.
        recalled: How many were paid for before, and cost nothing now.
        tokens: Of all calls now, prompts and verdicts.
        cost_usd: What they cost, by the prices in the config.
        planned: What they were said to come to before the first call.
        models: Which models the endpoint says gave the scored ones.
    """

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self.judged = 0
        self.scored = 0
        self.reasons: Counter[str] = Counter()
        self.unsupported = 0
        self.gaps = 0
        self.suspected = 0
        self.poses = 0
        self.unmoved = 0
        self.recalled = 0
        self.tokens = 0
        self.cost_usd = 0.0
        self.models: set[str] = set()
        self.planned: Bill | None = None

    def add(self, judgement: Judgement) -> None:
        """Count one more."""
        self.judged += 1
        if judgement.status is not JudgementStatus.SCORED:
            self.reasons[judgement.reason or judgement.status] += 1
            return
        self.scored += 1
        if judgement.reported_model is not None:
            self.models.add(judgement.reported_model)
        self.unsupported += UNSUPPORTED in judgement.flags
        self.gaps += hides_a_penalty(judgement, self._rubric)
        self.suspected += INJECTION_SUSPECTED in judgement.flags
        self.poses += not _POSES.isdisjoint(judgement.flags)
        self.unmoved += UNMOVED in judgement.flags

    def pay(self, judgement: Judgement) -> None:
        """Add what one verdict cost, as soon as the bill is there."""
        self.tokens += judgement.prompt_tokens + judgement.completion_tokens
        self.cost_usd += judgement.cost_usd

    def describe(self) -> str:
        """What there is to say after the number judged; costs and faults only where there are some."""
        facts = {
            "known before": self.recalled,
            "unscored": self.judged - self.scored,
            "with a quote that nobody said": self.unsupported,
            "far from the judge's own overall": self.gaps,
            "addressing the judge": self.suspected,
            "answers that are none": self.poses,
            "as good when spoiled": self.unmoved,
        }
        told = [f"{count} {what}" for what, count in facts.items() if count]
        if len(self.models) > 1:
            told.append(f"by {len(self.models)} models: {', '.join(sorted(self.models))}")
        if self.planned is not None:
            told.append(self.planned.compare(self.tokens, self.cost_usd))
        elif self.tokens:
            told.append(f"{self.tokens:,} tokens, ${self.cost_usd:.4f}")
        return ", ".join(["judged", *told])

    def refuse_invented_quotes(self, judge_name: str) -> None:
        """Stop when too many verdicts rest on words that nobody said.

        Raises:
            JudgeMissingError: they are five or more, and more than a fifth of the scored ones.
        """
        if self.unsupported < _FEWEST_UNSUPPORTED or self.unsupported <= MOST_UNSUPPORTED * self.scored:
            return
        raise JudgeMissingError(
            f"judge {judge_name!r} quotes words that stand nowhere in the transcript in {self.unsupported} of "
            f"{self.scored} verdicts ({self.unsupported / self.scored:.0%}); {MOST_UNSUPPORTED:.0%} are let pass.",
            next_step="Name another model as judge in selftune.toml, under [judge].",
        )
