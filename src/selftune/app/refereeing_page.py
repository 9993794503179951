"""A comparison as a page: the verdict first, then how every part and every item moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.refereeing import items_needed_in_words
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Slope, Span, draw_distribution, draw_forest, draw_slopes
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.refereeing import Compared
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.gate.referee.verdict import ArmSummary, Verdict

_MOST_DRAWN: Final = 400
_MOST_NAMED: Final = 12
_TINTS: Final = {"pass": "good", "fail": "bad"}


def comparison_page(compared: Compared) -> Page:
    """The page of a comparison."""
    verdict = compared.verdict
    return Page(
        title=f"{verdict.candidate.name} against {verdict.champion.name}",
        outcome=str(verdict.outcome),
        lead=tuple(_lead(verdict)),
        sections=tuple(_sections(compared)),
        foot=f"Score: {verdict.metric}, from {verdict.scale[0]:g} to {verdict.scale[1]:g}. "
        f"Method: {verdict.method or 'none; nothing could be compared'}.",
    )


def _lead(verdict: Verdict) -> Iterator[str]:
    yield f"{verdict.reason[0].upper()}{verdict.reason[1:]}."
    if verdict.items_needed is not None:
        yield items_needed_in_words(verdict)


def _sections(compared: Compared) -> Iterator[Section]:
    verdict = compared.verdict
    yield Section(title="How it moved", parts=tuple(_moves(verdict)))
    slopes = _slopes(compared)
    if slopes:
        yield Section(title="Items", parts=tuple(_items(verdict, slopes)))
    yield Section(title="The arms", parts=(_arms(verdict), *_distribution(compared)))
    yield Section(title="Checks", parts=(_checks(verdict),))
    if verdict.warnings:
        yield Section(title="Beware", parts=(Points(points=tuple(f"{line}." for line in verdict.warnings)),))
    unscored = [
        f"{arm}, {row.item_id}: {row.reason}"
        for arm, summary in (("champion", verdict.champion), ("candidate", verdict.candidate))
        for row in summary.unscored
    ]
    if unscored:
        yield Section(title="Without a score", parts=(Points(points=tuple(unscored)),), folded=True)


def _moves(verdict: Verdict) -> Iterator[Part]:
    places = figures.places_of(verdict.scale)
    width = verdict.scale[1] - verdict.scale[0]
    if verdict.difference is None:
        yield Said(text="No item has a score in both arms, so nothing moved.")
        return
    spans = [Span(label="all", value=verdict.difference, interval=verdict.interval, n=verdict.n)]
    spans += (
        Span(label=_label(shift.kind, shift.name), value=shift.difference, interval=shift.interval, n=shift.n)
        for shift in verdict.shifts
        if shift.interval[0] > -width or shift.interval[1] < width
    )
    told = "; ".join(f"{span.label} {figures.shift(span.value, span.interval, places)}" for span in spans)
    yield Drawing(svg=draw_forest("Candidate less champion", spans, places=places), alt=f"Differences: {told}.")
    rows: list[Row] = [
        (
            _label(shift.kind, shift.name),
            figures.signed(shift.difference, places),
            "too few to say" if few else figures.signed_interval(shift.interval, places),
            figures.chance(shift.p_value),
            str(shift.n),
        )
        for shift in verdict.shifts
        for few in (shift.interval[0] <= -width and shift.interval[1] >= width,)
    ]
    if rows:
        yield Table(
            caption="Paired differences; p-values are adjusted for looking at several (Benjamini-Hochberg).",
            head=("part", "change", "interval", "p", "n"),
            rows=tuple(rows),
        )


def _label(kind: str, name: str) -> str:
    return name if kind == "category" else f"{kind}: {name}"


def _slopes(compared: Compared) -> list[Slope]:
    champion, candidate = compared.champion, compared.candidate
    return [
        Slope(label=item, champion=score, candidate=other)
        for item, score in champion.scored()
        if (other := candidate.score(item)) is not None
    ]


def _items(verdict: Verdict, slopes: Sequence[Slope]) -> Iterator[Part]:
    moved = sorted((slope for slope in slopes if slope.change), key=lambda slope: slope.change)
    if len(slopes) <= _MOST_DRAWN:
        rose = sum(slope.change > 0 for slope in slopes)
        fell = sum(slope.change < 0 for slope in slopes)
        yield Drawing(
            svg=draw_slopes("Each item, before and after", slopes, verdict.scale),
            alt=f"{rose} items rose, {fell} fell, {len(slopes) - rose - fell} stayed.",
        )
    places = figures.places_of(verdict.scale)
    for caption, chosen in (
        ("Items that fell most", [slope for slope in moved if slope.change < 0][:_MOST_NAMED]),
        ("Items that rose most", [slope for slope in moved[::-1] if slope.change > 0][:_MOST_NAMED]),
    ):
        if chosen:
            yield Table(
                caption=f"{caption}; one item alone shows nothing, they are for reading.",
                head=("item", "champion", "candidate", "change"),
                rows=tuple(
                    (
                        slope.label,
                        figures.number(slope.champion, places),
                        figures.number(slope.candidate, places),
                        figures.signed(slope.change, places),
                    )
                    for slope in chosen
                ),
            )


def _arms(verdict: Verdict) -> Table:
    return Table(
        caption="Each arm by itself, over all its scored items, paired or not.",
        head=("arm", "mean", "interval", "n", "judge's own", "critical failures", "without a score", "two heaps"),
        rows=tuple(_arm(name, arm, verdict) for name, arm in _both(verdict)),
    )


def _arm(name: str, arm: ArmSummary, verdict: Verdict) -> Row:
    places, heaps = figures.places_of(verdict.scale), arm.bimodality
    parted = ", ".join(f"{n} around {figures.number(at, places)}" for at, n in (heaps.low, heaps.high)) if heaps else ""
    return (
        name,
        figures.number(arm.mean, places),
        figures.interval(arm.interval, places),
        str(arm.n),
        figures.number(arm.judge_overall_mean, places),
        str(arm.critical_failures),
        str(len(arm.unscored)),
        parted if heaps and heaps.two_heaps else "no",
    )


def _both(verdict: Verdict) -> tuple[tuple[str, ArmSummary], ...]:
    return (("champion", verdict.champion), ("candidate", verdict.candidate))


def _distribution(compared: Compared) -> Iterator[Part]:
    arms = [("champion", compared.champion.scores()), ("candidate", compared.candidate.scores())]
    arms = [(name, scores) for name, scores in arms if scores]
    if arms:
        told = "; ".join(f"{name} {min(scores):g} to {max(scores):g}" for name, scores in arms)
        yield Drawing(
            svg=draw_distribution("How the scores are spread", arms, compared.verdict.scale), alt=f"Scores: {told}."
        )


def _checks(verdict: Verdict) -> Table:
    rows: list[Row] = [
        (
            check.name,
            Cell(text=str(check.status).replace("_", " "), tint=_TINTS.get(check.status, "unsure")),
            check.detail,
        )
        for check in verdict.checks
    ]
    return Table(caption="What was looked at.", head=("check", "status", "found"), rows=tuple(rows))
