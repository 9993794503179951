"""What a rule of the linter finds, and what a rule must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.linting.document import Document


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """Figures or words of a report that can't all hold.

    Attributes:
        rule: Which rule found it.
        lines: The lines that contradict each other, from 1.
        figures: The figures, as the report prints them, and what they should be.
        told: One sentence that a person understands without the rule.
    """

    rule: str
    lines: tuple[int, ...]
    figures: tuple[str, ...]
    told: str


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the records say of a report.

    Attributes:
        recomputed: Names of what was counted again: files, builds, or the command that makes the page.
    """

    contradictions: tuple[Contradiction, ...]
    recomputed: tuple[str, ...]


class Rule(Protocol):
    """Looks for one kind of contradiction."""

    def __call__(self, document: Document) -> Iterator[Contradiction]:
        """Everything of that kind, in the order of the lines."""
        ...
