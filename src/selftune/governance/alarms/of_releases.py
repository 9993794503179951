"""The alarms over a project's own releases: what a promotion was measured at, against the promotions before it."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.jumps import least_values
from selftune.governance.alarms.base import History, Look, Verdict
from selftune.governance.alarms.collapse import collapsed
from selftune.governance.alarms.too_clean import retried_until_green, too_clean, too_even
from selftune.governance.alarms.too_fast import newest_too_fast
from selftune.governance.breaker import is_promotion
from selftune.governance.matters import if_kept
from selftune.records import Arm, Dataset, Decision, Evaluation, Judgement, Outcome, Release, Run
from selftune.scoring.wording import wording_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Reader

_MOST: Final = 50
"""So many promotions back: a history of years would be read at each."""

_ALPHA: Final = 0.05
_NEWEST: Final = "this candidate"
_TEXTS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A promotion and what it was measured at; `loss` is the last of its training, held out where it was taken."""

    label: str
    evaluation: Evaluation
    loss: float | None


def look_at_promotion(read: Reader, decision: Decision) -> tuple[Look, ...]:
    """Every look at what a decision promotes; holds are only asked for where the history is long enough for one.

    Compared are evaluations on the very suite of the newest, by the same scorer.
    """
    measured = measured_promotions(read, decision)
    if not measured:
        return ()
    histories = histories_of(measured)
    looks = (
        *newest_too_fast(histories),
        *too_clean(histories),
        *too_even([one for one in histories if not one.flags]),
        *_answers(read, decision),
        _tries(read, decision),
    )
    return looks if len(measured) >= least_values() else tuple(map(_as_advice, looks))


def newest_promotion(read: Reader) -> Decision | None:
    """The last decision that promotes; None where there is none."""
    found = None
    for _, one in read.each(Decision):
        found = one if one.outcome is Outcome.PROMOTE else found
    return found


def measured_promotions(read: Reader, decision: Decision) -> tuple[Measured, ...]:
    """What this decision's candidate and those released before it were measured at, oldest first; the base begins."""
    newest = _evaluation(read, decision, Arm.CANDIDATE)
    if newest is None:
        return ()
    releases = [one for _, one in read.each(Release)]
    released = [one for one in releases if is_promotion(one, releases) and one.decision_id != decision.id]
    earlier = [
        (release.version, found)
        for release in released[-_MOST:]
        if release.decision_id is not None and (found := if_kept(read, release.decision_id, Decision)) is not None
    ]
    own = next((one.version for one in releases if one.decision_id == decision.id), _NEWEST)
    known = [
        Measured(label=label, evaluation=evaluation, loss=_loss(read, one))
        for label, one in (*earlier, (own, decision))
        if (evaluation := _evaluation(read, one, Arm.CANDIDATE)) is not None and _alike(evaluation, newest)
    ]
    first = earlier[0][1] if earlier else decision
    base = _evaluation(read, first, Arm.CHAMPION)
    begins = [] if base is None or not _alike(base, newest) else [Measured(label="before", evaluation=base, loss=None)]
    return (*begins, *known)


def histories_of(measured: Sequence[Measured]) -> tuple[History, ...]:
    """The series over promotions: each category's score, critical failures, diversity, loss."""
    categories = sorted({one.category for found in measured for one in found.evaluation.outcomes})
    return (
        *(_category(measured, name) for name in categories),
        _critical(measured),
        _diversity(measured),
        _losses(measured),
    )


def _category(measured: Sequence[Measured], name: str) -> History:
    rows = []
    for one in measured:
        scores = [item.score for item in one.evaluation.outcomes if item.category == name and item.score is not None]
        if scores:
            rows.append((one.label, fmean(scores), _error(scores), len(scores), set(scores) <= {0.0, 1.0}))
    shares = all(right_or_wrong for *_, right_or_wrong in rows)
    return History(
        name=f"score in {name}",
        values=tuple(mean for _, mean, *_ in rows),
        labels=tuple(label for label, *_ in rows),
        errors=() if shares else tuple(error for _, _, error, *_ in rows),
        of=tuple(n for *_, n, _ in rows) if shares else (),
    )


def _error(scores: Sequence[float]) -> float:
    return stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0


def _critical(measured: Sequence[Measured]) -> History:
    rows = [
        (one.label, sum(bool(item.critical_failures) for item in answered), len(answered))
        for one in measured
        if (answered := [item for item in one.evaluation.outcomes if item.score is not None])
    ]
    return History(
        name="critical failures",
        values=tuple(found / n for _, found, n in rows),
        labels=tuple(label for label, *_ in rows),
        of=tuple(n for *_, n in rows),
        flags=True,
    )


def _diversity(measured: Sequence[Measured]) -> History:
    rows = [(one.label, _distinct(one.evaluation)) for one in measured]
    kept = [(label, distinct) for label, distinct in rows if distinct is not None]
    return _plain("diversity (distinct-2)", kept)


def _distinct(evaluation: Evaluation) -> float | None:
    answers = _answers_of(evaluation)
    return wording_of(answers).distinct if answers else None


def _losses(measured: Sequence[Measured]) -> History:
    return _plain("loss", [(one.label, one.loss) for one in measured if one.loss is not None])


def _plain(name: str, rows: Sequence[tuple[str, float]]) -> History:
    return History(name=name, values=tuple(value for _, value in rows), labels=tuple(label for label, _ in rows))


def _evaluation(read: Reader, decision: Decision, arm: Arm) -> Evaluation | None:
    name = dict(decision.arms).get(arm)
    return None if name is None else if_kept(read, name, Evaluation)


def _alike(one: Evaluation, newest: Evaluation) -> bool:
    return (one.suite_digest, one.scorer) == (newest.suite_digest, newest.scorer)


def _loss(read: Reader, decision: Decision) -> float | None:
    run = None if decision.run_id is None else if_kept(read, decision.run_id, Run)
    if run is None or not run.curve:
        return None
    held_out = [point.eval_loss for point in run.curve if point.eval_loss is not None]
    loss = held_out[-1] if held_out else run.curve[-1].loss
    return loss if math.isfinite(loss) else None


def _answers_of(evaluation: Evaluation) -> list[str]:
    return [one.answer for one in evaluation.outcomes if one.score is not None]


def _answers(read: Reader, decision: Decision) -> tuple[Look, ...]:
    """Whether the candidate's answers collapsed, held against those of the model that serves."""
    champion, candidate = (_evaluation(read, decision, arm) for arm in (Arm.CHAMPION, Arm.CANDIDATE))
    if champion is None or candidate is None:
        return ()
    return collapsed(_answers_of(champion), _answers_of(candidate), examiners=_examiners(read, decision))


def _examiners(read: Reader, decision: Decision) -> dict[str, list[str]]:
    """What the judge and the teacher of a candidate's lessons wrote themselves, where they are models."""
    run = None if decision.run_id is None else if_kept(read, decision.run_id, Run)
    dataset = None if run is None else if_kept(read, run.dataset_id, Dataset)
    texts: dict[str, list[str]] = defaultdict(list)
    for example in () if dataset is None else dataset.train[:_TEXTS]:
        if example.taught_by and example.messages:
            texts["teacher"].append(example.messages[-1].content)
        verdict = None if example.judgement_id is None else if_kept(read, example.judgement_id, Judgement)
        if verdict is not None and verdict.judge.lineage:
            texts["judge"] += [one.reasoning for one in verdict.criteria if one.reasoning]
    return dict(texts)


def _tries(read: Reader, decision: Decision) -> Look:
    """How many candidates were refused, one after another, before this one passed the same policy."""
    earlier: list[str] = []
    for _, one in read.each(Decision):
        if one.id == decision.id:
            break
        if one.outcome is Outcome.PROMOTE or one.policy_digest != decision.policy_digest:
            earlier = []
        else:
            earlier.append(one.outcome.value)
    return retried_until_green("the gate", earlier, _ALPHA)


def _as_advice(look: Look) -> Look:
    """The look where there is too little history to hold anything by it."""
    return replace(look, verdict=Verdict.ADVISE) if look.verdict is Verdict.HOLD else look


def worth_telling(looks: Sequence[Look]) -> Iterator[Look]:
    """Those that hold or advise."""
    return (look for look in looks if look.verdict in {Verdict.HOLD, Verdict.ADVISE})
