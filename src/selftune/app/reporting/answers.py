"""What a model answered, item by item, wherever it was kept: an evaluation of ours, or a file of judged answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.records import JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from selftune.judges.judged_files import JudgedRow
    from selftune.records import Evaluation, ItemOutcome, Rubric, SuiteItem

_RUBRIC = "character"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer to one item.

    Attributes:
        asked: Who spoke and what, in order; empty where nobody knows any more.
        text: All that the model said, turn by turn.
        cluster: What items have in common that rise and fall together.
        unscored: Why there is no score.
        critical: Names of critical failures.
    """

    item_id: str
    category: str
    asked: tuple[tuple[str, str], ...]
    text: str
    score: float | None
    repeat: str = "0"
    cluster: str | None = None
    reasons: tuple[str, ...] = ()
    unscored: str | None = None
    critical: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """All that was asked, as one text."""
        return "\n".join(text for _, text in self.asked)


@dataclass(frozen=True, kw_only=True)
class AnswerSheet:
    """All answers of one model.

    Attributes:
        identity: Names these answers and no others: what is drawn by chance is drawn by it.
        scale: The lowest and the highest score there can be.
    """

    name: str
    identity: str
    scale: tuple[float, float]
    answers: tuple[Answered, ...]

    def by_item(self) -> dict[str, tuple[Answered, ...]]:
        """The answers to each item, in the order of the sheet."""
        found: dict[str, tuple[Answered, ...]] = {}
        for answer in self.answers:
            found[answer.item_id] = (*found.get(answer.item_id, ()), answer)
        return found


def sheet_of_evaluation(evaluation: Evaluation, name: str, items: Mapping[str, SuiteItem]) -> AnswerSheet:
    """An evaluation's answers; `items` are those of its suite, empty where the suite is not at hand any more."""
    return AnswerSheet(
        name=name,
        identity=evaluation.id,
        scale=(0.0, 1.0),
        answers=tuple(_of_outcome(one, items.get(one.item_id)) for one in evaluation.outcomes),
    )


def _of_outcome(outcome: ItemOutcome, item: SuiteItem | None) -> Answered:
    follow_ups = tuple(("user", text) for text in item.follow_ups) if item else ()
    return Answered(
        item_id=outcome.item_id,
        category=outcome.category,
        asked=(*((message.role, message.content) for message in item.messages), *follow_ups) if item else (),
        text="\n\n".join(outcome.turns) or outcome.answer,
        score=outcome.score,
        repeat=str(outcome.repeat),
        cluster=outcome.pair,
        reasons=outcome.reasons,
        unscored=None if outcome.score is not None else outcome.unscored_reason or "no reason given",
        critical=outcome.critical_failures,
    )


def sheet_of_judged_file(path: Path) -> AnswerSheet:
    """The answers in a file of judged answers, scored by our weights.

    Raises:
        MissingFileError, UsageError: there is no such file, or it holds no judged answers.
    """
    from selftune.judges.judged_files import read_judged_file
    from selftune.judges.rubric import load_rubric
    from selftune.records import digest_file

    rubric, file = load_rubric(_RUBRIC), read_judged_file(path)
    return AnswerSheet(
        name=path.stem,
        identity=digest_file(path),
        scale=(rubric.lowest, rubric.highest),
        answers=tuple(_of_row(row, file.judge_model, rubric) for row in file.rows),
    )


def _of_row(row: JudgedRow, judge_model: str, rubric: Rubric) -> Answered:
    from selftune.judges.adopt import adopt_row

    judgement = adopt_row(row, judge_model, rubric, interaction_id=row.name, salt="")
    scored = judgement.status is JudgementStatus.SCORED
    return Answered(
        item_id=row.name,
        category=row.category or "",
        asked=(("user", row.prompt),),
        text=row.response,
        score=judgement.overall if scored else None,
        reasons=tuple(
            f"{one.name} {one.score:g}: {one.reasoning}" for one in judgement.criteria if one.score is not None
        ),
        unscored=None if scored else judgement.reason or "no reason given",
        critical=judgement.critical_failures,
    )
