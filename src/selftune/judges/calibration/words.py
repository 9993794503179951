"""What a calibration says to people: figures with their n and interval, and what so few labels can't support."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.judges.calibration.measure import Calibration, Comparison, Drift, Measured
    from selftune.judges.shares import Share
    from selftune.scoring.agreement import Agreement


def describe_line(calibration: Calibration) -> str:
    """The one line that every report, card and status shows."""
    if calibration.calibrated:
        return f"judge calibrated: {_figure('kappa', calibration.people.overall.kappa)}"
    labels = f"{calibration.people.overall.kappa.n} of {calibration.bar.least_labels} labels"
    kappa = calibration.people.overall.kappa
    figure = "NOT VERIFIED against people" if kappa.interval is None else _figure("kappa", kappa, n=False)
    return f"judge not calibrated: {labels}, {figure}"


def describe_calibration(calibration: Calibration) -> tuple[str, ...]:
    """The whole report, line by line."""
    return (
        f"{calibration.judge}, rubric {calibration.rubric}",
        describe_line(calibration),
        *(f"  missing: {shortfall}" for shortfall in calibration.shortfalls),
        f"  these labels {what_labels_support(calibration.people.overall.kappa, calibration.bar.least_kappa)}",
        "against people (drawn evenly over score bands and categories, not as they come):",
        *_compared(calibration.people),
        *(line for other in calibration.others for line in (f"against {other.against}:", *_compared(other))),
        "asked again (test-retest):",
        *_retest(calibration.retest),
        "with the two answers swapped:",
        *_swapped(calibration.swap, needed=calibration.needs_swap),
        "fixed transcripts, at first and now:",
        *describe_drift(calibration.drift),
    )


def what_labels_support(kappa: Agreement, least: float) -> str:
    """What may be concluded from so many labels, and what may not."""
    if kappa.value is None or kappa.interval is None:
        return "support no conclusion yet: too few, or all alike"
    low, high = kappa.interval
    if high < least:
        return f"show that the judge falls short of {least:.2f}"
    if low >= least:
        return f"show that it reaches {least:.2f}"
    if low > 0:
        return f"show more than chance; they can't tell whether it reaches {least:.2f}"
    return "can't tell the judge from chance"


def _compared(comparison: Comparison) -> Iterator[str]:
    yield f"  {_measured(comparison.overall)}"
    yield from (f"    {_measured(item)}" for item in comparison.criteria)
    if len(comparison.categories) > 1:
        yield from (f"    where {item.name} applies: {_measured(item)}" for item in comparison.categories)


def _measured(measured: Measured) -> str:
    return f"{measured.name}: {_figure('kappa', measured.kappa)}; {_figure('rank correlation', measured.rank, n=False)}"


def _figure(name: str, agreement: Agreement, *, n: bool = True) -> str:
    count = f", n = {agreement.n}" if n else ""
    if agreement.value is None or agreement.interval is None:
        return f"{name} not measured{count}"
    low, high = agreement.interval
    return f"{name} {agreement.value:.2f} [{low:.2f}, {high:.2f}]{count}"


def _retest(retest: Comparison | None) -> Iterator[str]:
    if retest is None:
        yield "  not measured: nothing was judged twice; `selftune judge canaries` judges fixed transcripts again"
        return
    error = "" if retest.error is None else f"; one verdict is {retest.error:.2f} points uncertain (SD)"
    yield f"  {_measured(retest.overall)}{error}"


def _swapped(swap: Share | None, *, needed: bool) -> Iterator[str]:
    if swap is None:
        yield "  not measured: `selftune judge swap` measures it" if needed else "  code has no order to prefer"
        return
    low, high = swap.interval
    yield f"  same winner in {swap.value:.0%} [{low:.0%}, {high:.0%}], n = {swap.n}"


def describe_drift(drift: Drift | None) -> Iterator[str]:
    """How the scores of fixed transcripts have moved, as indented lines."""
    if drift is None:
        yield "  not measured: `selftune judge canaries` judges them"
        return
    interval = "" if drift.interval is None else f" [{drift.interval[0]:+.2f}, {drift.interval[1]:+.2f}]"
    yield f"  mean change {drift.change:+.2f}{interval} points, largest {drift.largest:+.2f}, n = {drift.n}"
    if drift.praised:
        yield f"  worthless answers in the upper half of the scale: {', '.join(drift.praised)}"
