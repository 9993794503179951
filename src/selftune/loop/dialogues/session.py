"""What a dialogue owes to those before it in one chat: their words, their measures, and what was wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.loop.dialogues.exchange import measured_turns, not_let_through
from selftune.records import Message, Rejected

if TYPE_CHECKING:
    from selftune.loop.dialogues.held import Held


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What was said before in the same chat.

    Attributes:
        dissonance: By turn; None once it could not be measured.
        flags: Of what was said: the entry that takes the place of the earlier ones has them too.
        rejected: What a model had said where other words were given out, at its place among `messages`.
    """

    session: str
    messages: tuple[Message, ...] = ()
    dissonance: tuple[float, ...] | None = ()
    flags: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def remember(earlier: Earlier, asked: str, held: Held) -> Earlier:
    """The same with a dialogue more, in which everybody said what they had to say."""
    said = (Message(role="user", content=asked), *(turn.message for turn in held.turns))
    return Earlier(
        session=earlier.session,
        messages=(*earlier.messages, *said),
        dissonance=measured_turns(earlier.dissonance, held.dissonance),
        flags=tuple(dict.fromkeys((*earlier.flags, *held.flags))),
        rejected=(*earlier.rejected, *not_let_through(held.turns, len(earlier.messages) + 1)),
    )


def rejected_in(earlier: Earlier, opening: tuple[Message, ...]) -> tuple[Rejected, ...]:
    """What was not let through earlier, at its place in an opening that begins with a state or with none."""
    moved = len(opening) - 1 - len(earlier.messages)
    return tuple(replace(one, at=one.at + moved) for one in earlier.rejected)
