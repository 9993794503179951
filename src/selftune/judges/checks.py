"""The programmatic judge: does the answer obey the state? It sees no labels, only what a reader of the log sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from selftune.judges.overall import weighted_overall
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus

if TYPE_CHECKING:
    from selftune.judges.config import Judging
    from selftune.records import Interaction, Rubric
    from selftune.scoring.state_obedience import Expectation, Findings, State

_NO_STATE: Final = "no state block that can be read in the system message"
_NOT_ASKED: Final = "nothing that the state answers was asked"
_NO_ANSWER: Final = "the assistant has not answered"


class ChecksJudge:
    """Scores state obedience by rules: from the state and the user's words it infers what a right answer must hold."""

    identity = JudgeIdentity(name="checks", version="1")

    @classmethod
    def from_config(cls, config: Judging) -> Self:  # noqa: ARG003 - every judge is made from the config; this one needs none
        """The judge; nothing about it can be set."""
        return cls()

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """A score from 1 to 5 for each criterion that applies, each with a sentence that quotes what was found."""
        from selftune.scoring.state_obedience import Behaviour, check_answer  # a status only asks who judges

        state, expectation = _expected(interaction)
        answer = interaction.answer
        if answer is None or state is None or expectation is None:
            reason = _NO_ANSWER if answer is None else _NO_STATE if state is None else _NOT_ASKED
            return self._unscored(interaction, rubric, salt, reason)
        findings = check_answer(expectation, answer, state)
        criteria = _criteria(findings, rubric)
        overall = weighted_overall(criteria, rubric)
        if overall is None:
            return self._unscored(interaction, rubric, salt, f"rubric {rubric.name!r} has no criterion that it checks")
        lost = expectation.behaviour is Behaviour.IDENTITY and any(
            item.criterion == "identity" and not item.passed for item in findings.items
        )
        return Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=rubric.id,
            judge=self.identity,
            status=JudgementStatus.SCORED,
            criteria=criteria,
            overall=overall,
            critical_failures=("identity_not_kept",) if lost else (),
        )

    def _unscored(self, interaction: Interaction, rubric: Rubric, salt: str, reason: str) -> Judgement:
        return Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=rubric.id,
            judge=self.identity,
            status=JudgementStatus.UNSCORED,
            reason=reason,
        )


def _expected(interaction: Interaction) -> tuple[State | None, Expectation | None]:
    """The state, and what the last turn of the user asks of it."""
    from selftune.scoring.state_obedience import infer_expectation, parse_state

    system = next((message.content for message in interaction.prompt if message.role == "system"), "")
    state = parse_state(system) if interaction.state is not None else None
    turns = [message.content for message in interaction.prompt if message.role == "user"]
    return state, infer_expectation(state, turns[-1]) if turns else None


def _criteria(findings: Findings, rubric: Rubric) -> tuple[CriterionScore, ...]:
    from selftune.scoring.state_obedience import grade

    scores = grade(findings)
    return tuple(
        CriterionScore(
            name=criterion.name, reasoning=_reasoning(findings, criterion.name), score=scores.get(criterion.name)
        )
        for criterion in rubric.criteria
    )


def _reasoning(findings: Findings, criterion: str) -> str:
    reasons = [
        item.reason for item in sorted(findings.items, key=lambda item: item.passed) if item.criterion == criterion
    ]
    return " ".join(reasons) or "Not asked for here."
