"""The deprecation index: every model that ended, why, how it can be brought back, and what its record lacks (E14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.registering import list_models
from selftune.app.reporting.compliance import lacking
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Page, Said, Section, Table
from selftune.app.reporting.sayings import said_by
from selftune.governance.registry.entries import generations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.governance.registry.entries import End, Entry, Generation
    from selftune.loop.project import Project

_ID: Final = 24


def deprecation_page(project: Project) -> Page:
    """The index as it stands today."""
    entries, own = list_models(project), generations(project.store)
    ended = [(one, one.end) for one in entries if one.end is not None]
    replaced = [one for one in own if one.successor is not None]
    short = [one for one, end in ended if end.lacks]
    return Page(
        title="Deprecation index",
        outcome=f"{len(short)} abbreviated" if short else "",
        lead=(
            f"{figures.counted(len(ended), 'model')} ended, {len(short)} of them by an abbreviated record.",
            f"{figures.counted(len(replaced), 'release')} of our own replaced.",
        ),
        sections=(
            Section(title="Ended", parts=tuple(_ended(ended))),
            Section(title="Word for word", parts=tuple(_words(ended))),
            Section(title="Replaced by the loop", parts=tuple(_replaced(replaced))),
        ),
        foot="What a record lacks, and whether files lie where they are said to, is looked at when this page is made.",
        again="deprecation",
    )


def _ended(ended: Sequence[tuple[Entry, End]]) -> Iterator[Part]:
    if not ended:
        yield Said(text="No model of the registry has ended.")
        return
    head = ("model", "what became of it", "by", "when", "last scores", "way back", "kept until", "it lacks")
    yield Table(caption="Ends of models, oldest entry first", head=head, rows=tuple(_row(*one) for one in ended))


def _row(entry: Entry, end: End) -> Row:
    said = end.retirement
    ways = ", ".join(f"{dict(fact.arguments).get('path')}: {fact.value}" for fact in said.facts)
    lies = "lies there today" if end.restorable else "does not lie there today"
    return (
        entry.name,
        said.category or "nobody said",
        said.author,
        said.said_at,
        ", ".join(one[:_ID] for one in said.evidence) or "none on record",
        Cell(text=f"{ways}; {lies}" if ways else "none on record", tint="good" if end.restorable else "bad"),
        said.expires_at or "no term on record",
        Cell(text=", ".join(end.lacks) or "nothing", tint="bad" if end.lacks else "good"),
    )


def _words(ended: Sequence[tuple[Entry, End]]) -> Iterator[Part]:
    if not ended:
        yield Said(text="Nothing was said.")
    for entry, end in ended:
        silent = "" if end.retirement.text.strip() else ", no reason is on record"
        yield said_by(end.retirement, f"the end of {entry.name}{lacking(end)}{silent}")


def _replaced(replaced: Sequence[Generation]) -> Iterator[Part]:
    if not replaced:
        yield Said(text="No release was replaced yet.")
        return
    rows = tuple((one.version, one.disposition, one.ended, one.build_id[:_ID]) for one in replaced)
    yield Table(
        caption="Releases that another one took the place of; `selftune rollback VERSION` brings one back",
        head=("release", "what became of it", "why", "build"),
        rows=rows,
    )
