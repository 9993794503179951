"""A suite of two pairs, small enough to be read."""

from __future__ import annotations

import pytest

from selftune.records import GenerationParameters, Message, Suite, SuiteItem


def make_item(
    name: str, *, pair: str, category: str = "field", wants: str = "yes", system: str | None = None
) -> SuiteItem:
    said = (Message(role="system", content=system),) if system else ()
    return SuiteItem(
        id=name,
        category=category,
        behaviour="present",
        difficulty="easy",
        messages=(*said, Message(role="user", content=f"say {wants} to {name}")),
        expect=f'{{"wants":"{wants}"}}',
        pair=pair,
    )


@pytest.fixture
def suite() -> Suite:
    return Suite(
        name="tiny",
        version="1",
        description="two pairs",
        scorer="echo",
        unit="pair",
        categories=("field", "tone"),
        generation=GenerationParameters(temperature=0.0, max_tokens=8),
        seed=7,
        items=(
            make_item("a1", pair="a", wants="yes"),
            make_item("a2", pair="a", wants="no"),
            make_item("b1", pair="b", category="tone", wants="yes", system="be brief"),
            make_item("b2", pair="b", category="tone", wants="no"),
        ),
    )
