"""The page of one dataset: its card, why others were rejected, what it is mixed of, and its first lessons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.datasets import show_dataset
from selftune.app.funnel import count_reasons
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Drawing, Page, Section, Table, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.datasets import ShownExample
    from selftune.app.reporting.pages.parts import Row
    from selftune.loop.project import Project
    from selftune.records import Dataset

_LESSONS: Final = 5


def dataset_page(project: Project, dataset: Dataset) -> Page:
    """The whole page; parts that are empty are left out."""
    saved = project.store.saved_at(dataset.id)
    told = f"{len(dataset.train):,} lessons, {len(dataset.holdout):,} held out, {len(dataset.rejects):,} rejected."
    return Page(
        title=f"Dataset of {saved[:10]}",
        lead=(told,),
        sections=tuple(_sections(project, dataset)),
        foot=f"{dataset.id}, kept {saved}",
    )


def _sections(project: Project, dataset: Dataset) -> Iterator[Section]:
    card = Transcript(name="Card", note="", asked=(("Markdown", dataset.card),), answers=())
    plots = (Drawing(svg=plot.svg, alt=plot.name) for plot in dataset.plots)
    yield Section(title="Card", parts=(card, *plots))
    tables: tuple[tuple[str, str, tuple[str, ...], tuple[Row, ...]], ...] = (
        ("Rejects", "Why, the commonest first", ("reason", "n"), _reasons(dataset)),
        ("Mixture", "Where lessons come from", ("source", "share"), _shares(dataset)),
        ("Kinds", "Before and after balancing", ("kind", "before", "after"), _kinds(dataset)),
    )
    for title, caption, head, rows in tables:
        if rows:
            yield Section(title=title, parts=(Table(caption=caption, head=head, rows=rows),))
    lessons = show_dataset(project, dataset.id, count=_LESSONS).examples
    yield Section(title="First lessons", parts=tuple(map(_lesson, lessons)))


def _reasons(dataset: Dataset) -> tuple[Row, ...]:
    return tuple((reason, f"{count:,}") for reason, count in count_reasons(dataset))


def _shares(dataset: Dataset) -> tuple[Row, ...]:
    return tuple((name, figures.share(share)) for name, share in dataset.mixture)


def _kinds(dataset: Dataset) -> tuple[Row, ...]:
    return tuple((one.name, f"{one.before:,}", f"{one.after:,}") for one in dataset.kinds)


def _lesson(one: ShownExample) -> Transcript:
    rejected = (("rejected", one.rejected),) if one.rejected else ()
    return Transcript(
        name=one.interaction_id[12:24],
        note=f"taught by {one.taught_by or 'unknown'}",
        asked=(("as it is learnt", one.text), *rejected),
        answers=(),
    )
