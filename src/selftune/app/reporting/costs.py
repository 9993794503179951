"""What a decision cost: time, judge calls, money, memory; and what was made, file by file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Said, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.records import Build, FileDigest, Run


def cost_parts(arms: Sequence[ArmView], run: Run | None) -> Iterator[Part]:
    """Time and money of each step that a record tells of."""
    # Equal builds share one evaluation, which was paid for once.
    names: dict[str, list[str]] = {}
    for arm in arms:
        names.setdefault(arm.evaluation.id, []).append(arm.name)
    made = {arm.evaluation.id: arm.evaluation for arm in arms}
    rows: list[Row] = [_run_row(run)] if run else []
    rows += [
        (
            f"evaluating {' and '.join(names[one.id])} on {one.suite}",
            figures.seconds(one.wall_seconds),
            str(one.judge_calls),
            figures.dollars(one.cost_usd),
        )
        for one in made.values()
    ]
    yield Table(caption="Time and cost", head=("step", "time", "judge calls", "cost"), rows=tuple(rows))
    seconds = sum(one.wall_seconds for one in made.values()) + (run.wall_seconds if run else 0.0)
    dollars = sum(one.cost_usd for one in made.values()) + (run.cost_usd if run else 0.0)
    yield Said(text=f"Together {figures.seconds(seconds)} and {figures.dollars(dollars)}, without judging the log.")
    if run:
        yield Said(text=f"Training took at most {figures.size(run.peak_memory_bytes)} of memory.")


def _run_row(run: Run) -> Row:
    return (f"training ({run.recipe})", figures.seconds(run.wall_seconds), "0", figures.dollars(price_of(run)))


def price_of(run: Run) -> float | None:
    """What a training cost; None where no price was stated, for with one no second of it is free."""
    return run.cost_usd or None


def artefact_parts(run: Run | None, builds: Sequence[tuple[str, Build]]) -> Iterator[Part]:
    """Every file that was made, named by its digest."""
    rows: list[Row] = []
    if run is not None:
        rows += [_file_row("adapter of the run", file) for file in run.adapter]
    for name, build in builds:
        rows += [_file_row(f"{name}, {build.form.value} {build.quantisation}", file) for file in build.files]
    if rows:
        yield Table(caption="Files, kept by digest", head=("of", "file", "size", "digest"), rows=tuple(rows))
    else:
        yield Said(text="No file was made.")


def _file_row(of: str, file: FileDigest) -> Row:
    return (of, file.name, figures.size(file.size_bytes), file.digest)
