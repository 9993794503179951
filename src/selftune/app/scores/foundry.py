"""Files of judged answers with five components a verdict: the overall is computed by our weights, the judge's kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, refuse
from selftune.errors import UnknownNameError
from selftune.judges.adopt import adopt_row
from selftune.judges.judged_files import read_judged_file
from selftune.judges.rubric import load_rubric
from selftune.records import JudgementStatus
from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.judges.judged_files import JudgedFile
    from selftune.records import Judgement, Rubric

_RUBRIC: Final = "character"
OVERALL: Final = "overall"
OWN: Final = "judge_overall"


class JudgedAnswers:
    """Reads `summary` and `results`."""

    name = "judged answers"

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether it holds results."""
        return isinstance(first.get("results"), list) and "summary" in first

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The overall of each answer, or with `--metric` one criterion's score, or the judge's own overall.

        Raises:
            UsageError: the file holds no judged answers.
            UnknownNameError: the rubric has no such criterion.
        """
        rubric, file = load_rubric(_RUBRIC), read_judged_file(path)
        metric = asked.metric or OVERALL
        if metric not in (known := [OVERALL, OWN, *(item.name for item in rubric.criteria if item.weight > 0)]):
            raise UnknownNameError("metric", metric, known)
        if not file.rows:
            raise refuse(path, "it holds no row")
        facts = SheetFacts(
            name=path.stem,
            format=self.name,
            metric=metric,
            scale=(rubric.lowest, rubric.highest),
            model=next((row.model for row in file.rows if row.model), None),
            judge=file.judge_model,
            rubric=rubric.name,
        )
        return ScoreSheet(_rows(file, rubric, metric), facts)


def _rows(file: JudgedFile, rubric: Rubric, metric: str) -> Iterator[ScoredRow]:
    for row in file.rows:
        judgement = adopt_row(row, file.judge_model, rubric, interaction_id=row.name, salt="")
        yield ScoredRow(
            item_id=row.name,
            score=_score(judgement, metric),
            reason=judgement.reason or f"the judge gave no {metric}",
            category=row.category,
            difficulty=row.difficulty,
            judge_overall=judgement.judge_overall,
            stated=row.stated if metric == OVERALL else None,
            critical=bool(judgement.critical_failures),
            asked=row.prompt or None,
        )


def _score(judgement: Judgement, metric: str) -> float | None:
    if judgement.status is not JudgementStatus.SCORED:
        return None
    if metric in {OVERALL, OWN}:
        return judgement.overall if metric == OVERALL else judgement.judge_overall
    return next((item.score for item in judgement.criteria if item.name == metric), None)
