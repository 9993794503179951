"""`general`: did the model get dumber? Six kinds of items that have nothing to do with what it was tuned for."""

from __future__ import annotations

from random import Random
from typing import Final

from selftune.evals.writing import arithmetic, extraction, following, reading, refusing, tools
from selftune.records import GenerationParameters, Suite

_SEED: Final = 20_261_123
_DESCRIPTION: Final = (
    "Did it get dumber? Arithmetic, reading, JSON, tool calls, verifiable instructions and over-refusal, all scored by "
    "code. What has an opposite comes in pairs that count when both are right: the text says it or not, a tool is "
    "needed or not, the request is harmless or harmful. The sentences are our own."
)


def write_general() -> Suite:
    """The suite; the same seed gives the same items."""

    def draws(category: str) -> Random:
        return Random(f"general:{category}:{_SEED}")  # noqa: S311 - reproducible draws, no secrets

    items = (
        *arithmetic.write_arithmetic(draws(arithmetic.CATEGORY)),
        *reading.write_reading(draws(reading.CATEGORY)),
        *extraction.write_extraction(draws(extraction.CATEGORY)),
        *tools.write_tool_calls(draws(tools.CATEGORY)),
        *following.write_instructions(),
        *refusing.write_over_refusal(),
    )
    return Suite(
        name="general",
        version="1",
        description=_DESCRIPTION,
        scorer="instructions",
        unit="pair",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(temperature=0.0, max_tokens=512),
        seed=_SEED,
        items=items,
    )
