"""What no amendment may do, whoever signs it: touch who the system is, unless the codex itself says that it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.codex.changes import changes, forbidden_places, is_within
from selftune.codex.reading import parse_codex
from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.codex.changes import Change
    from selftune.records import Amendment, Codex, Identity


def forbidden_changes(before: Codex, after: Codex) -> tuple[str, ...]:
    """Why one codex may not be amended into another, in sentences; empty where it may.

    A change that `forbidden` names by its place (`personas.keeper.voice`) is held back here. One that it names in words
    only a person can recognise: whoever approves is shown them.

    Accepted amendments are held against it again whenever somebody asks what is in force. A rule that gets stricter
    must not count for what people signed before it: else an upgrade would undo their word.
    """
    return tuple(dict.fromkeys(_against(before, after)))


def told_changes(found: Sequence[Change]) -> tuple[str, ...]:
    """The differences of two codices, one a line; a marked place of the identity says that it is one."""
    return tuple(_told(change) for change in found)


def against_its_words(before: Codex, amendment: Amendment) -> str:
    """Why a proposal changes something else than it says of itself; empty where it is as it says.

    Asked before somebody signs, and not again when accepted ones are folded: how differences are told may change.
    """
    try:
        after = parse_codex(amendment.text_after, "the proposed codex")
    except ConfigError as error:
        return f"its text is no sound codex ({error.message.rstrip('.')})"
    if (before.id, after.id) != (amendment.codex_before, amendment.codex_after):
        return "its text is another codex than the one that it names"
    if told_changes(changes(before, after)) != amendment.changes:
        return "it changes something else than it says"
    return ""


def places_left_open(codex: Codex, places: Sequence[str]) -> tuple[str, ...]:
    """Those of these places that a codex lets be changed, to be named to whoever proposes; no proposal rests on it."""
    return tuple(place for place in places if _is_open(codex.identity, place))


def _is_open(identity: Identity, place: str) -> bool:
    invariant = place.removeprefix("identity.").removeprefix("principles.").partition(".")[0]
    if place.startswith("identity.") and invariant not in identity.amendable:
        return False
    return not any(is_within(place, forbidden) for forbidden in forbidden_places(identity))


def _told(change: Change) -> str:
    mark = " (who the system is)" if change.invariant else ""
    return f"{change.where}{mark}: {_shown(change.before)} -> {_shown(change.after)}"


def _shown(text: str | None) -> str:
    return "nothing" if text is None else repr(text)


def _against(before: Codex, after: Codex) -> Iterator[str]:
    found = changes(before, after)
    if not found:
        yield "it changes nothing"
    if before.name != after.name:
        yield "it gives the codex another name: that is another system, and no amendment of this one"
    for change in found:
        if not change.amendable:
            yield f"it changes {change.where}, which the codex does not mark as amendable"
        if change.forbidden:
            yield f"it changes {change.where}, which the codex forbids"
