"""What lessons may be ordered and weighed by: the names that a recipe may give, and what each reads of a lesson."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selftune.records import Example

SHUFFLE: Final = "shuffle"
SOURCE_FIRST: Final = "source_first"
TOKENS: Final = "tokens"

ORIGIN: Final = "origin"
TOLD_BY: Final[Mapping[str, Callable[[Example], str | None]]] = {
    "kind": lambda example: example.kind,
    ORIGIN: lambda example: "synthetic" if example.synthetic else "real",
    "source": lambda example: example.source,
    "teacher": lambda example: example.taught_by,
}
PARTS: Final = tuple(TOLD_BY)
"""What lessons may be weighed by; the same names as in `[curation] mix_by`."""

ORDERS: Final = (SHUFFLE, SOURCE_FIRST, TOKENS, *(name for name in PARTS if name != ORIGIN))
"""What `order` may be. `source_first` puts what a person asked before what was made up."""
