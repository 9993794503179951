"""`selftune judge swap`: whether the judge keeps its winner when two answers of the log change places."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.appointed import appointed_judge
from selftune.errors import NothingNewError
from selftune.judges.asking import ask_all
from selftune.judges.calibration.canaries import CANARY
from selftune.judges.pairwise import PairwiseJudge
from selftune.judges.purse import Purse
from selftune.loop.configured import make_judging
from selftune.loop.plan import latest_judgements
from selftune.records import Interaction, Judgement, Message, Rejected, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.project import Project

_MOST_READ: Final = 5000


def swap_answers(project: Project, count: int) -> Sequence[Judgement]:
    """Up to `count` pairs of answers to one prompt, each compared in both orders by the model behind the judge; kept.

    The verdicts bear a flag, so that none of them chooses a lesson.

    Raises:
        NothingNewError: no prompt of the log has two different answers that were judged.
        ConfigError: [judge] names no endpoint, or one that may not be reached.
        BudgetError: the judge's budget is used up; verdicts so far are kept.
    """
    identity, rubric = appointed_judge(project)
    pairs = _pairs(project, latest_judgements(project.store, identity, rubric.id)[-_MOST_READ:])
    if not pairs:
        raise NothingNewError(
            "no prompt of the log has two different answers that were judged: there is nothing to swap.",
            next_step="Let the champion answer more often ([capture] answers_per_prompt), or import preference pairs.",
        )
    random.Random(project.config.project.seed).shuffle(pairs)  # noqa: S311 - the draw must repeat, not be secret
    judging = replace(make_judging(project), name="pairwise")
    judge, purse = PairwiseJudge.from_config(judging), Purse(judging.budget_usd)
    kept_ids = {pair.asked.id: pair.kept_id for pair in pairs[:count]}
    asked = [pair.asked for pair in pairs[:count]]
    kept: list[Judgement] = []
    for interaction, verdict in ask_all(judge, asked, rubric, purse, project.context().draw_salt):
        flags = (*verdict.flags, CANARY)
        kept.append(replace(verdict, interaction_id=kept_ids[interaction.id], flags=flags))
        project.store.save(kept[-1:], event="swapped")
    return kept


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two answers as one interaction, the second as what lost, and the id of the kept one with the first answer."""

    kept_id: str
    asked: Interaction


def _pairs(project: Project, judgement_ids: Sequence[str]) -> list[_Pair]:
    """One pair for each interaction with a rejected answer, and for each prompt that got two different ones."""
    found: list[_Pair] = []
    answers: dict[str, list[Interaction]] = defaultdict(list)
    for judgement_id in judgement_ids:
        judgement = project.store.record(judgement_id, Judgement)
        interaction = project.store.record(judgement.interaction_id, Interaction)
        if interaction.answer is None or judgement.overall is None:
            continue
        if interaction.rejected:
            found.append(_Pair(kept_id=interaction.id, asked=interaction))
        else:
            prompt = digest_of([(message.role, message.content) for message in interaction.prompt])
            answers[prompt].append(interaction)
    for same in answers.values():
        other = next((item for item in same[1:] if item.answer != same[0].answer), None)
        if other is not None:
            found.append(_Pair(kept_id=same[0].id, asked=_against(same[0], other)))
    return found


def _against(first: Interaction, second: Interaction) -> Interaction:
    """The first with the answer of the second beside it; it is asked about and not kept."""
    lost = Rejected(at=len(first.prompt), messages=(Message(role="assistant", content=second.answer or ""),))
    consent = replace(first.consent, send=first.consent.send and second.consent.send)
    return replace(first, rejected=(lost,), consent=consent)
