"""The door: everything that comes in is mended and redacted here, before the first write."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.errors import UnknownNameError
from selftune.interactions.assemble import find_state
from selftune.interactions.redaction import ALL_KINDS, Redactor
from selftune.interactions.repair import join_surrogates, repair_text
from selftune.records import Interaction, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.interactions.config import Capture
    from selftune.records import Feedback, Message


def check_door(config: Capture) -> None:
    """Refuse a config that names a kind of secret we have no pattern for.

    Raises:
        UnknownNameError: the nearest kinds are offered.
    """
    for kind in config.redact:
        if kind not in ALL_KINDS:
            raise UnknownNameError("kind of secret", kind, ALL_KINDS)


def pass_door(item: Interaction | Quarantined, config: Capture) -> Interaction | Quarantined:
    """The item with its texts mended and its secrets replaced; flagged when that changed anything."""
    if isinstance(item, Quarantined):
        redactor = Redactor(config.redact)
        return replace(item, raw=redactor.redact(join_surrogates(item.raw)), reason=redactor.redact(item.reason))
    return clean(item, config)


def clean(interaction: Interaction, config: Capture) -> Interaction:
    """One interaction through the door; cleaning a clean one changes nothing."""
    change = repair_text if config.repair else join_surrogates
    mended = _with_texts(interaction, change)
    redacted = _with_texts(mended, Redactor(config.redact).redact)
    new = [("repaired_text", mended != interaction), ("redacted", redacted != mended)]
    flags = (*redacted.flags, *(flag for flag, happened in new if happened and flag not in redacted.flags))
    return replace(redacted, flags=flags)


def _with_texts(interaction: Interaction, change: Callable[[str], str]) -> Interaction:
    """The interaction with each text that a person or a model wrote changed."""
    messages = tuple(_with_message_texts(message, change) for message in interaction.messages)
    return replace(
        interaction,
        messages=messages,
        state=find_state(messages) or (change(interaction.state) if interaction.state else None),
        feedback=_with_correction(interaction.feedback, change),
        conversation=_name(interaction.conversation, change),
        author=None if interaction.author is None else _name(interaction.author, change),
        task_id=_name(interaction.task_id, change),
        generated_by=_if_any(interaction.generated_by, change),
        happened_at=_if_any(interaction.happened_at, change),
        rejected=tuple(
            replace(
                lost,
                messages=tuple(_with_message_texts(message, change) for message in lost.messages),
                generated_by=_if_any(lost.generated_by, change),
            )
            for lost in interaction.rejected
        ),
    )


def _with_message_texts(message: Message, change: Callable[[str], str]) -> Message:
    calls = tuple(
        replace(call, name=change(call.name), arguments=change(call.arguments), result=_if_any(call.result, change))
        for call in message.tool_calls
    )
    return replace(
        message,
        content=change(message.content),
        persona=_if_any(message.persona, change),
        reasoning=_if_any(message.reasoning, change),
        tool_calls=calls,
    )


def _with_correction(feedback: Feedback | None, change: Callable[[str], str]) -> Feedback | None:
    if feedback is None or feedback.correction is None:
        return feedback
    return replace(feedback, correction=change(feedback.correction))


def _if_any(text: str | None, change: Callable[[str], str]) -> str | None:
    return None if text is None else change(text)


def _name(text: str, change: Callable[[str], str]) -> str:
    """A name that must go on telling people or conversations apart: a digest where the change would alter it."""
    if change(text) == text:
        return text
    return f"hidden-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
