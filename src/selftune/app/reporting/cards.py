"""The card of a model: what it is, what it was made of, what was measured, what speaks against it, all from records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import arm_parts, part_tables, view
from selftune.app.reporting.compliance import check_parts, doubt_parts, model_parts, programme_parts
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Points, Said, Section, Table
from selftune.app.reporting.sayings import said_by
from selftune.errors import UsageError
from selftune.governance.matters import if_kept
from selftune.records import Build, Dataset, Decision, Evaluation, Model, Record, Release, Run, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.dossiers import Dossier
    from selftune.app.reporting.pages.parts import Part
    from selftune.app.reporting.suites import KnownSuites
    from selftune.loop.project import Project
    from selftune.records import FileDigest

_ID: Final = 24
PURPOSES: Final = ("intended use", "out of scope", "limits", "licence")
"""Categories of annotations that a card quotes: what a model is for only a person can say."""


def card_page(project: Project, found: Dossier, suites: KnownSuites) -> Page:
    """The card of a model of the registry, a release, a build or a run.

    Raises:
        UsageError: the subject is none of these.
    """
    record = if_kept(project.store, found.subject.id, Record)
    if isinstance(record, Release | Decision):
        record = if_kept(project.store, record.build_id or "", Build)
    if not isinstance(record, Model | Build | Run):
        raise UsageError(
            f"{found.name} is no model, and has no card.",
            next_step="Name a model of the registry, a version, a build or a run.",
        )
    evaluations = [
        one for _, one in project.store.each(Evaluation) if one.build_id == record.id or one.build_id in _builds(found)
    ]
    return Page(
        title=f"Model card of {found.name}",
        outcome="",
        lead=tuple(_lead(found, evaluations)),
        sections=(
            Section(title="What it is", parts=tuple(_identity(record))),
            Section(title="What it is for", parts=tuple(_purposes(found))),
            Section(title="What it was trained on", parts=tuple(_training(project, record, found))),
            Section(title="What was measured", parts=tuple(_measured(evaluations, suites))),
            Section(title="What it did not pass", parts=tuple(check_parts(found))),
            Section(title="Doubts, word for word", parts=tuple(doubt_parts(found))),
            Section(title="Where it comes from", parts=tuple(model_parts(found))),
        ),
        foot="Every figure is reckoned from records when this page is made. All that is on record stands in: selftune "
        f"report compliance {found.subject.id}.",
        again=f"card {found.subject.id}",
    )


def _builds(found: Dossier) -> tuple[str, ...]:
    return tuple(one for one in found.subject.models if one.startswith(f"{Build.KIND}:"))


def _lead(found: Dossier, evaluations: Sequence[Evaluation]) -> Iterator[str]:
    stand = [one.statement.text for one in found.doubts if one.stands]
    counted = figures.counted(len(stand), "open doubt")
    yield f"{counted}: {'; '.join(stand)}" if stand else "No open doubt."
    yield f"Measured by {figures.counted(len(evaluations), 'evaluation')}; no mean stands without its interval and n."


def _identity(record: Model | Build | Run) -> Iterator[Part]:
    rows: tuple[tuple[str, str], ...]
    match record:
        case Model():
            rows = (
                ("entered as", record.name),
                ("entered at", record.entered_at),
                ("base", record.base_digest or "not on record"),
                ("parents", ", ".join(record.parents) or "not on record"),
                ("programme", record.programme or "none on record"),
            )
            files = record.files
        case Build():
            rows = (
                ("origin", record.origin.value),
                ("form", f"{record.form.value} {record.quantisation}"),
                ("digest", record.digest),
                ("base", record.base_digest),
                ("run", record.run_id or "none: nothing was trained"),
                ("made by", ", ".join(record.tools)),
            )
            files = record.files
        case Run():
            rows = (
                ("recipe", f"{record.recipe} {record.recipe_digest}"),
                ("base", record.base_digest),
                ("dataset", record.dataset_id),
                ("status", record.status.value),
            )
            files = record.adapter
    yield Table(caption="As it is on record", head=("what", ""), rows=(("id", record.id), *rows))
    yield _files(files)


def _files(files: Sequence[FileDigest]) -> Part:
    if not files:
        return Said(text="None of its files is on record.")
    rows = tuple((one.name, figures.size(one.size_bytes), one.digest) for one in files)
    return Table(caption="Its files", head=("file", "size", "digest"), rows=rows)


def _purposes(found: Dossier) -> Iterator[Part]:
    own = {found.subject.id, *found.subject.models}
    for category in PURPOSES:
        said = [
            one
            for one in found.said
            if one.kind is StatementKind.ANNOTATION and one.category.casefold() == category and one.subject in own
        ]
        if not said:
            yield Said(
                text=f"{category.capitalize()}: nobody put it on record (selftune annotate, category {category})."
            )
        yield from map(said_by, said)


def _training(project: Project, record: Model | Build | Run, found: Dossier) -> Iterator[Part]:
    run = record if isinstance(record, Run) else None
    if isinstance(record, Build) and record.run_id is not None:
        run = if_kept(project.store, record.run_id, Run)
    dataset = None if run is None else if_kept(project.store, run.dataset_id, Dataset)
    if run is not None:
        yield Said(
            text=f"Recipe {run.recipe}, {run.objective} by {run.backend}: {run.status.value} after {run.steps} of "
            f"{run.planned_steps} steps, seed {run.seed}. Its page: selftune report {run.id[:_ID]}"
        )
    if dataset is not None:
        kinds = ", ".join(f"{kind} {figures.share(part)}" for kind, part in dataset.mixture)
        yield Points(
            points=(
                f"{len(dataset.train)} lessons, {len(dataset.holdout)} held out, {len(dataset.rejects)} turned away",
                f"mixture: {kinds or 'nothing on record'}",
                f"dataset {run.dataset_id if run else ''}",
            )
        )
    if run is None and not found.programmes:
        yield Said(text="Nothing says what it was trained on.")
    if found.programmes:
        yield from programme_parts(found)


def _measured(evaluations: Sequence[Evaluation], suites: KnownSuites) -> Iterator[Part]:
    if not evaluations:
        yield Said(text="No evaluation of it is on record: no figure can be given.")
    for one in evaluations:
        arms = (view(f"on {one.suite}, {one.id[11:17]}", one, suites.unit_of(one)),)
        yield from arm_parts(arms)
        yield from part_tables(arms)
