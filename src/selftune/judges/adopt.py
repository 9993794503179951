"""Adopt verdicts that another tool's judge gave: our overall beside the judge's own, no failure taken for a zero."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.judges.judged_files import number, read_judged_file
from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.rubric import load_rubric
from selftune.judges.verdict import NoVerdictError, writable
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.context import Context
    from selftune.judges.judged_files import JudgedRow
    from selftune.records import Codex, Criterion, Rubric

STAGE_VERSION: Final = 2

NAMED_BY_THE_JUDGE: Final = "named_by_the_judge"
FAILED: Final = "the judge failed"
# What the tool wrote into every criterion, with a score of 0, when its judge could not be reached or read.
_FAULT: Final = re.compile(r"\s*(?:judge|parse) error\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class JudgedAnswers:
    """A file of judged answers, and the interaction that each row became, in order; None where it is none."""

    path: Path
    interaction_ids: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Adopting:
    """By which rubric the verdicts were given: a shipped name or a file's path, what it quotes, and its digest.

    Attributes:
        door: What the judge's words pass before they are kept; without one they stay as they are.
    """

    rubric: str
    rubric_digest: str
    codex: Codex | None = None
    door: Door | None = None


class Door(Protocol):
    """What the words of another tool's judge pass before they are kept: they may quote what a person said."""

    def clean(self, text: str) -> str:
        """The text as it may be kept."""
        ...


def adopt(inputs: JudgedAnswers, config: Adopting, context: Context) -> Iterator[Judgement]:
    """A judgement for each row that is an interaction: scored, or unscored with the reason.

    Raises:
        MissingFileError: the file or the rubric is gone.
        UsageError: the file holds no judged answers.
    """
    rubric, file = load_rubric(config.rubric, config.codex), read_judged_file(inputs.path)
    for row, interaction_id in zip(file.rows, inputs.interaction_ids, strict=True):
        if interaction_id is not None:
            judgement = adopt_row(row, file.judge_model, rubric, interaction_id, context.draw_salt())
            yield judgement if config.door is None else _through(config.door, judgement)


def adopt_row(row: JudgedRow, judge_model: str, rubric: Rubric, interaction_id: str, salt: str) -> Judgement:
    """The verdict of one row, its overall computed anew; unscored when a criterion is missing or holds a failure."""
    facts: dict[str, Any] = {
        "salt": salt,
        "interaction_id": interaction_id,
        "rubric_digest": rubric.id,
        "judge": JudgeIdentity(name=f"imported:{judge_model}", version="as imported", lineage=(judge_model,)),
    }
    try:
        criteria = _criteria(row.scores, rubric)
    except NoVerdictError as error:
        return Judgement(**facts, status=JudgementStatus.UNSCORED, reason=writable(str(error)))
    return Judgement(
        **facts,
        status=JudgementStatus.SCORED,
        criteria=criteria,
        overall=weighted_overall(criteria, rubric),
        judge_overall=holistic_score(criteria, rubric),
        critical_failures=(NAMED_BY_THE_JUDGE,) if row.scores.get("critical_failures") else (),
    )


def _through(door: Door, judgement: Judgement) -> Judgement:
    return replace(
        judgement,
        criteria=tuple(replace(one, reasoning=door.clean(one.reasoning)) for one in judgement.criteria),
        reason=None if judgement.reason is None else door.clean(judgement.reason),
    )


def _criteria(scores: Any, rubric: Rubric) -> tuple[CriterionScore, ...]:
    """Every criterion with a weight, as the judge scored it, then the judge's view of the whole.

    Raises:
        NoVerdictError: the judge failed, or a criterion is missing, without reasoning or off the scale.
    """
    if not isinstance(scores, dict):
        raise NoVerdictError("the row has no verdict")
    weighed = tuple(_criterion(scores, item, rubric) for item in rubric.criteria if item.weight > 0)
    return (*weighed, *(_whole(scores, item, rubric) for item in rubric.criteria if item.weight == 0))


def _criterion(scores: dict[str, Any], criterion: Criterion, rubric: Rubric) -> CriterionScore:
    entry = scores.get(criterion.name)
    if not isinstance(entry, dict):
        raise NoVerdictError(f"criterion {criterion.name!r} is missing")
    reasoning, score = entry.get("justification"), number(entry.get("score"))
    if not isinstance(reasoning, str) or not reasoning.strip():
        raise NoVerdictError(f"criterion {criterion.name!r} has no reasoning")
    if _FAULT.match(reasoning):
        raise NoVerdictError(f"{FAILED}: {' '.join(reasoning.split())}")
    if score is None or not rubric.lowest <= score <= rubric.highest:
        raise NoVerdictError(
            f"the score of {criterion.name!r} is no number from {rubric.lowest:g} to {rubric.highest:g}"
        )
    return CriterionScore(name=criterion.name, reasoning=writable(reasoning), score=score)


def _whole(scores: dict[str, Any], criterion: Criterion, rubric: Rubric) -> CriterionScore:
    """The judge's own overall with what it said beside it; no score where it gave none, never a default."""
    own = number(scores.get(criterion.name))
    fits = own is not None and rubric.lowest <= own <= rubric.highest
    said = {name: scores.get(name) for name in ("strongest_element", "weakest_element", "critical_failures")}
    lines = [f"{name}: {_joined(value)}" for name, value in said.items() if value]
    reasoning = "\n".join(lines) or "The judge said nothing of the whole."
    return CriterionScore(name=criterion.name, reasoning=writable(reasoning), score=own if fits else None)


def _joined(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
