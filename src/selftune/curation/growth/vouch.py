"""vouch: the verdict of the checks on grown interactions, from the very case that each was grown for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.growth.cases import draw_cases
from selftune.curation.growth.checks import objections
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus
from selftune.scoring.state_obedience import check_answer, grade, parse_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Context
    from selftune.curation.growth.cases import Case
    from selftune.records import Interaction

STAGE_VERSION: Final = 1

SOURCE: Final = "grown"
CHECKS: Final = JudgeIdentity(name="growth_checks", version="1")
_FAILED: Final = "edge_failed"


@dataclass(frozen=True, kw_only=True)
class Vouching:
    """By which rubric's names and scale the verdicts are given."""

    rubric_digest: str


def vouch(interactions: Iterable[Interaction], config: Vouching, context: Context) -> Iterator[Judgement]:
    """A judgement for each grown interaction; the case is drawn again from its place, so no label can be forged."""
    for interaction in interactions:
        yield _judged(interaction, case_at(interaction.position), config.rubric_digest, context.draw_salt())


def position_of(case: Case, second: bool) -> str:
    """Where a case stands: its pair, and which of the two it is."""
    return f"{case.pair}-{'b' if second else 'a'}"


def case_at(position: str) -> Case:
    """The case that stands at a position."""
    family, seed, place, letter = position.rsplit("-", 3)
    return draw_cases(family, int(seed), int(place))[letter == "b"]


def _judged(interaction: Interaction, case: Case, rubric_digest: str, salt: str) -> Judgement:
    answer = interaction.answer or ""
    findings = check_answer(case.expectation, answer, parse_state(case.system))
    faults = objections(case, answer)
    scores = grade(findings)
    reasons = {name: " ".join(item.reason for item in findings.items if item.criterion == name) for name in scores}
    return Judgement(
        salt=salt,
        interaction_id=interaction.id,
        rubric_digest=rubric_digest,
        judge=CHECKS,
        status=JudgementStatus.SCORED,
        criteria=tuple(
            CriterionScore(name=name, reasoning=reasons[name], score=score) for name, score in scores.items()
        ),
        overall=sum(scores.values()) / len(scores),
        critical_failures=(_FAILED,) if faults else (),
    )
