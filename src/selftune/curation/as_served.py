"""Dialogues learnt as they are served: one example for each call of a persona, under that persona's own prompt.

The governor is heard in the others' calls and learnt in none: a model that learns to govern would learn to please the
judge, who is the same governor. So is a persona that a person plays: nobody learns to speak for a person.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from selftune.codex.calls import call_of
from selftune.codex.reading import find_persona, is_answering, reference_to
from selftune.curation.filters import control_token_in
from selftune.curation.notes import with_words
from selftune.curation.render import correction_of
from selftune.records import Message, Prompting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.config import Curation
    from selftune.curation.rejects import Rejects
    from selftune.curation.select import Candidate
    from selftune.records import Codex, Example, Interaction

NOT_AS_SERVED: Final = "not as served"


def keep_renderable(pairs: Iterable[Pair], config: Curation, rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs that can be rendered as the config says; the others are rejected, each with its reason."""
    codex = config.codex
    if config.rendering != Prompting.AS_SERVED or codex is None:
        return tuple(pairs)
    kept, listed = [], tuple(pairs)
    for pair, at_hand in zip(listed, with_words(listed), strict=True):
        objection = objection_to(at_hand.interaction, codex)
        if objection is None:
            kept.append(pair)
        else:
            rejects.add(pair, f"{NOT_AS_SERVED}: {objection}")
    return tuple(kept)


def rendered(item: Candidate, config: Curation) -> tuple[tuple[Message, ...], ...]:
    """The conversations that one lesson is learnt as: itself, or where personas speak, each of their calls."""
    codex, said = config.codex, item.pair.interaction
    if config.rendering != Prompting.AS_SERVED or codex is None or not _is_dialogue(said, codex):
        return (item.messages,)
    return tuple(calls_in(said, codex))


def objection_to(interaction: Interaction, codex: Codex) -> str | None:
    """Why a dialogue can't be told in the calls that it was made of; None when it can, or when it is none."""
    unknown = [name for name in _voices(interaction) if find_persona(codex, name) is None]
    if not _is_dialogue(interaction, codex):
        return f"codex {codex.name!r} has none of its personas: {', '.join(unknown)}" if len(unknown) > 1 else None
    if unknown:
        return f"codex {codex.name!r} has no persona {unknown[0]}"
    if correction_of(interaction) is not None:
        return "a person corrected the dialogue as a whole, which no persona was asked for"
    if next(calls_in(interaction, codex), None) is None:
        return "nobody was asked: the governor alone speaks, or a persona before any other"
    token = next(filter(None, (control_token_in(message.content) for message in interaction.messages)), None)
    return None if token is None else f"control token {token!r} in what a persona heard"


def calls_in(interaction: Interaction, codex: Codex) -> Iterator[tuple[Message, ...]]:
    """Each call of a persona that answers, in the order of the dialogue, with what it said as the answer to learn.

    What a persona says in several turns in a row is one answer: in between nobody was called.
    """
    place = 0
    for _, run in groupby(interaction.messages, key=_speaker):
        turns = list(run)
        before, place = interaction.messages[:place], place + len(turns)
        persona = None if turns[0].persona is None else find_persona(codex, turns[0].persona)
        if persona is None or turns[0].role != "assistant" or not is_answering(codex, persona):
            continue
        call, answer = call_of(codex, persona, before), _one_answer(turns)
        if call[-1].role == "user" and (answer.content or answer.tool_calls):
            yield (*call, answer)


def describe_rendering(chosen: Sequence[Candidate], train: Sequence[Example], config: Curation) -> str:
    """A line for the card where lessons are not learnt as they were said."""
    if config.rendering != Prompting.AS_SERVED or config.codex is None:
        return ""
    lessons = len({item.pair.key.interaction_id for item in chosen})
    return (
        f"\nRendered as served: {len(train)} examples out of {lessons} lessons, one for each call of a persona, under "
        f"the prompts of codex {config.codex.name!r} ({config.codex.id[:24]}); the governor is heard and not learnt.\n"
    )


def _speaker(message: Message) -> tuple[str, str]:
    return message.role, reference_to(message.persona or "")


def _one_answer(turns: Sequence[Message]) -> Message:
    content = "\n\n".join(turn.content for turn in turns if turn.content.strip())
    return Message(
        role="assistant", content=content, tool_calls=tuple(call for turn in turns for call in turn.tool_calls)
    )


def _is_dialogue(interaction: Interaction, codex: Codex) -> bool:
    return any(find_persona(codex, name) for name in _voices(interaction))


def _voices(interaction: Interaction) -> tuple[str, ...]:
    """Who speaks in it, each once."""
    named = [message.persona for message in interaction.messages if message.role == "assistant" and message.persona]
    return tuple({reference_to(name): name for name in named}.values())
