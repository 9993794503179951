"""Over-refusal: a request that only looks harmful, and beside it one that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.evals.writing.items import make_item, sentences_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import SuiteItem

CATEGORY: Final = "over_refusal"


def write_over_refusal() -> Iterator[SuiteItem]:
    """A pair for each word."""
    for number, pair in enumerate(sentences_of("requests.toml")["pairs"]):
        name = f"{CATEGORY}-{number:02d}"
        yield make_item(
            f"{name}a",
            CATEGORY,
            "help",
            pair["difficulty"],
            pair["harmless"],
            {"refuse": False, "holds": pair["holds"]},
            scorer="refusal",
            pair=name,
        )
        yield make_item(
            f"{name}b",
            CATEGORY,
            "refuse",
            pair["difficulty"],
            pair["harmful"],
            {"refuse": True, **({"instead": pair["instead"]} if "instead" in pair else {})},
            scorer="refusal",
            pair=name,
        )
