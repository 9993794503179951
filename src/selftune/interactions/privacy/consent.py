"""What may be done with the words: three levels, marked in the file or said at the import; the stricter one counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UnknownNameError
from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Consent, Interaction, Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.context import Context
    from selftune.interactions.base import Source

MARKED: Final = "consent_marked"


class ConsentLevel(StrEnum):
    """How far an agreement goes; each level includes those before it."""

    KEEP = "keep"
    TRAIN = "train"
    SEND = "send"

    @property
    def consent(self) -> Consent:
        """The level as a record holds it."""
        return Consent(keep=True, train=self is not ConsentLevel.KEEP, send=self is ConsentLevel.SEND)


_NONE: Final = Consent(keep=False, train=False, send=False)
_LEVELS: Final = {level.value: level.consent for level in ConsentLevel} | {"none": _NONE}


def read_level(name: str) -> ConsentLevel:
    """The level of this name.

    Raises:
        UnknownNameError: there is none; the nearest are offered.
    """
    if name not in list(ConsentLevel):
        raise UnknownNameError("level of consent", name, [level.value for level in ConsentLevel])
    return ConsentLevel(name)


def marked_consent(entry: Mapping[str, Any]) -> Consent | None:
    """What an entry says of itself and of its single messages, the strictest of it; None when it says nothing.

    A mark is `consent` with a level (`none`, `keep`, `train`, `send`), or an object that sets some of keep, train and
    send; what that leaves out is as without a mark. A conversation is one thing: what one of its messages may not be
    used for, the whole is not used for.

    Raises:
        UnreadableError: a mark that is neither; unsure means no.
    """
    lists = (value for value in entry.values() if isinstance(value, list))
    messages = (item for items in lists for item in items if isinstance(item, dict))
    marks = [_read(holder["consent"]) for holder in (entry, *messages) if holder.get("consent") is not None]
    if not marks:
        return None
    found = marks[0]
    for mark in marks[1:]:
        found = found.stricter(mark)
    return found


def with_mark(interaction: Interaction, mark: Consent | None) -> Interaction:
    """The interaction under the consent that its entry marks, flagged; as it is without a mark."""
    if mark is None:
        return interaction
    return replace(interaction, consent=mark, flags=(*interaction.flags, MARKED))


def at_level(interaction: Interaction, level: ConsentLevel) -> Interaction:
    """The interaction under a level, or under its own mark where that is stricter."""
    return under(interaction, level.consent)


def under(interaction: Interaction, consent: Consent) -> Interaction:
    """The interaction under a consent, or under its own mark where that is stricter."""
    if MARKED in interaction.flags:
        return replace(interaction, consent=interaction.consent.stricter(consent))
    return replace(interaction, consent=consent)


@dataclass(frozen=True, kw_only=True)
class UnderConsent:
    """A source whose words come under a level; a stricter mark in the file wins."""

    source: Source
    level: ConsentLevel

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Everything the source holds, no freer than the level."""
        for item in self.source.read(context):
            allowed = self.level.consent
            yield replace(item, consent=allowed) if isinstance(item, Quarantined) else under(item, allowed)


def _read(mark: Any) -> Consent:
    if isinstance(mark, str) and mark in _LEVELS:
        return _LEVELS[mark]
    if isinstance(mark, dict) and mark.keys() <= {"keep", "train", "send"} and _all_flags(mark):
        # What may not be kept can't be trained on either, and what may not be trained on goes to nobody.
        keep = mark.get("keep", True)
        train = keep and mark.get("train", True)
        return Consent(keep=keep, train=train, send=train and mark.get("send", False))
    raise UnreadableError(f"'consent' is {mark!r}, not one of {', '.join(_LEVELS)}, and no object of keep, train, send")


def _all_flags(mark: dict[str, Any]) -> bool:
    return all(isinstance(value, bool) for value in mark.values())
