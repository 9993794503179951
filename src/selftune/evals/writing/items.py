"""One item of a suite, with what it names and nothing that it does not."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from selftune.records import Message, SuiteItem, canonical_json
from selftune.settings import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def make_item(
    item_id: str,
    category: str,
    behaviour: str,
    difficulty: str,
    asked: str,
    expect: Mapping[str, Any],
    *,
    scorer: str | None = None,
    system: str | None = None,
    pair: str | None = None,
    agent: str | None = None,
    follow_ups: Sequence[str] = (),
    reference: str | None = None,
) -> SuiteItem:
    """An item that asks one thing, perhaps under a system message."""
    before = (Message(role="system", content=system),) if system else ()
    return SuiteItem(
        id=item_id,
        category=category,
        behaviour=behaviour,
        difficulty=difficulty,
        messages=(*before, Message(role="user", content=asked)),
        expect=canonical_json(dict(expect)),
        scorer=scorer,
        pair=pair,
        agent=agent,
        follow_ups=tuple(follow_ups),
        reference=reference,
    )


def sentences_of(name: str) -> dict[str, Any]:
    """The hand-written sentences in a TOML file beside this module."""
    return read_toml(resources.files("selftune.evals.writing").joinpath(name).read_text(encoding="utf-8"), name)
