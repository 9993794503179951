"""How one persona of a dialogue is called: its own system message, and the dialogue as it stood before its turn.

This is the one place that says so. What is learnt as it was served is made here, and whoever serves personas makes
their calls here: so the two can't differ.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.codex.quoting import told_pillars, told_principles
from selftune.codex.reading import reference_to
from selftune.errors import UsageError
from selftune.records import Message, PlayedBy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Codex, Persona

_STATE: Final = re.compile(
    r"\s*==\s*STATE\s*==(?:(?!==\s*END STATE\s*==).)*==\s*END STATE\s*==\s*", re.DOTALL | re.IGNORECASE
)


def system_prompt_of(codex: Codex, persona: Persona) -> str:
    """The system message of a persona's calls: its own `prompt`, or one made of what the codex says of it."""
    if persona.prompt.strip():
        return persona.prompt.strip()
    opening = f"You are {persona.name}, {persona.role} of {codex.identity.name}."
    parts = (f"{opening} {persona.text.strip()} {persona.voice.strip()}", told_pillars(persona), told_principles(codex))
    return "\n\n".join(filter(None, parts))


def call_of(codex: Codex, persona: Persona, before: Sequence[Message]) -> tuple[Message, ...]:
    """What is sent to have a persona speak: one system message, then users and the persona itself in turn.

    Its own turns stand as the assistant's; whatever others said since, the person among them, is one user's message,
    each persona's words behind its name. A system message of the conversation goes behind the persona's own, but for
    one that is a state block and nothing else: what is so comes first. What was thought and what tools were called
    stays with the one who did.

    Whoever is played by a person is never called, so that no model speaks for a person.

    It ends with a user's message unless the persona itself spoke last or nobody has spoken: a server would take its
    last words for the beginning of the answer, so nobody is called then.

    Raises:
        UsageError: a person plays this persona.
    """
    refuse_person(persona)
    system = [message.content for message in before if message.role == "system"]
    states = [text.strip() for text in system if _STATE.fullmatch(text)]
    further = (text for text in system if not _STATE.fullmatch(text))
    opening = "\n".join((*states, "\n\n".join((system_prompt_of(codex, persona), *further))))
    messages = [Message(role="system", content=opening)]
    for message in before:
        if message.role == "system":
            continue
        heard = _as_heard(message, persona)
        if heard.role == messages[-1].role:
            messages[-1] = replace(heard, content=f"{messages[-1].content}\n\n{heard.content}")
        else:
            messages.append(heard)
    return tuple(messages)


def refuse_person(persona: Persona) -> None:
    """Refuse to speak as a persona that a person plays.

    Raises:
        UsageError: a person plays it.
    """
    if persona.played_by is PlayedBy.PERSON:
        raise UsageError(
            f"{persona.name} is played by a person: no model is called as it.",
            next_step="Name a persona that a model plays; what you type yourself is the person's turn.",
        )


def _as_heard(message: Message, persona: Persona) -> Message:
    if message.persona is not None and reference_to(message.persona) == reference_to(persona.name):
        return Message(role="assistant", content=message.content)
    said = message.content if message.persona is None else f"{message.persona}: {message.content}"
    return Message(role="user", content=said)
