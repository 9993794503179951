"""The page of one run: how it was trained, what it left, and what was decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.costs import artefact_parts
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.app.reporting.spending import energy
from selftune.records import RunStatus
from selftune.training.importing import IMPORTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part
    from selftune.records import CurvePoint, Dataset, Decision, Run


def run_page(run: Run, dataset: Dataset, decisions: Sequence[Decision], further: Sequence[Section]) -> Page:
    """A run with its decisions; `further` are the sections of the last of them."""
    return Page(
        title=f"Run by recipe {run.recipe}",
        outcome=run.status.value.replace("_", " "),
        lead=tuple(_lead(run, decisions)),
        sections=(
            Section(title="Training", parts=tuple(_training(run, dataset))),
            *further,
            *(() if further else (Section(title="Files", parts=tuple(artefact_parts(run, ()))),)),
        ),
        foot="Every figure is read from the record.",
        again=run.id,
    )


def _lead(run: Run, decisions: Sequence[Decision]) -> Iterator[str]:
    passes = f"{figures.number(run.passes, 1)} passes over {figures.counted(run.examples, 'example')}"
    if run.backend == IMPORTED:
        yield f"Trained elsewhere by {', '.join(run.stage_history)}; its loss, steps and time are not ours to tell."
    else:
        yield f"{run.objective} by {run.backend}, {run.steps} of {run.planned_steps} steps, {passes}, seed {run.seed}."
    if run.reason:
        yield run.reason
    if run.after is not None:
        yield f"It went on from run {run.after}; its time and cost here are those of this part."
    if run.status in {RunStatus.OUT_OF_TIME, RunStatus.PAUSED}:
        yield f"{figures.share(run.share_done)} of its steps were taken: it is unfinished and can't be released."
    yield from (f"Decided: {one.outcome.value}. {one.reason}" for one in decisions)
    if not decisions:
        yield "Nothing was decided about it."


def _training(run: Run, dataset: Dataset) -> Iterator[Part]:
    rows = (
        ("recipe", f"{run.recipe} {run.recipe_digest}"),
        ("base", run.base_digest),
        ("dataset", f"{run.dataset_id}: {len(dataset.train)} lessons, {len(dataset.holdout)} held out"),
        ("objectives so far", ", ".join(run.stage_history)),
        ("supervised tokens", f"{run.supervised_tokens:,}"),
        ("mean change of the adapted weights", figures.number(run.mean_abs_delta, 5)),
        ("time", figures.seconds(run.wall_seconds)),
        ("of it the steps alone", figures.seconds(run.trained_seconds) if run.trained_seconds else figures.NOTHING),
        ("supervised tokens a second", figures.number(run.tokens_per_second, 1)),
        ("most memory", figures.size(run.peak_memory_bytes)),
        ("energy, an estimate", energy(run.energy_joules) + (f" by {run.energy_from}" if run.energy_from else "")),
        ("cost, an estimate", figures.dollars(run.cost_usd)),
        ("examples left out", str(len(run.rejects))),
        *((("examples that only measured", str(run.held_out)),) if run.held_out else ()),
        *((("the adapter is that of step", str(run.adapter_step)),) if run.adapter_step is not None else ()),
    )
    yield Table(caption="How it was trained", head=("what", "value"), rows=rows)
    if run.parts:
        met = tuple((part.name, str(part.examples), str(part.met)) for part in run.parts)
        yield Table(caption="What was met of each part", head=("part", "examples", "times met"), rows=met)
    if run.environment:
        stood_on = (("code", run.code_version), *run.environment)
        yield Table(caption="What its bytes stand on", head=("what", "value"), rows=stood_on)
        yield Said(text=f"Trained once more, and held against this, by: selftune train repeat {run.id[:16]}")
    if run.curve:
        yield Said(
            text="The loss says that something was learnt, never that it is better: no check of the gate reads it."
        )
        yield _curve(run.curve)


def _curve(curve: Sequence[CurvePoint]) -> Table:
    most = 12
    step = max(1, len(curve) // most)
    points = [*curve[::step], *([curve[-1]] if (len(curve) - 1) % step else [])]
    rows = tuple(
        (str(one.step), figures.number(one.loss, 3), f"{one.learning_rate:.2e}", figures.number(one.eval_loss, 3))
        for one in points
    )
    head = ("step", "loss", "learning rate", "evaluation loss")
    return Table(caption=f"The curve, {len(points)} of {len(curve)} points", head=head, rows=rows)
