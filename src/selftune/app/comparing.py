"""`selftune judge compare`: two files of answers to the same prompts, compared by a judge in both orders.

The answers pass the same door as any log and go into no store: what comes of it is told, not kept.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.governance.independence import shared_families
from selftune.interactions.detect import open_sources
from selftune.interactions.stage import capture
from selftune.judges.pairwise import Contest, PairwiseJudge, compare_answers
from selftune.judges.purse import Purse
from selftune.loop.configured import make_judging
from selftune.loop.ejected import rubric_of
from selftune.loop.incoming.privacy import rules_of
from selftune.records import Interaction
from selftune.scoring.sequential import SequentialPlan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from selftune.judges.pairwise import Comparison
    from selftune.loop.project import Project

Prompt = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ComparedFiles:
    """What comparing two files came to.

    Attributes:
        pairs: Prompts that both files answer; those of only one are counted beside and ask nobody.
        related: Model families that the judge shares with those that wrote the answers: it may favour its own.
    """

    judge: str
    rubric: str
    pairs: int
    only_ours: int
    only_theirs: int
    related: tuple[str, ...]
    comparison: Comparison


def compare_files(
    project: Project, ours: Path, theirs: Path, *, rubric: str | None = None, sequential: bool = False
) -> ComparedFiles:
    """How often the answers of `ours` are better than those of `theirs`, by the project's endpoint as pairwise judge.

    Raises:
        UsageError: the files share no prompt.
        ConfigError: [judge] names no endpoint, or one that may not be reached.
        BudgetError: the judge's budget is used up.
    """
    asked = replace(make_judging(project), name="pairwise")
    by = rubric_of(project.folder, project.config, rubric or "")
    judge = PairwiseJudge.from_config(asked)
    first, second = _read(project, ours), _read(project, theirs)
    pairs = _paired(first, second)
    if not pairs:
        raise UsageError(
            f"{ours.name} and {theirs.name} share no prompt.", next_step="Compare answers to the same prompts."
        )
    # By chance, so that whatever order the files have stops no test early.
    random.Random(project.config.project.seed).shuffle(pairs)  # noqa: S311 - the order must repeat, not be secret
    comparison = compare_answers(
        judge,
        [_contest(*pair) for pair in pairs],
        by,
        draw_salt=project.context().draw_salt,
        purse=Purse(asked.budget_usd),
        plan=SequentialPlan() if sequential else None,
    )
    writers = {item.generated_by for pair in pairs for item in pair} - {None}
    return ComparedFiles(
        judge=judge.identity.name,
        rubric=by.name,
        pairs=len(pairs),
        only_ours=_count(first) - len(pairs),
        only_theirs=_count(second) - len(pairs),
        related=shared_families(judge.identity.lineage, tuple(map(str, writers))),
        comparison=comparison,
    )


def _read(project: Project, path: Path) -> dict[Prompt, deque[Interaction]]:
    """The answered interactions of a file by their prompts."""
    found: dict[Prompt, deque[Interaction]] = defaultdict(deque)
    for item in capture(open_sources(path), rules_of(project.config), project.context()):
        if isinstance(item, Interaction) and item.answer is not None:
            found[tuple((turn.role, turn.content) for turn in item.prompt)].append(item)
    return found


def _paired(
    first: dict[Prompt, deque[Interaction]], second: dict[Prompt, deque[Interaction]]
) -> list[tuple[Interaction, Interaction]]:
    """Answers to equal prompts, the n-th to a prompt with the n-th."""
    shared = [prompt for prompt in first if prompt in second]
    return [pair for prompt in shared for pair in zip(first[prompt], second[prompt], strict=False)]


def _contest(ours: Interaction, theirs: Interaction) -> Contest:
    return Contest(
        prompt=ours.prompt,
        ours=ours.answer or "",
        theirs=theirs.answer or "",
        may_send=ours.consent.send and theirs.consent.send,
    )


def _count(answers: dict[Prompt, deque[Interaction]]) -> int:
    return sum(map(len, answers.values()))


def in_words(outcome: ComparedFiles) -> Iterable[str]:
    """The outcome as lines for a person."""
    found = outcome.comparison
    asked = found.scored + len(found.unscored)
    yield f"{outcome.judge} on {asked} of {outcome.pairs} shared prompts, each in both orders ({found.calls} calls)"
    yield f"  better {found.wins}, tied {found.ties}, worse {found.losses}, unscored {len(found.unscored)}"
    if found.consistency_interval is not None:
        low, high = found.consistency_interval
        share = found.consistent / found.scored
        yield f"  same winner in both orders: {share:.0%} (95 % {low:.0%} to {high:.0%}, n = {found.scored})"
    if found.sequential is not None:
        result, (low, high) = found.sequential, found.sequential.interval
        yield (
            f"  sequential test: {result.verdict} after {result.n} (p = {result.p_value:.3g}; "
            f"win rate {result.total / result.n:.0%}, 95 % {low:.0%} to {high:.0%} wherever one stops)"
        )
    if outcome.only_ours or outcome.only_theirs:
        yield f"  answered by one file only: {outcome.only_ours} and {outcome.only_theirs}"
    if outcome.related:
        yield f"  the judge is kin of what it judges ({', '.join(outcome.related)}): it may favour its own"
    if found.cost_usd:
        yield f"  ${found.cost_usd:.4f}"
