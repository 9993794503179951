"""What came of a benchmark: figures of each model on each suite, as a page, as JSON, and as rows to compare later."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.reporting.caveats import unscored_part
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Points, Said, Section, Table
from selftune.app.reporting.scores import TERMS, rule_against_first
from selftune.app.scores.ours import sheet_of_outcomes
from selftune.gate.referee.arms import summarise
from selftune.records.scores import SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.app.reporting.scores import Ruled
    from selftune.gate.referee.verdict import ArmSummary
    from selftune.records import ItemOutcome
    from selftune.records.scores import ScoreSheet

_SCALE: Final = (0.0, 1.0)
_PLACES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model on one suite.

    Attributes:
        answered_by: What the server calls what answered; of a build of ours, the digests that were proved.
        proved: Whether the server showed what it serves; only our own do.
        answers: How many there were, over turns and repeats.
        wall_seconds: From the first question to the last answer.
        seconds: Of each answer, smallest first.
        tokens_in: Tokens read, the warm-up's too; None where the server did not count them all. So is `tokens_out`.
        written: Tokens written while the clock ran; None as before.
        usd: What the tokens cost; None where no price is known, or no count.
        judge_usd: What grading cost.
        evaluation_id: The record of a build of ours; None for what is somebody's.
    """

    model: str
    outcomes: tuple[ItemOutcome, ...]
    answered_by: str
    proved: bool
    answers: int
    wall_seconds: float
    seconds: tuple[float, ...]
    tokens_in: int | None
    tokens_out: int | None
    written: int | None
    usd: float | None
    judge_usd: float = 0.0
    evaluation_id: str | None = None

    @property
    def answers_a_second(self) -> float | None:
        """Answers by the clock, as many at a time as were asked."""
        return self.answers / self.wall_seconds if self.wall_seconds > 0 else None

    @property
    def tokens_a_second(self) -> float | None:
        """Tokens written by the clock; None where nobody counted them."""
        return None if self.written is None or self.wall_seconds <= 0 else self.written / self.wall_seconds


@dataclass(frozen=True, kw_only=True)
class OnSuite:
    """Every model on one suite, in the order in which they were named."""

    suite: str
    digest: str
    scorer: str
    measured: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A model that no longer answered, or never did, and why; it has no score, and none is made up for it."""

    model: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Benchmarked:
    """All of it; `files` are the rows that `selftune compare` reads."""

    suites: tuple[OnSuite, ...]
    left_out: tuple[LeftOut, ...]
    at_once: int
    files: tuple[Path, ...] = ()


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of values in order; None of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


# --- Rows that are kept -----------------------------------------------------------------------------------------------


def rows_of(measured: Measured) -> Iterator[str]:
    """A line of JSON for each item and repeat, as `selftune compare FILE#ONE FILE#OTHER` reads them."""
    for outcome in measured.outcomes:
        row = {
            "arm": measured.model,
            "item_id": outcome.item_id,
            "repeat": str(outcome.repeat),
            "score": outcome.score,
            "reason": outcome.unscored_reason,
            "category": outcome.category,
            "difficulty": outcome.difficulty,
            "agent": outcome.agent,
            "cluster": outcome.pair,
            "critical_failures": list(outcome.critical_failures),
            "answer": outcome.answer,
            "answered_by": measured.answered_by,
        }
        yield json.dumps(row, ensure_ascii=False)


# --- Figures ----------------------------------------------------------------------------------------------------------


def _sheets(on: OnSuite) -> list[ScoreSheet]:
    return [
        sheet_of_outcomes(
            one.outcomes,
            SheetFacts(
                name=one.model, format="selftune", metric="score", scale=_SCALE, judge=on.scorer, suite=on.digest
            ),
        )
        for one in on.measured
    ]


def _ruled(sheets: Sequence[ScoreSheet]) -> list[Ruled | None]:
    """What is said of each against the first; nothing of the first."""
    return [None, *rule_against_first(sheets)] if sheets else []


def as_document(found: Benchmarked) -> dict[str, Any]:
    """All of it as `--json` prints it."""
    return {
        "suites": [
            {"suite": on.suite, "suite_digest": on.digest, "models": [_model(*one) for one in _together(on)]}
            for on in found.suites
        ],
        "left_out": [{"model": one.model, "reason": one.reason} for one in found.left_out],
        "at_once": found.at_once,
        "files": [str(path) for path in found.files],
    }


def _together(on: OnSuite) -> list[tuple[Measured, ArmSummary, Ruled | None]]:
    sheets = _sheets(on)
    arms = [summarise(sheet, _SCALE, 1 - TERMS.alpha) for sheet in sheets]
    return list(zip(on.measured, arms, _ruled(sheets), strict=True))


def _model(measured: Measured, arm: ArmSummary, ruled: Ruled | None) -> dict[str, Any]:
    return {
        "model": measured.model,
        "answered_by": measured.answered_by,
        "proved": measured.proved,
        "score": arm.mean,
        "interval": arm.interval,
        "n": arm.n,
        "unscored": [{"item_id": row.item_id, "reason": row.reason} for row in arm.unscored],
        "against_first": None if ruled is None else _against(ruled),
        "answers": measured.answers,
        "answers_a_second": measured.answers_a_second,
        "tokens_a_second": measured.tokens_a_second,
        "seconds_p50": quantile(measured.seconds, 0.50),
        "seconds_p95": quantile(measured.seconds, 0.95),
        "tokens_in": measured.tokens_in,
        "tokens_out": measured.tokens_out,
        "usd": measured.usd,
        "judge_usd": measured.judge_usd,
        "evaluation": measured.evaluation_id,
    }


def _against(ruled: Ruled) -> dict[str, Any]:
    verdict = ruled.verdict
    return {
        "outcome": ruled.outcome,
        "difference": verdict.difference,
        "interval": verdict.interval,
        "adjusted_p_value": ruled.p_value,
        "n": verdict.n,
        "reason": verdict.reason,
    }


def benchmark_page(found: Benchmarked) -> Page:
    """All of it as a page."""
    return Page(
        title="Several models on the same questions",
        lead=(
            "Every model got the same items with the same seeds and parameters in the same order; intervals at 95 %.",
            "A server of somebody's is taken at its word, for nothing there proves the weights; our own prove theirs.",
            *(f"{one.model} is left out: {one.reason}." for one in found.left_out),
        ),
        sections=tuple(_section(on, found.at_once) for on in found.suites),
        foot="Compare two of them later: selftune compare FILE#ONE FILE#OTHER, on the rows beside this page.",
    )


def _section(on: OnSuite, at_once: int) -> Section:
    return Section(title=on.suite, parts=tuple(_parts(on, at_once)))


def _parts(on: OnSuite, at_once: int) -> Iterator[Part]:
    together = _together(on)
    if not together:
        yield Said(text="No model was left to compare.")
        return
    first = on.measured[0].model
    yield Table(
        caption=f"Scores by {on.scorer}, from 0 to 1; the difference is to {first} on the items that both have a score "
        "for, p-values adjusted for all of them (Holm)",
        head=("model", "score", "interval", "n", "without a score", f"less {first}", "p adjusted", "n paired", ""),
        rows=tuple(_scores(*one) for one in together),
    )
    yield Table(
        caption=f"Speed with {figures.counted(at_once, 'conversation')} at a time, seconds until the whole answer is "
        "there, and cost by the prices that were given",
        head=("model", "answers/s", "tokens/s", "p50", "p95", "answers", "tokens in", "tokens out", "USD"),
        rows=tuple(_speed(one) for one in on.measured),
    )
    yield Points(points=tuple(_identity(one) for one in on.measured))
    unscored = [(row.item_id, arm.name, row.reason) for _, arm, _ in together for row in arm.unscored]
    if unscored:
        yield unscored_part(unscored, "model")


def _scores(measured: Measured, arm: ArmSummary, ruled: Ruled | None) -> Row:
    verdict = None if ruled is None else ruled.verdict
    return (
        measured.model,
        figures.number(arm.mean, _PLACES),
        figures.interval(arm.interval, _PLACES) or figures.NOTHING,
        str(arm.n),
        str(len(arm.unscored)),
        figures.NOTHING if verdict is None else figures.shift(verdict.difference, verdict.interval, _PLACES),
        figures.NOTHING if ruled is None else figures.chance(ruled.p_value),
        figures.NOTHING if verdict is None else str(verdict.n),
        "the first" if ruled is None else str(ruled.outcome),
    )


def _speed(one: Measured) -> Row:
    return (
        one.model,
        figures.number(one.answers_a_second),
        figures.number(one.tokens_a_second, 1),
        _seconds(quantile(one.seconds, 0.50)),
        _seconds(quantile(one.seconds, 0.95)),
        str(one.answers),
        _count(one.tokens_in),
        _count(one.tokens_out),
        figures.NOTHING if one.usd is None else f"${one.usd:.4f}",
    )


def _seconds(value: float | None) -> str:
    return figures.NOTHING if value is None else f"{value:.3g} s"


def _count(value: int | None) -> str:
    return figures.NOTHING if value is None else f"{value:,}"


def _identity(one: Measured) -> str:
    if one.proved:
        return f"{one.model}: its server proved {one.answered_by}; kept as {one.evaluation_id}."
    return f"{one.model}: its server says it is {one.answered_by}; its weights are not proven."
