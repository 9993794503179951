"""Evaluations of our own: the record as the store keeps it, exported as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.errors import UsageError
from selftune.records import Evaluation, decode_record
from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.app.scores.base import Asked
    from selftune.records import ItemOutcome


class OurEvaluations:
    """Reads the record of an evaluation."""

    name = "selftune"

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether it is such a record."""
        return first.get("record") == Evaluation.KIND

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The score of each item.

        Raises:
            IntegrityError: the record is damaged.
        """
        del asked
        return sheet_of(decode_record(path.read_text(encoding="utf-8"), Evaluation), path.stem)


def sheet_of(evaluation: Evaluation, name: str) -> ScoreSheet:
    """An evaluation as a sheet; the items of a pair are a cluster.

    Raises:
        UsageError: its items weigh unequally.
    """
    generation = evaluation.generation
    facts = SheetFacts(
        name=name,
        format="selftune",
        metric="score",
        scale=(0.0, 1.0),
        model=evaluation.build_digest,
        judge=evaluation.scorer,
        suite=f"{evaluation.suite} {evaluation.suite_digest}",
        parameters=tuple(
            (key, str(getattr(generation, key)))
            for key in ("temperature", "top_p", "top_k", "max_tokens")
            if getattr(generation, key, None) is not None
        ),
    )
    return sheet_of_outcomes(evaluation.outcomes, facts)


def sheet_of_outcomes(outcomes: Sequence[ItemOutcome], facts: SheetFacts) -> ScoreSheet:
    """Outcomes as a sheet, whoever answered; the items of a pair are a cluster.

    Raises:
        UsageError: the items weigh unequally.
    """
    if len({outcome.weight for outcome in outcomes}) > 1:
        raise UsageError(
            f"the items of {facts.name} weigh unequally, and the referee counts each alike.",
            next_step="Let the gate decide (`selftune decide`): it counts by weight. Or give all items one weight.",
        )
    return ScoreSheet(_rows(outcomes), facts)


def _rows(outcomes: Iterable[ItemOutcome]) -> Iterator[ScoredRow]:
    for outcome in outcomes:
        yield ScoredRow(
            item_id=outcome.item_id,
            score=outcome.score,
            reason=outcome.unscored_reason,
            category=outcome.category,
            difficulty=outcome.difficulty,
            agent=outcome.agent,
            cluster=outcome.pair,
            repeat=str(outcome.repeat),
            critical=bool(outcome.critical_failures),
        )
