"""A published page of results as sections: figures as given, what they come to, and what they can't show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Points, Said, Section, Table, drift, heat
from selftune.app.reporting.published import CORRECTED, RAW, REPORTED
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.app.reporting.published import Comparison, Published, ReportedRun

_LEVEL: Final = 0.95
_STRONGEST: Final = 3.0  # points of a shift that get the strongest tint
_ROUNDED: Final = 0.05 + 1e-9  # of a figure that is given to one place
_ROUNDED_COST: Final = 1.0


def published_sections(page: Published) -> Iterator[Section]:
    """All of the page's tables, each labelled as reported; what the page does not give is no section."""
    for title, parts in _tables(page):
        if parts:
            yield Section(title=f"{page.name} ({REPORTED}): {title}", parts=tuple(parts))


def _tables(page: Published) -> Iterator[tuple[str, list[Part]]]:
    yield "where it comes from", list(_origin(page))
    yield "categories", list(_categories(page)) if page.categories else []
    yield "difficulty", [_difficulty(page)] if any(run.difficulty for run in page.runs) else []
    yield "configurations", list(_configurations(page))
    yield "datasets", [_datasets(page)] if page.datasets else []
    yield "side by side", list(_comparisons(page))
    yield "analyses", list(_analyses(page))
    yield "judge and costs", list(_judge_and_costs(page)) if page.costs else []


def _origin(page: Published) -> Iterator[Part]:
    updated = f"last updated {page.last_updated} by its own word" if page.last_updated else "of no date"
    yield Said(text=f"{page.source}; {updated}.")
    if page.judge:
        yield Said(text=f"Judge: {page.judge}. Answers: {page.generation}.")
    asked = "an unknown number of items" if page.items is None else f"{page.items} items"
    yield Said(
        text=f"These are facts as reported: {asked} an evaluation, one run each, and no items to reckon an interval "
        "from. Differences, shares and sums are reckoned here from the figures given."
    )


def progression_rows(page: Published) -> Iterator[Row]:
    """Each run by each method that it has a figure of: raw never shares a row with corrected."""
    for run in page.runs:
        methods = [method for method in (RAW, CORRECTED) if run.overall(method) is not None] or [figures.NOTHING]
        asked = "not stated" if page.items is None else f"{page.items} as stated"
        learnt = ", ".join(filter(None, (run.dataset, f"{run.pairs} pairs" if run.pairs else "")))
        for place, method in enumerate(methods):
            score = run.overall(method) if method != figures.NOTHING else None
            failures = run.critical_failures if method == RAW else None
            yield (
                run.name, method, Cell(text=figures.number(score, _places(page)), tint=heat(score, page.scale)),
                figures.NOTHING, asked, _given(failures), REPORTED, run.date or figures.NOTHING, run.base, learnt,
                run.note if run.note and not place else figures.NOTHING,
            )  # fmt: skip


def _categories(page: Published) -> Iterator[Part]:
    for method in (RAW, CORRECTED):
        runs = [run for run in page.runs if run.categories(method)]
        rows = tuple(_category_row(run, method, page) for run in runs)
        head = ("run", "overall", *page.categories, "categories by items", "critical failures")
        yield Table(caption=f"Means by category, {method}", head=head, rows=rows)
    names = "; ".join(f"{short} {name}" for short, name in page.categories.items())
    yield Said(text=f"{names}. By items: what the category means come to, weighted by how many prompts each has.")
    yield from _odd_overalls(page)


def _category_row(run: ReportedRun, method: str, page: Published) -> Row:
    found = run.categories(method)
    return (
        run.name,
        figures.number(run.overall(method)),
        *(
            Cell(text=figures.number(found.get(name)), tint=heat(found.get(name), page.scale))
            for name in page.categories
        ),
        figures.number(page.weighted(found)),
        _given(run.critical_failures if method == RAW else None),
    )


def _odd_overalls(page: Published) -> Iterator[Part]:
    odd = [
        f"{run.name} ({method}): the page says {figures.number(said)}, its categories come to {figures.number(found)}"
        for method in (RAW, CORRECTED)
        for run in page.runs
        if (said := run.overall(method)) is not None
        and (found := page.weighted(run.categories(method))) is not None
        and abs(said - found) > _ROUNDED
    ]
    if odd:
        yield Points(points=tuple(f"Beware: {one}." for one in odd))


def _difficulty(page: Published) -> Table:
    grades = list(dict.fromkeys(grade for run in page.runs for grade in run.difficulty))
    rows: tuple[Row, ...] = tuple(
        (
            run.name,
            *(
                Cell(text=figures.number(run.difficulty.get(one)), tint=heat(run.difficulty.get(one), page.scale))
                for one in grades
            ),
        )
        for run in page.runs
        if run.difficulty
    )
    return Table(caption=f"Means by difficulty, {RAW}", head=("run", *grades), rows=rows)


def _configurations(page: Published) -> Iterator[Part]:
    yield Said(text=f"Common: {page.configuration}.")
    rows: tuple[Row, ...] = tuple(
        (
            run.name, run.base, _given(run.rank), _given(run.alpha), _given(run.learning_rate), run.pairs,
            _given(run.steps),
        )
        for run in page.runs
        if run.steps is not None
    )  # fmt: skip
    head = ("run", "base", "rank", "alpha", "learning rate", "pairs", "steps")
    if rows:
        yield Table(caption="What differed from run to run", head=head, rows=rows)


def _given(value: object) -> str:
    return figures.NOTHING if value is None else str(value)


def _datasets(page: Published) -> Table:
    rows = tuple((one["name"], one["pairs"], one["tokens"], one["composition"]) for one in page.datasets)
    return Table(caption="Datasets", head=("dataset", "pairs", "tokens", "made of"), rows=rows)


# --- Side by side -----------------------------------------------------------------------------------------------------


def _comparisons(page: Published) -> Iterator[Part]:
    if page.pairs:
        yield _pairs(page)
    for one in page.comparisons:
        yield _comparison(one, page)
        if one.mixes:
            yield Said(
                text=f"Beware: this sets {one.methods[1]} figures against {one.methods[0]} ones; a part of each "
                "difference is the method, and nobody can tell how much. Read the table of like with like."
            )
        if odd := tuple(_odd_figures(one, page)):
            yield Points(points=tuple(f"Beware: {each}." for each in odd))


def _pairs(page: Published) -> Table:
    places = _places(page)
    rows = tuple(
        (
            one["what"],
            figures.number(one["first"], places),
            figures.number(one["second"], places),
            figures.signed(one["second"] - one["first"], places),
            one["note"],
        )
        for one in page.pairs
    )
    head = ("figures", "first", "second", "difference", "note")
    return Table(caption="Figures held against each other; single runs, so no interval", head=head, rows=rows)


def _places(page: Published) -> int:
    return figures.places_of(page.scale)


def _comparison(one: Comparison, page: Published) -> Table:
    first, second = map(page.run, one.sides)
    before = {**first.categories(one.methods[0]), **one.stated_first}
    after = {**second.categories(one.methods[1]), **one.stated}
    rows: list[Row] = [_side_row("overall", first.overall(one.methods[0]), second.overall(one.methods[1]))]
    rows += [_side_row(page.categories[name], before.get(name), after.get(name)) for name in page.categories]
    if failures := _failures(one, first, second):
        old, new = failures
        rows.append(("critical failures", str(old), str(new), f"{new - old:+d}", _percent(old, new)))
    head = (
        one.title,
        f"{one.sides[0]} ({one.methods[0]})",
        f"{one.sides[1]} ({one.methods[1]})",
        "difference",
        "relative",
    )
    return Table(caption=f"{one.title}; {REPORTED}, single runs, so no interval", head=head, rows=tuple(rows))


def _odd_figures(one: Comparison, page: Published) -> Iterator[str]:
    """Where the figures given in this place are not those of the page's own tables, or do not make its overall."""
    sides = ((one.sides[0], one.methods[0], one.stated_first), (one.sides[1], one.methods[1], one.stated))
    for place, (name, method, stated) in enumerate(sides):
        run = page.run(name)
        own, overall, weighted = run.categories(method), run.overall(method), page.weighted(stated)
        for short in stated:
            if short in own and abs(stated[short] - own[short]) > _ROUNDED:
                given, held = figures.number(stated[short]), figures.number(own[short])
                yield f"{name} has {given} in {page.categories[short]} here and {held} in the page's {method} table"
        if overall is not None and weighted is not None and abs(overall - weighted) > _ROUNDED + _ROUNDED:
            found, said = figures.number(weighted), figures.number(overall)
            yield f"{name}'s categories as given here come to {found}, not to its {method} overall of {said}"
        failures = None if one.critical_failures is None else one.critical_failures[place]
        if failures is not None and run.critical_failures not in {None, failures}:
            yield f"{name} has {failures} critical failures here and {run.critical_failures} in the page's raw table"


def _failures(one: Comparison, first: ReportedRun, second: ReportedRun) -> tuple[int, int] | None:
    if one.critical_failures is not None:
        return one.critical_failures
    if one.methods != (RAW, RAW) or first.critical_failures is None or second.critical_failures is None:
        return None
    return first.critical_failures, second.critical_failures


def _side_row(name: str, before: float | None, after: float | None) -> Row:
    difference = None if before is None or after is None else after - before
    return (
        name,
        figures.number(before),
        figures.number(after),
        Cell(text=figures.signed(difference), tint=drift(difference, _STRONGEST)),
        _percent(before, after),
    )


def _percent(before: float | None, after: float | None) -> str:
    return f"{(after - before) / before:+.0%}" if before and after is not None else figures.NOTHING


# --- Analyses ---------------------------------------------------------------------------------------------------------


def _analyses(page: Published) -> Iterator[Part]:
    if page.sweep:
        yield _sweep(page)
        yield Points(points=tuple(_sweep_words(page)))
    if page.probes:
        yield _probes(page)
        yield _on_probes()
    if page.breaks:
        yield _breaks(page)


def _on_probes() -> Said:
    return Said(
        text="Each probe is a single run of 300 steps on 14 prompts, and single prompts swing by 3 to 8 points from "
        "run to run: no single change improved on the baseline, and that is all that these runs show. That the recipe "
        "is near the best there is does not follow. Probes are held against their baseline, never against production."
    )


def _sweep(page: Published) -> Table:
    rows = tuple(
        (
            f"{one['learning_rate']:g}",
            one["run"],
            figures.number(one["overall"]),
            *(
                Cell(text=figures.number(one["categories"][name], 1), tint=heat(one["categories"][name], page.scale))
                for name in page.categories
            ),
        )
        for one in sorted(page.sweep, key=lambda one: -float(one["learning_rate"]))
    )
    return Table(
        caption="Three learning rates, all else equal",
        head=("learning rate", "run", "overall", *page.categories),
        rows=rows,
    )


def _sweep_words(page: Published) -> Iterator[str]:
    """How far each category moves over the rates: what is called robust must not be among the widest."""
    ordered = sorted(page.sweep, key=lambda one: float(one["learning_rate"]))
    spans = {name: [float(one["categories"][name]) for one in ordered] for name in page.categories}
    widest = sorted(spans, key=lambda name: min(spans[name]) - max(spans[name]))
    told = ", ".join(f"{name} {figures.number(max(spans[name]) - min(spans[name]), 1)}" for name in widest)
    yield f"From the lowest to the highest figure each category moves by: {told}."
    bent = [name for name, values in spans.items() if values not in (sorted(values), sorted(values, reverse=True))]
    if bent:
        yield f"Neither rising nor falling throughout: {', '.join(bent)}."
    yield "Three single runs without repeats: which rate is best beyond these three is not shown."


def _probes(page: Published) -> Table:
    baseline = float(page.probes[0]["ground_truth"])
    rows = tuple(
        (
            one["change"], figures.number(one["ground_truth"]), figures.signed(one["ground_truth"] - baseline),
            figures.number(one["overall"]), str(one["critical_failures"]),
        )
        for one in page.probes
    )  # fmt: skip
    head = ("change", "ground truth", "against the baseline", "overall", "critical failures")
    return Table(caption="Probes of 300 steps, one change each", head=head, rows=rows)


def _breaks(page: Published) -> Table:
    rows = tuple(map(_break_row, page.breaks))
    head = ("topic", "answers", "broke character", "share", "95 % interval")
    return Table(
        caption="Breaks of character of the merged model, by topic, with Wilson intervals", head=head, rows=rows
    )


def _break_row(one: Mapping[str, Any]) -> Row:
    low, high = wilson_interval(one["broke"], one["of"], _LEVEL)
    interval = f"[{figures.share(low)}, {figures.share(high)}]"
    return (one["topic"], str(one["of"]), str(one["broke"]), figures.share(one["broke"] / one["of"]), interval)


def _judge_and_costs(page: Published) -> Iterator[Part]:
    rows = tuple((one["when"], one["what"]) for one in page.judge_history)
    yield Table(caption="How judging changed", head=("when", "what"), rows=rows)
    yield Table(
        caption="Costs in dollars, about; sums reckoned here",
        head=("what", "training", "evaluation", "data", "sum", "as stated"),
        rows=tuple(map(_cost_row, page.costs)),
    )
    total, stated = sum(map(_cost_of, page.costs)), sum(float(one["stated"]) for one in page.costs)
    yield Said(text=f"Together {figures.dollars(total)}; the rounded sums as stated come to {figures.dollars(stated)}.")


def _cost_of(one: Mapping[str, Any]) -> float:
    return float(one["training"] + one["evaluation"] + one["data"])


def _cost_row(one: Mapping[str, Any]) -> Row:
    total = _cost_of(one)
    odd = abs(total - one["stated"]) > _ROUNDED_COST
    parts = (figures.dollars(float(one[name])) for name in ("training", "evaluation", "data"))
    return (
        one["what"],
        *parts,
        figures.dollars(total),
        Cell(text=figures.dollars(float(one["stated"])), tint="bad" if odd else ""),
    )
