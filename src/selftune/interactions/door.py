"""The door: everything that comes in is mended, redacted and made nobody's by name here, before the first write."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.errors import UnknownNameError, UsageError
from selftune.interactions.privacy.presidio import PRESIDIO_KINDS, check_presidio
from selftune.interactions.repair import join_surrogates, repair_text
from selftune.records import Interaction, Quarantined, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from selftune.interactions.config import Capture
    from selftune.interactions.privacy.redaction import Redactor
    from selftune.records import Feedback, Message


def check_door(config: Capture) -> None:
    """Refuse a config that names a kind of secret that nothing looks for, before anything is read.

    Raises:
        UnknownNameError: the nearest kinds are offered.
        ConfigError: it names a kind that Presidio finds, and Presidio is not installed.
    """
    from selftune.interactions.privacy.redaction import ALL_KINDS

    asked = {*config.redact, *config.quarantine}
    for kind in sorted(asked):
        if kind not in ALL_KINDS:
            raise UnknownNameError("kind of secret", kind, ALL_KINDS)
    if asked & PRESIDIO_KINDS.keys():
        check_presidio()


def pass_door(
    item: Interaction | Quarantined, config: Capture, *, found: Collection[str] = ()
) -> Interaction | Quarantined:
    """The item as it may be kept: mended, redacted, its author a pseudonym; or set aside, redacted, with the reason.

    What may not be kept at all goes through like any other, so that the store recognises it and takes back what it has;
    of its words the store keeps none.

    Args:
        item: What came in.
        config: What the door looks for.
        found: Kinds of secrets that were taken out of it before it came here.
    """
    redactor = _redactor_of(config)
    if isinstance(item, Quarantined):
        return _clean_raw(item, redactor, config)
    cleaned = _clean(item, redactor, config)
    held = sorted({*redactor.found, *found} & set(config.quarantine))
    if held and cleaned.consent.keep:
        return _set_aside(item, f"held back: it holds {' and '.join(held)}", raw=_held(cleaned))
    return cleaned


def clean_text(text: str, config: Capture) -> str:
    """A text that belongs to no interaction, mended and redacted; what people say is not mended, see `redact_words`."""
    mended = repair_text(text) if config.repair else join_surrogates(text)
    return _redactor_of(config).redact(mended)


def kinds_in(text: str, config: Capture) -> frozenset[str]:
    """The kinds of secrets that `clean_text` takes out of a text."""
    redactor = _redactor_of(config)
    redactor.redact(repair_text(text) if config.repair else join_surrogates(text))
    return frozenset(redactor.found)


def redact_words(text: str, config: Capture) -> str:
    """What a person says, with secrets taken out and nothing else touched: no mending, no other line ends, no NUL lost.

    Raises:
        UsageError: it holds half of a surrogate pair, which no file can hold.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"character {error.start + 1} of what was said is half of a character, which can't be kept.",
            next_step="Type it again, or give it as UTF-8.",
        ) from error
    return _redactor_of(config).redact(text)


def clean(interaction: Interaction, config: Capture) -> Interaction:
    """One interaction through the door, never set aside; cleaning a clean one changes nothing."""
    return _clean(interaction, _redactor_of(config), config)


def _redactor_of(config: Capture) -> Redactor:
    """What takes out the kinds of secrets that a config names."""
    from selftune.interactions.privacy.redaction import (
        Redactor,  # patterns take long to compile: whoever only reads needs none
    )

    return Redactor((*config.redact, *config.quarantine))


def _clean(interaction: Interaction, redactor: Redactor, config: Capture) -> Interaction:
    change = repair_text if config.repair else join_surrogates
    hide = _digest if config.pseudonyms is None else config.pseudonyms.hide
    mended = _with_texts(_under_pseudonym(interaction, config), change, hide)
    redacted = _with_texts(mended, redactor.redact, hide)
    new = [("repaired_text", _differ(mended, interaction)), ("redacted", redacted != mended)]
    flags = (*redacted.flags, *(flag for flag, happened in new if happened and flag not in redacted.flags))
    return replace(redacted, flags=flags)


def _under_pseudonym(interaction: Interaction, config: Capture) -> Interaction:
    """The interaction with a pseudonym for its author, who is an owner if a name of theirs is declared."""
    if config.pseudonyms is None or interaction.author is None:
        return interaction
    author = config.pseudonyms.of(interaction.author)
    owned = author in {config.pseudonyms.of(name) for name in config.owners}
    return replace(interaction, author=author, author_is_owner=interaction.author_is_owner or owned)


def _differ(mended: Interaction, interaction: Interaction) -> bool:
    """Whether more than the author's name and rank changed."""
    return mended != replace(interaction, author=mended.author, author_is_owner=mended.author_is_owner)


def _clean_raw(item: Quarantined, redactor: Redactor, config: Capture) -> Quarantined:
    raw = join_surrogates(item.raw)
    named = raw if config.pseudonyms is None else config.pseudonyms.in_raw(raw)
    source = _source(item.source, redactor.redact, _digest if config.pseudonyms is None else config.pseudonyms.hide)
    return replace(item, raw=redactor.redact(named), reason=redactor.redact(item.reason), source=source)


def _held(item: Interaction) -> str:
    """The whole item as JSON that no format reads: a retry must not bring in what was held back."""
    return canonical_json({"held_back": item})


def _set_aside(item: Interaction, reason: str, *, raw: str) -> Quarantined:
    return Quarantined(
        salt=item.salt,
        source=item.source,
        position=item.position,
        reason=reason,
        raw=raw,
        consent=item.consent,
    )


def _with_texts(interaction: Interaction, change: Callable[[str], str], hide: Callable[[str], str]) -> Interaction:
    """The interaction with each text that a person or a model wrote changed; `hide` takes the place of names."""
    from selftune.interactions.reading.assemble import find_state  # it wakes all that reads, which no rule needs

    messages = tuple(_with_message_texts(message, change) for message in interaction.messages)
    source = _source(interaction.source, change, hide)
    return replace(
        interaction,
        messages=messages,
        state=find_state(messages) or (change(interaction.state) if interaction.state else None),
        feedback=_with_correction(interaction.feedback, change),
        source=source,
        conversation=_conversation(interaction, source, change, hide),
        author=None if interaction.author is None else _name(interaction.author, change, hide),
        task_id=_name(interaction.task_id, change, hide),
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
    content, persona, reasoning = (
        change(message.content),
        _if_any(message.persona, change),
        _if_any(message.reasoning, change),
    )
    if (content, persona, reasoning, calls) == (
        message.content,
        message.persona,
        message.reasoning,
        message.tool_calls,
    ):
        return message  # as nearly all are: to make another one takes longer than to look
    return replace(message, content=content, persona=persona, reasoning=reasoning, tool_calls=calls)


def _with_correction(feedback: Feedback | None, change: Callable[[str], str]) -> Feedback | None:
    if feedback is None or feedback.correction is None:
        return feedback
    return replace(feedback, correction=change(feedback.correction))


def _if_any(text: str | None, change: Callable[[str], str]) -> str | None:
    return None if text is None else change(text)


def _name(text: str, change: Callable[[str], str], hide: Callable[[str], str]) -> str:
    """A name that must go on telling people or conversations apart: hidden where the change would alter it."""
    return text if change(text) == text else hide(text)


def _source(text: str, change: Callable[[str], str], hide: Callable[[str], str]) -> str:
    """The source with its file's name hidden where that is no name to keep: `chat with jane@mail.example.json`."""
    kind, colon, name = text.partition(":")
    return f"{kind}{colon}{_name(name, change, hide)}"


def _conversation(
    interaction: Interaction, source: str, change: Callable[[str], str], hide: Callable[[str], str]
) -> str:
    """The conversation's name, behind the source's where it stood behind that: a later version must find it."""
    prefix = f"{interaction.source}:"
    if not interaction.conversation.startswith(prefix):
        return _name(interaction.conversation, change, hide)
    return f"{source}:{_name(interaction.conversation.removeprefix(prefix), change, hide)}"


def _digest(text: str) -> str:
    return f"hidden-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
