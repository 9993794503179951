"""A dialogue as the log holds it: the person's words, and each turn with its persona."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.consent import with_mark
from selftune.interactions.reading.assemble import find_state
from selftune.loop.dialogues.outset import is_of
from selftune.personas.dialogue.base import DYAD, WHOLE, Ending
from selftune.personas.gauges.resolution import UNRESOLVED
from selftune.personas.scripted import SCRIPTED, SCRIPTED_FLAG
from selftune.records import Consent, Interaction, InteractionOutcome, Rejected, Thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.loop.dialogues.outset import Outset
    from selftune.personas.dialogue.base import Spoken, Turn

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
    """The interaction of a dialogue that is over; the same dialogue always gives the same one.

    One that broke off stands by itself: it takes the place of nothing that was said before it in its chat.
    """
    session = outset.session if spoken.ending in WHOLE else ""
    messages = (*outset.opening, *(turn.message for turn in spoken.turns))
    scripted = outset.scripted or any(turn.generated_by == SCRIPTED for turn in spoken.turns)
    interaction = Interaction(
        salt=outset.salt,
        conversation=session or outset.thread,
        task_id=outset.task_id or outset.thread,
        trigger=outset.trigger,
        messages=messages,
        source=outset.source,
        position=outset.thread,
        state=find_state(messages),
        generated_by=spoken.turns[-1].generated_by if spoken.turns else None,
        author_is_owner=True,
        outcome=outcome_of(spoken.ending),
        dissonance=_by_turn(outset, spoken),
        flags=_flags(outset, spoken, scripted=scripted),
        rejected=(*outset.rejected, *not_let_through(spoken.turns, len(outset.opening))),
        happened_at=outset.happened_at,
        thread=Thread.EXCHANGE if session else None,
        codex_id=outset.codex_id,
    )
    return with_mark(interaction, Consent(train=False, send=True) if scripted and not outset.learnt else None)


def outcome_of(ending: Ending) -> InteractionOutcome:
    """Whether everybody said what they had to say, a person broke it off, or a fault or limit did."""
    if ending in WHOLE:
        return InteractionOutcome.OK
    return InteractionOutcome.HUMAN_INTERVENED if ending is Ending.INTERRUPTED else InteractionOutcome.ERROR


def measured_turns(before: tuple[float, ...] | None, scores: tuple[float | None, ...]) -> tuple[float, ...] | None:
    """The dissonance of each turn, what was said before in the chat included; None once one was not measured."""
    known = tuple(score for score in scores if score is not None)
    return (*before, *known) if before is not None and len(known) == len(scores) else None


def voices_in(turns: Iterable[Turn], outset: Outset) -> tuple[Turn, ...]:
    """The turns of who answers; a question of the governor is no answer, unless it alone was asked."""
    governor = outset.governor if outset.persona == DYAD else ""
    return tuple(turn for turn in turns if not is_of(turn.message.persona or "", governor))


def _by_turn(outset: Outset, spoken: Spoken) -> tuple[float, ...]:
    """Empty where a turn of a voice was not measured, also because it was the last before everything broke off."""
    if len(spoken.scores) < len(voices_in(spoken.turns, outset)):
        return ()
    return measured_turns(outset.dissonance, spoken.scores) or ()


def not_let_through(turns: Iterable[Turn], start: int) -> Iterator[Rejected]:
    """What the model had said where code gave out other words, at the place of its turn; the first is at `start`."""
    for at, turn in enumerate(turns, start=start):
        if turn.in_place_of:
            own = replace(turn.message, content=turn.in_place_of)
            yield Rejected(at=at, messages=(own,), generated_by=turn.generated_by)


def _flags(outset: Outset, spoken: Spoken, *, scripted: bool) -> tuple[str, ...]:
    unresolved = spoken.rose and spoken.ending is not Ending.RESOLVED
    marks = (
        *outset.flags,
        *(flag for turn in spoken.turns for flag in turn.flags),
        *((_MARKS[spoken.ending],) if spoken.ending in _MARKS else ()),
        *((UNRESOLVED,) if unresolved else ()),
        *((SCRIPTED_FLAG,) if scripted else ()),
    )
    return tuple(dict.fromkeys(marks))
