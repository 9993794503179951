"""From the parts that a format names to an interaction."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.interactions.privacy.consent import marked_consent, with_mark
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, read_entries
from selftune.interactions.reading.times import as_utc
from selftune.records import (
    Consent,
    Feedback,
    Interaction,
    InteractionOutcome,
    Message,
    Quarantined,
    Thread,
    Trigger,
)
from selftune.scoring.reasoning import split_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from enum import StrEnum
    from pathlib import Path

    from selftune.context import Context
    from selftune.interactions.reading.lines import Entry
    from selftune.records import Rejected, ToolCall

T = TypeVar("T")
E = TypeVar("E", bound="StrEnum")

LABELS: Final = ("label", "kto_tag")

_STATE: Final = re.compile(r"== STATE ==(?P<body>.*?)== END STATE ==", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an entry stood, and the salt and flags of the interaction that it becomes."""

    source: str
    position: str
    salt: str
    flags: tuple[str, ...] = ()


def read_file(
    path: Path,
    format_name: str,
    parse: Callable[[Mapping[str, Any], Origin], Interaction],
    context: Context,
) -> Iterator[Interaction | Quarantined]:
    """Each entry of a file as `parse` reads it; an entry it can't read comes as `Quarantined` with file and line."""
    return read_from(read_entries(path), path.name, format_name, parse, context)


def read_from(
    entries: Iterable[Entry],
    file_name: str,
    format_name: str,
    parse: Callable[[Mapping[str, Any], Origin], Interaction | tuple[Interaction, ...]],
    context: Context,
) -> Iterator[Interaction | Quarantined]:
    """Each entry as `parse` reads it; an entry it can't read comes as `Quarantined` with file and place.

    An entry that holds more than one interaction gives each a position of its own; a salt of its own it gets here. What
    the entry says of consent holds for all of them (see `consent.marked_consent`).
    """
    # What is no UTF-8 in a file's name could neither be kept nor printed.
    file_name = file_name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    source = f"{format_name}:{file_name}"
    for entry in entries:
        origin = Origin(source=source, position=entry.position, salt=context.draw_salt(), flags=entry.flags)
        fault = entry.fault
        if fault is None:
            try:
                found = parse(as_mapping(entry.value, "the entry"), origin)
                mark = marked_consent(entry.value)
                first, *more = (with_mark(item, mark) for item in (found if isinstance(found, tuple) else (found,)))
                yield first
                yield from (replace(item, salt=context.draw_salt()) for item in more)
            except UnreadableError as error:
                fault = str(error)
        if fault is not None:
            reason = f"{file_name}, {entry.place}: {fault}"
            yield Quarantined(salt=origin.salt, source=source, position=origin.position, reason=reason, raw=entry.raw)


def assemble(
    messages: tuple[Message, ...],
    facts: Mapping[str, Any],
    origin: Origin,
    flags: tuple[str, ...] = (),
    rejected: tuple[Rejected, ...] = (),
    *,
    whole: bool = False,
) -> Interaction:
    """An interaction out of its messages, of the answers that lost, and of what the entry says beside them.

    Known facts: `conversation_id` or `id`, `task_id`, `trigger`, `model` or `generated_by`, `author` or `user`,
    `outcome`, `feedback`, `consent`, `created_at`, `last_turn_at`, `closed`, `dissonance`. What is missing gets the
    record's default. `whole` says that the entry is a chat as it stood, under an id that no other chat has.

    Raises:
        UnreadableError: a fact has the wrong type.
    """
    if not messages:
        raise UnreadableError("it holds no message")
    name = _text(facts, "conversation_id", "id")
    return Interaction(
        salt=origin.salt,
        conversation=f"{origin.source}:{name or origin.position}",
        task_id=_text(facts, "task_id") or name or origin.position[:16],
        trigger=_word(facts, "trigger", Trigger, Trigger.IMPORT),
        messages=messages,
        source=origin.source,
        position=origin.position,
        state=find_state(messages),
        feedback=_record(facts, "feedback", Feedback),
        generated_by=_text(facts, "generated_by", "model"),
        author=_text(facts, "author", "user"),
        outcome=_word(facts, "outcome", InteractionOutcome, InteractionOutcome.OK),
        dissonance=_numbers(facts, "dissonance"),
        consent=marked_consent(facts) or Consent(),
        flags=tuple(dict.fromkeys((*origin.flags, *flags))),
        happened_at=_text(facts, "created_at", "timestamp"),
        rejected=rejected,
        thread=_thread(facts, whole=whole),
        last_turn_at=as_utc(facts.get("last_turn_at")),
        closed=facts.get("closed") is True,
    )


def _thread(facts: Mapping[str, Any], *, whole: bool) -> Thread | None:
    """How later states of the conversation are recognised; an entry that names none is never taken for one."""
    if _text(facts, "conversation_id", "id") is None:
        return None
    return Thread.WHOLE if whole else Thread.ROW if _text(facts, "conversation_id") is None else Thread.EXCHANGE


def said_by_assistant(
    content: str,
    *,
    persona: str | None = None,
    reasoning: str | None = None,
    tool_calls: tuple[ToolCall, ...] = (),
) -> tuple[Message, tuple[str, ...]]:
    """An assistant's message with its reasoning kept apart, and the flags that this calls for."""
    split = split_reasoning(content)
    thought = "\n".join(part for part in (reasoning, split.reasoning) if part) or None
    message = Message(role="assistant", content=split.answer, persona=persona, reasoning=thought, tool_calls=tool_calls)
    return message, ("reasoning_unclosed",) if split.unclosed else ()


def find_state(messages: tuple[Message, ...]) -> str | None:
    """The state block of the first system message that has one, as the JSON text it is; None without valid JSON."""
    for message in messages:
        block = _STATE.search(message.content) if message.role == "system" else None
        if block:
            body = block["body"].strip()
            return body if _is_json(body) else None
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_compared(entry: Mapping[str, Any]) -> bool:
    """Whether the entry says which of its answers is better, or that its answer is good or bad."""
    return "rejected" in entry or any(isinstance(entry.get(key), bool) for key in LABELS)


def _text(facts: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = facts.get(key)
        if value is not None:
            return str(value) if isinstance(value, int | float) else as_text(value, repr(key))
    return None


def _word(facts: Mapping[str, Any], key: str, words: type[E], default: E) -> E:
    value = facts.get(key)
    if value is None:
        return default
    try:
        return words(value)
    except ValueError as error:
        raise UnreadableError(f"{key!r} is {value!r}, not one of {', '.join(words)}") from error


def _numbers(facts: Mapping[str, Any], key: str) -> tuple[float, ...]:
    values = as_list(facts[key], repr(key)) if facts.get(key) is not None else []
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise UnreadableError(f"{key!r} holds something that is no number")
    return tuple(float(value) for value in values)


def _record(facts: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    import msgspec

    if facts.get(key) is None:
        return None
    try:
        return msgspec.convert(facts[key], type=kind)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"{key!r}: {error}") from error
