"""What no amendment may do, whoever signs it: touch who the system is, unless the codex itself says that it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.codex.changes import changes, forbidden_places, is_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.records import Codex, Identity


def forbidden_changes(before: Codex, after: Codex) -> tuple[str, ...]:
    """Why one codex may not be amended into another, in sentences; empty where it may.

    A change that `forbidden` names by its place (`personas.keeper.voice`) is held back here. One that it names in words
    only a person can recognise: whoever approves is shown them.

    Accepted amendments are held against it again whenever somebody asks what is in force. A rule that gets stricter
    must not count for what people signed before it: else an upgrade would undo their word.
    """
    return tuple(dict.fromkeys(_against(before, after)))


def places_left_open(codex: Codex, places: Sequence[str]) -> tuple[str, ...]:
    """Those of these places that a codex lets be changed, to be named to whoever proposes; no proposal rests on it."""
    return tuple(place for place in places if _is_open(codex.identity, place))


def _is_open(identity: Identity, place: str) -> bool:
    invariant = place.removeprefix("identity.").removeprefix("principles.").partition(".")[0]
    if place.startswith("identity.") and invariant not in identity.amendable:
        return False
    return not any(is_within(place, forbidden) for forbidden in forbidden_places(identity))


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
