"""A dialogue as the log holds it: the person's words, and each turn with its persona."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.consent import with_mark
from selftune.interactions.reading.assemble import find_state
from selftune.personas.dialogue.base import WHOLE, Ending
from selftune.personas.scripted import SCRIPTED, SCRIPTED_FLAG
from selftune.records import Consent, Interaction, InteractionOutcome, Rejected, Thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.dialogues.outset import Outset
    from selftune.personas.dialogue.base import Spoken

UNRESOLVED: Final = "unresolved"
"""Marks a dialogue that was in dissonance and ended before it was resolved."""

_MARKS: Final = {
    Ending.REPEATED: "repeated_itself",
    Ending.EMPTY: "empty_turn",
    Ending.TIME: "out_of_time",
    Ending.TOKENS: "out_of_tokens",
    Ending.INTERRUPTED: "interrupted",
    Ending.FAILED: "broke_off",
    Ending.ROUNDS: "round_limit",
}


def interaction_of(outset: Outset, spoken: Spoken) -> Interaction:
    """The interaction of a dialogue that is over; the same dialogue always gives the same one."""
    messages = (*outset.opening, *(turn.message for turn in spoken.turns))
    scripted = outset.scripted or any(turn.generated_by == SCRIPTED for turn in spoken.turns)
    interaction = Interaction(
        salt=outset.salt,
        conversation=outset.session or outset.thread,
        task_id=outset.task_id or outset.thread,
        trigger=outset.trigger,
        messages=messages,
        source=outset.source,
        position=outset.thread,
        state=find_state(messages),
        generated_by=spoken.turns[-1].generated_by if spoken.turns else None,
        author_is_owner=True,
        outcome=outcome_of(spoken.ending),
        dissonance=measured_turns(outset.dissonance, spoken.scores),
        flags=_flags(spoken, scripted=scripted),
        rejected=tuple(_not_let_through(outset, spoken)),
        happened_at=outset.happened_at,
        thread=Thread.EXCHANGE if outset.session else None,
        codex_id=outset.codex_id,
    )
    return with_mark(interaction, Consent(train=False, send=True) if scripted and not outset.learnt else None)


def outcome_of(ending: Ending) -> InteractionOutcome:
    """Whether everybody said what they had to say, a person broke it off, or a fault or limit did."""
    if ending in WHOLE:
        return InteractionOutcome.OK
    return InteractionOutcome.HUMAN_INTERVENED if ending is Ending.INTERRUPTED else InteractionOutcome.ERROR


def measured_turns(before: tuple[float, ...], scores: tuple[float | None, ...]) -> tuple[float, ...]:
    """The dissonance of each turn, what was said before in the chat included; empty where one was not measured."""
    known = tuple(score for score in scores if score is not None)
    return (*before, *known) if len(known) == len(scores) else ()


def _not_let_through(outset: Outset, spoken: Spoken) -> Iterator[Rejected]:
    """What the model had said where code gave out other words, at the place of its turn."""
    for at, turn in enumerate(spoken.turns, start=len(outset.opening)):
        if turn.in_place_of:
            own = replace(turn.message, content=turn.in_place_of)
            yield Rejected(at=at, messages=(own,), generated_by=turn.generated_by)


def _flags(spoken: Spoken, *, scripted: bool) -> tuple[str, ...]:
    unresolved = spoken.rose and spoken.ending is not Ending.RESOLVED
    marks = (
        *(flag for turn in spoken.turns for flag in turn.flags),
        *((_MARKS[spoken.ending],) if spoken.ending in _MARKS else ()),
        *((UNRESOLVED,) if unresolved else ()),
        *((SCRIPTED_FLAG,) if scripted else ()),
    )
    return tuple(dict.fromkeys(marks))
