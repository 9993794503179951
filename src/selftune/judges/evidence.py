"""Evidence: the words that a judge quotes must stand in the transcript, or its verdict is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.judges.prompt import shown_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.records import CriterionScore, Interaction

UNSUPPORTED: Final = "unsupported"


def flags_of(criteria: Iterable[CriterionScore], interaction: Interaction) -> tuple[str, ...]:
    """`unsupported` when a quote stands nowhere in the transcript; scores are never touched."""
    return (UNSUPPORTED,) if invented_quotes(criteria, interaction) else ()


def invented_quotes(criteria: Iterable[CriterionScore], interaction: Interaction) -> tuple[str, ...]:
    """The quotes that stand in no turn of the transcript; white space counts as one space, an empty quote as invented.

    A turn is looked through as it was said and as the judge saw it, where line breaks and angle brackets are escapes.
    """
    said = list(_said(interaction))
    doubtful = [quote for criterion in criteria for quote in criterion.quotes if not _stands(quote, said)]
    if not doubtful:
        return ()
    # Most quotes stand as they are; the rest is looked for with white space evened out, and as the judge saw it.
    turns = [_spaced(text) for text in (*said, *shown_turns(interaction))]
    return tuple(quote for quote in doubtful if not _stands(_spaced(quote), turns))


def _stands(quote: str, turns: list[str]) -> bool:
    return bool(quote.strip()) and any(quote in turn for turn in turns)


def _said(interaction: Interaction) -> Iterator[str]:
    for message in interaction.messages:
        yield message.content
        for call in message.tool_calls:
            yield from filter(None, (call.name, call.arguments, call.result))


def _spaced(text: str) -> str:
    return " ".join(text.split())
