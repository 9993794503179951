"""Experiment and Night: what was tried while nobody watched, what it was held against, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record


class Mode(StrEnum):
    """On which base is tried: a small one that stands in, or the one that serves. A proxy's result promotes nothing."""

    PROXY = "proxy"
    FULL = "full"


class ExperimentResult(StrEnum):
    """What came of a try. Only a kept one may go on to the gate."""

    KEPT = "kept"
    REVERTED = "reverted"
    FAILED = "failed"
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Try less baseline, paired over the `n` units that both have a score for; the interval is two-sided at `level`."""

    mean: float
    interval: tuple[float, float]
    level: float
    n: int


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """What try and baseline scored on one category or agent of the screen, over the same `n` units."""

    name: str
    baseline: float
    score: float
    n: int


@dataclass(frozen=True, kw_only=True)
class RungTaken:
    """One look at a try that was trained in parts: after so many steps, beside the others that came as far.

    Attributes:
        effect: Against the baseline after as many steps; None where it could not be measured.
        stayed: Whether it was trained further, or came to the end.
    """

    steps: int
    effect: Effect | None
    stayed: bool
    run_id: str | None = None
    evaluation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Experiment(Record):
    """One try of a recipe, a mixture or an order, held against a baseline of the same steps, data order and seeds.

    Attributes:
        name: Short and unique in the project, such as `2026-11-22-03`; the `experiment_id` of `results.tsv`.
        night: Name of the night; empty for one by hand.
        began: UTC time as ISO 8601.
        node: Where it was trained: `here`, or the other machine as `ssh` takes it.
        base: Name of the base; its digest beside it: a result says nothing of another one.
        lane: Of the agenda, such as `hyperparameters`.
        proposer: Who proposed it, and its `reason` in the proposer's own words.
        changes: What differs from the recipe and the curation in force, each as `KEY=VALUE`, sorted.
        config: The settings of the recipe as it was tried, key and value as text.
        suite: The screen that it was asked; its digest beside it.
        score: Mean over the screen's units; `baseline` that of the baseline on the same units; None: not measured.
        effect: Their paired difference; None where one of them could not be measured.
        parts: The same for each category and agent.
        why: One sentence: why it was kept, reverted, failed or cut.
        train_loss: Of its last logged step; `val_loss` that on lessons held out of the training. Neither decides.
        costs_usd: Of training, evaluation and data, in that order.
        rungs: The looks at it, where it was trained in parts.
        elapsed_seconds: All that it took; of these `training_seconds` and `evaluation_seconds`.
    """

    KIND: ClassVar[str] = "experiment"

    name: str
    began: str
    mode: Mode
    base: str
    base_digest: str
    lane: str
    proposer: str
    changes: tuple[str, ...]
    result: ExperimentResult
    why: str
    night: str = ""
    node: str = "here"
    reason: str = ""
    config: tuple[tuple[str, str], ...] = ()
    recipe_digest: str = ""
    dataset_id: str | None = None
    suite: str = ""
    suite_digest: str = ""
    score: float | None = None
    baseline: float | None = None
    effect: Effect | None = None
    parts: tuple[PartScore, ...] = ()
    train_loss: float | None = None
    val_loss: float | None = None
    elapsed_seconds: float = 0.0
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    costs_usd: tuple[float, float, float] = (0.0, 0.0, 0.0)
    run_id: str | None = None
    build_id: str | None = None
    evaluation_id: str | None = None
    baseline_run_id: str | None = None
    baseline_evaluation_id: str | None = None
    rungs: tuple[RungTaken, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A time in which nothing served because the device was needed; None for `seconds`: it did not come back."""

    why: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Night(Record):
    """One night from its start to its end; a night that began and has no such record was cut off.

    Attributes:
        name: The local date on which it began or was due, with a number behind it where there was one already.
        began: UTC as ISO 8601, and so `ended`; `until` is its deadline, None where there was none.
        ended_by: What ended it, such as `agenda through`, `deadline`, `experiments`, `money`, `constant reward`.
        experiments: Ids, in the order in which they were begun.
        winner: Id of the experiment whose run went to the gate; None where the project's own recipe did, or nothing.
        decision_id: What the gate said; None where it was not asked.
        outages: When nothing served.
        spare_seconds: From the time when the right model answered again to the deadline; None without a deadline.
        seconds: Spent on training, evaluation and data, in that order; `costs_usd` likewise.
        told: What a person should know of it in the morning, in sentences.
        node: Where it was trained: `here`, or the other machine as `ssh` takes it.
        base: Name of the base; its digest beside it.
        judge_calls: How often a judge was asked.
    """

    KIND: ClassVar[str] = "night"

    name: str
    began: str
    ended: str
    ended_by: str
    mode: Mode
    node: str = "here"
    base: str = ""
    base_digest: str = ""
    until: str | None = None
    agenda_digest: str = ""
    dataset_id: str | None = None
    experiments: tuple[str, ...] = ()
    winner: str | None = None
    decision_id: str | None = None
    release_id: str | None = None
    outages: tuple[Outage, ...] = ()
    spare_seconds: float | None = None
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    costs_usd: tuple[float, float, float] = (0.0, 0.0, 0.0)
    judge_calls: int = 0
    told: tuple[str, ...] = ()

    @property
    def unended(self) -> Outage | None:
        """The outage after which nothing served any more; None where all came back, or a release has taken over."""
        last = self.outages[-1] if self.outages and self.release_id is None else None
        return last if last is not None and last.seconds is None else None


@dataclass(frozen=True, kw_only=True)
class LoggedTry:
    """One line of a log that was kept elsewhere, as it stands there.

    Attributes:
        name: What the log calls it; `began`, `mode` and `model` likewise, empty where it says nothing.
        metric: The figure that the log went by; None where the line has none, or where its word is that of a crash.
        baseline: What the log held it against, where it says so.
        result: What the log's own word, `said`, means here; None where it means nothing.
        tried: The log's own words for what was tried, secrets taken out.
    """

    name: str
    metric: float | None
    said: str
    result: ExperimentResult | None = None
    began: str = ""
    mode: str = ""
    model: str = ""
    baseline: float | None = None
    seconds: float | None = None
    tried: str = ""


@dataclass(frozen=True, kw_only=True)
class ResultLog(Record):
    """A log of tries that was brought in to be read. It decides nothing: no proposer and no gate is told of it.

    Attributes:
        name: Of the file; `digest` of its bytes.
        format: Which kind of log it was read as.
        metric: The column that its tries are ranked by; `higher_is_better`: whether more of it is better.
    """

    KIND: ClassVar[str] = "result_log"

    name: str
    digest: str
    format: str
    metric: str
    higher_is_better: bool
    tries: tuple[LoggedTry, ...]
