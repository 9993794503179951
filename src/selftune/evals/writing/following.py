"""Verifiable instructions: each order about several topics, so that no one answer follows two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.evals.writing.items import make_item, sentences_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.records import SuiteItem

CATEGORY: Final = "instructions"
_EACH: Final = 4


def write_instructions() -> Iterator[SuiteItem]:
    """Four topics for each order, in turn, so that every topic comes up equally often."""
    sentences = sentences_of("orders.toml")
    topics = sentences["topics"]
    for number, order in enumerate(sentences["orders"]):
        for place in range(_EACH):
            topic = topics[(number + 3 * place) % len(topics)]
            yield make_item(
                f"{CATEGORY}-{order['name'].replace('_', '-')}-{place}",
                CATEGORY,
                order["name"],
                order["difficulty"],
                _filled(order["asked"], topic),
                {"checks": [*_checks(order["checks"], topic), _on_topic(topic, order)]},
                scorer="instructions",
            )


def _checks(checks: Sequence[Mapping[str, Any]], topic: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**check, **({"texts": [_filled(text, topic) for text in check["texts"]]} if "texts" in check else {})}
        for check in checks
    ]


def _on_topic(topic: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """An answer on another topic follows nothing; a word that the order forbids is no sign of the topic."""
    forbidden = {text for check in order["checks"] if check["kind"] == "lacks" for text in check.get("texts", ())}
    words = [word for slot, word in enumerate(topic["words"]) if f"{{{slot}}}" not in forbidden]
    return {"kind": "holds_any", "texts": [*words, *topic["also"]]}


def _filled(text: str, topic: Mapping[str, Any]) -> str:
    first, second = topic["words"]
    return text.replace("{topic}", topic["asked"]).replace("{0}", first).replace("{1}", second)
