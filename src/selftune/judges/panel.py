"""A panel: several judges on one interaction; the median of each criterion counts, and where they differ stands beside.

The median and not the mean: one judge that was talked into a score, or fell for a style, moves it little.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final, Self

from selftune.errors import ConfigError
from selftune.judges.base import JudgesMany
from selftune.judges.bundle import BundleSitting, Part
from selftune.judges.oracle import at_one_table
from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.parts import keep_parts
from selftune.judges.purse import Purse
from selftune.plugins import load_plugin
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus, MemberVerdict, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Work
    from selftune.judges.base import Judge
    from selftune.judges.config import Judging
    from selftune.records import Criterion, Interaction, Rubric

DISAGREEMENT: Final = "disagreement"
_FEWEST_MEMBERS: Final = 2


class PanelJudge:
    """Judges by asking several judges.

    Args:
        members: Who sits on it.
        quorum: How many must have scored; with fewer there is no verdict.
        disagreement: From which gap on the verdict is marked, as a share of the rubric's scale.
        budget_usd: What a single verdict may cost, asked for outside a batch.
    """

    def __init__(
        self, members: Sequence[Judge], *, quorum: int, disagreement: float, budget_usd: float | None = None
    ) -> None:
        self._members = tuple(members)
        self._quorum = quorum
        self._disagreement = disagreement
        self._budget_usd = budget_usd
        names = ", ".join(member.identity.name for member in self._members)
        ancestors = dict.fromkeys(name for member in self._members for name in member.identity.lineage)
        version = digest_of([[member.identity for member in self._members], quorum, disagreement])
        self.identity = JudgeIdentity(name=f"panel({names})", version=version[-16:], lineage=tuple(ancestors))

    @classmethod
    def from_config(cls, config: Judging) -> Self:
        """The panel that the config describes.

        Raises:
            ConfigError: it has fewer than two members, one stands twice, or quorum and gap make no sense.
            UnknownNameError: a member's name is registered nowhere.
        """
        members = [
            load_plugin("selftune.judges", member.name).from_config(replace(config, **vars(member), members=()))
            for member in config.members
        ]
        names = [member.identity.name for member in members]
        faults = {
            "a panel needs two [[judge.members]] or more": len(members) < _FEWEST_MEMBERS,
            "a member stands twice": len(set(names)) < len(names),
            f"quorum must lie between 1 and {len(members)}": not 1 <= config.quorum <= len(members),
            "disagreement must lie between 0 and 1": not 0 <= config.disagreement <= 1,
        }
        for fault, found in faults.items():
            if found:
                raise ConfigError(f"[judge] {fault}.", next_step="Correct it in selftune.toml.")
        return cls(members, quorum=config.quorum, disagreement=config.disagreement, budget_usd=config.budget_usd)

    def prompt_digest(self, rubric: Rubric) -> str:
        """Names what all members are asked."""
        return digest_of([one.prompt_digest(rubric) for one in self._members if isinstance(one, JudgesMany)])

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """The panel's verdict on one interaction."""
        with self.sit(rubric, Purse(self._budget_usd)) as sitting:
            sitting.ask(interaction, salt)
            return sitting.collect()[0]

    @contextmanager
    def sit(self, rubric: Rubric, purse: Purse, work: Work | None = None) -> Iterator[BundleSitting]:
        """A batch in which every member is asked about every interaction, and what it says is kept by its name."""
        with asyncio.Runner() as runner, ExitStack() as stack:

            def seat(member: Judge) -> Part:
                if not isinstance(member, JudgesMany):
                    return Part(sitting=partial(_judge_at_once, member, rubric))
                sitting = stack.enter_context(member.sit(rubric, purse, work))
                return Part(sitting=keep_parts(sitting, member, rubric, work))

            with at_one_table(runner):
                parts = list(map(seat, self._members))
            yield BundleSitting(parts, partial(self._combine, rubric=rubric))

    def _combine(
        self, interaction: Interaction, salt: str, verdicts: Sequence[Judgement], *, rubric: Rubric
    ) -> Judgement:
        """One verdict out of those of the members; a criterion counts where a quorum found that it applies."""
        scored = [one for one in verdicts if one.status is JudgementStatus.SCORED]
        draft = Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=rubric.id,
            judge=self.identity,
            status=JudgementStatus.UNSCORED,
            attempts=sum(one.attempts for one in verdicts),
            prompt_tokens=sum(one.prompt_tokens for one in verdicts),
            completion_tokens=sum(one.completion_tokens for one in verdicts),
            cached_tokens=sum(one.cached_tokens for one in verdicts),
            cost_usd=sum(one.cost_usd for one in verdicts),
            prompt_digest=self.prompt_digest(rubric),
            reported_model=_models(verdicts),
            members=tuple(map(_member, verdicts)),
        )
        if len(scored) < self._quorum:
            silent = "; ".join(f"{one.judge.name}: {one.reason}" for one in verdicts if one not in scored)
            return replace(
                draft, reason=f"{len(scored)} of {len(verdicts)} members scored, {self._quorum} must: {silent}"
            )
        criteria = tuple(self._criterion(criterion, scored) for criterion in rubric.criteria)
        overall = weighted_overall(criteria, rubric)
        if overall is None:
            return replace(draft, criteria=criteria, reason="no criterion applies to enough members")
        return replace(
            draft,
            status=JudgementStatus.SCORED,
            criteria=criteria,
            overall=overall,
            judge_overall=holistic_score(criteria, rubric),
            critical_failures=_critical_failures(scored, rubric),
            flags=self._flags(scored, criteria, rubric),
        )

    def _criterion(self, criterion: Criterion, scored: Sequence[Judgement]) -> CriterionScore:
        """The median of the members that found that it applies, each with its reasoning."""
        said = [(one.judge.name, _find(one, criterion.name)) for one in scored]
        scores = [found.score for _, found in said if found is not None and found.score is not None]
        counts = len(scores) >= self._quorum
        return CriterionScore(
            name=criterion.name,
            reasoning="\n".join(f"{name}: {found.reasoning}" for name, found in said if found is not None),
            score=median(scores) if counts else None,
            quotes=tuple(dict.fromkeys(quote for _, found in said if found is not None for quote in found.quotes)),
            spread=max(scores) - min(scores) if counts else None,
        )

    def _flags(
        self, scored: Sequence[Judgement], criteria: Sequence[CriterionScore], rubric: Rubric
    ) -> tuple[str, ...]:
        """What any member marked, and whether they lie too far apart on a criterion that counts."""
        weighted = {criterion.name for criterion in rubric.criteria if criterion.weight > 0}
        gaps = [item.spread for item in criteria if item.spread is not None and item.name in weighted]
        apart = max(gaps, default=0.0) > self._disagreement * (rubric.highest - rubric.lowest)
        flags = dict.fromkeys(flag for one in scored for flag in one.flags)
        return (*flags, DISAGREEMENT) if apart else tuple(flags)


def _judge_at_once(member: Judge, rubric: Rubric, interaction: Interaction, salt: str) -> Judgement:
    return member.judge(interaction, rubric, salt)


def _find(judgement: Judgement, name: str) -> CriterionScore | None:
    return next((item for item in judgement.criteria if item.name == name), None)


def _member(judgement: Judgement) -> MemberVerdict:
    return MemberVerdict(
        judge=judgement.judge, status=judgement.status, overall=judgement.overall, reason=judgement.reason
    )


def _models(verdicts: Sequence[Judgement]) -> str | None:
    """What the members' endpoints reported; None where one said nothing, so that nobody takes it for a change."""
    models = [one.reported_model for one in verdicts if one.judge.lineage]
    return None if not models or None in models else ", ".join(map(str, models))


def _critical_failures(scored: Sequence[Judgement], rubric: Rubric) -> tuple[str, ...]:
    """What any member named, in the rubric's order: a failure that no mean may hide is not outvoted either."""
    named = dict.fromkeys(name for one in scored for name in one.critical_failures)
    known = [failure.name for failure in rubric.critical_failures if failure.name in named]
    return tuple(dict.fromkeys([*known, *named]))
