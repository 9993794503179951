"""What each run cost, to teach, to train and to evaluate, and what it all came to so far (B39)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.costs import price_of
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.records import Build, Evaluation, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part
    from selftune.loop.project import Project

_JOULES_PER_KWH: Final = 3.6e6


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A run with what was spent on it; `run` is None for what no run stands behind yet.

    Attributes:
        judging_usd: Verdicts on the log since the run before: what its lessons cost.
        evaluating_seconds: Answers of its builds to suites, gradings included.
    """

    name: str
    run: Run | None
    judging_usd: float
    evaluating_usd: float
    evaluating_seconds: float

    @property
    def usd(self) -> float:
        """All of it."""
        return self.judging_usd + self.evaluating_usd + (self.run.cost_usd if self.run else 0.0)

    @property
    def seconds(self) -> float:
        """Training and evaluating; judging is not timed."""
        return self.evaluating_seconds + (self.run.wall_seconds if self.run else 0.0)


def gather_spending(project: Project) -> tuple[Spent, ...]:
    """Every run, oldest first, and last what belongs to none: evaluations of the base, verdicts no run learnt from."""
    store = project.store
    builds = {build.id: build.run_id for _, build in store.each(Build)}
    asked: defaultdict[str | None, list[Evaluation]] = defaultdict(list)
    for _, one in store.each(Evaluation):
        asked[builds.get(one.build_id)].append(one)
    verdicts = [(one.sequence, one.cost_usd) for one in store.verdicts() if one.cost_usd]
    rows, before = [], 0
    for sequence, run in store.each(Run):
        judging = sum(cost for at, cost in verdicts if before < at <= sequence)
        rows.append(_spent(f"{store.saved_at(run.id)[:16]} {run.id[4:12]}", run, judging, asked[run.id]))
        before = sequence
    rest = _spent("no run", None, sum(cost for at, cost in verdicts if at > before), asked[None])
    return (*rows, *((rest,) if rest.usd or rest.seconds else ()))


def spending_page(spent: Sequence[Spent]) -> Page:
    """A row for each run, with the sum so far behind it."""
    return Page(
        title="What the runs cost",
        lead=tuple(_lead(spent)),
        sections=(Section(title="Run by run", parts=tuple(_parts(spent))),) if spent else (),
        foot="Reckoned from the records when this page is made; nothing that failed is left out.",
        again="costs",
    )


def energy(joules: float | None) -> str:
    """An estimate of energy in the unit that a bill uses; `-` where nothing tells."""
    if joules is None:
        return figures.NOTHING
    return f"{joules / _JOULES_PER_KWH:.3f} kWh" if joules >= _JOULES_PER_KWH / 100 else f"{joules:,.0f} J"


def _spent(name: str, run: Run | None, judging: float, asked: Sequence[Evaluation]) -> Spent:
    return Spent(
        name=name,
        run=run,
        judging_usd=judging,
        evaluating_usd=sum(one.cost_usd for one in asked),
        evaluating_seconds=sum(one.wall_seconds for one in asked),
    )


def _lead(spent: Sequence[Spent]) -> Iterator[str]:
    if not spent:
        yield "Nothing was trained or evaluated yet."
        return
    runs = [one.run for one in spent if one.run is not None]
    yield (
        f"{figures.counted(len(runs), 'run')}: {figures.dollars(sum(one.usd for one in spent))} and "
        f"{figures.seconds(sum(one.seconds for one in spent))} so far."
    )
    if unpriced := sum(price_of(run) is None for run in runs):
        yield f"What {unpriced} of the trainings cost is not known, and in no sum: no price stood under [machine]."


def _parts(spent: Sequence[Spent]) -> Iterator[Part]:
    sums = accumulate(one.usd for one in spent)
    rows = tuple(_row(one, so_far) for one, so_far in zip(spent, sums, strict=True))
    head = ("run", "lessons", "training", "evaluating", "together", "so far")
    yield Table(caption="Dollars for each run", head=head, rows=rows)
    took = tuple(map(_took, spent))
    yield Table(caption="Time and energy of each run", head=("run", "recipe", "ended", "time", "energy"), rows=took)
    yield Said(
        text="Lessons: verdicts on the log since the run before. Training: hours and current by the prices under "
        "[machine], - where none stood there. Energy is an estimate, and - where nothing tells."
    )


def _row(one: Spent, so_far: float) -> tuple[str, ...]:
    training = price_of(one.run) if one.run else None
    dollars = (one.judging_usd, training, one.evaluating_usd, one.usd, so_far)
    return one.name, *map(figures.dollars, dollars)


def _took(one: Spent) -> tuple[str, ...]:
    if one.run is None:
        return one.name, figures.NOTHING, figures.NOTHING, figures.seconds(one.seconds), figures.NOTHING
    ended = one.run.status.value.replace("_", " ")
    return one.name, one.run.recipe, ended, figures.seconds(one.seconds), energy(one.run.energy_joules)
