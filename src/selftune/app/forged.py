"""A tool, and a go at one, as `selftune why` tells of them: every answer of the writer and what was wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.pages.plain import one_line, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Forging, Tool


def lines_of_forging(record: Forging) -> Iterator[str]:
    """What was missing, who wrote, and each answer behind a bar."""
    yield f"{record.ended_by.value} after {record.seconds:.1f} s, written by {one_line(record.written_by)}"
    yield f"gap {record.gap}: {one_line(record.wanted)}"
    if record.interaction_id is not None:
        yield f"interaction {record.interaction_id}"
    for number, attempt in enumerate(record.attempts, start=1):
        yield f"answer {number}, a {attempt.asked_for}: {'refused' if attempt.problems else 'taken'}"
        yield from (f"  {one_line(problem)}" for problem in attempt.problems)
        yield from quoted(attempt.answer)


def lines_of_tool(record: Tool) -> Iterator[str]:
    """What it does, and where the rest is told."""
    yield f"{record.name}, version {record.version}: {one_line(record.description)}"
    yield f"written in {record.forging_id}"
    if record.supersedes is not None:
        yield f"supersedes {record.supersedes}"
    yield f"what became of it: selftune tool show {record.id[:21]}"
