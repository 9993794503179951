"""The handoff: what is handed over, who signed for it before, and every doubt that goes along (E8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.app.reporting.readiness import assessed_by, concern_parts, signature_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.readiness import Readiness
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.records import Bundle


def handoff_page(readiness: Readiness, bundle: Bundle) -> Page:
    """The document that whoever deploys signs with; it names the bundle and every signature before theirs."""
    signed = readiness.signatures.chain.counted
    names = ", ".join(f"{one.statement.author} as {one.role}" for one in signed)
    stand = [doubt for doubt in readiness.doubts if doubt.stands]
    later = [doubt for doubt in stand if doubt.statement.id not in bundle.concerns]
    return Page(
        title=f"Handoff of {readiness.subject.name}",
        lead=(
            f"Handed over is {bundle.id}, signed before by {names or 'nobody'}.",
            f"Open concerns that go along: {len(stand)}; raised after the bundle was made: {len(later)}.",
        ),
        sections=(
            Section(title="What is handed over", parts=tuple(_covered(bundle))),
            Section(
                title="Who signed before", parts=(*signature_parts(readiness), *_ids(readiness), *_words(readiness))
            ),
            Section(title="Concerns", parts=tuple(concern_parts(readiness))),
        ),
        foot=f"About {readiness.subject.id}; ledger of {bundle.ledger_size} entries, root {bundle.ledger_root}.",
    )


def _covered(bundle: Bundle) -> Iterator[Part]:
    rows: tuple[Row, ...] = (*bundle.evidence, *((f"document {name}", digest) for name, digest in bundle.documents))
    yield Table(caption="Everything that the bundle covers", head=("what", "id or digest"), rows=rows)
    if bundle.sessions is not None:
        first, last = bundle.sessions
        yield Said(text=f"Sessions {first:,} to {last:,} of {bundle.programme}.")
    yield Said(text=f"Charter {bundle.charter}, {bundle.charter_digest}; codex {bundle.codex_digest or 'none'}.")


def _ids(readiness: Readiness) -> Iterator[Part]:
    rows: tuple[Row, ...] = tuple((one.role, one.statement.id) for one in readiness.signatures.chain.counted)
    yield Table(caption="The signatures by their ids", head=("role", "statement"), rows=rows)


def _words(readiness: Readiness) -> Iterator[Part]:
    yield from (assessed_by(one.statement) for one in readiness.signatures.chain.counted)
