"""SillyTavern: a chat as JSONL, its head in the first line, each message with the swipes it was chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from selftune.interactions.reading.assemble import Origin, assemble, read_from, said_by_assistant
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import Entry, UnreadableError, made_entry, read_entries
from selftune.interactions.reading.positions import Positions
from selftune.interactions.reading.times import latest
from selftune.records import Message, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class SillyTavernChat:
    """A chat with a character: the swipe that was kept is the answer, the other swipes are rejected ones.

    Greetings before the person's first word are written by the character's author, so their swipes are no rejected
    answers (`greetings_not_kept`). Messages that were hidden from the model are no turns (`hidden_turns_not_kept`).
    A line that can't be read is set aside by itself, and the chat says so (`turns_missing`).
    """

    path: Path
    # A line is one message of the chat, so a single one is never tried again.
    entries_stand_alone: ClassVar[bool] = False

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        if {"user_name", "character_name"} <= entry.keys():
            return "its first line names `user_name` and `character_name`"
        if {"mes", "is_user"} <= entry.keys() or "chat_metadata" in entry:
            return "its lines hold `mes` with `is_user`, or `chat_metadata`"
        return None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """The chat as one interaction, and each line that can't be read."""
        return read_from(_gathered(self.path), self.path.name, "sillytavern", _parse, context)


def _gathered(path: Path) -> Iterator[Entry]:
    """Each broken line as it stands, then all others as one entry."""
    lines: list[dict[str, Any]] = []
    flags: list[str] = []
    missing = 0
    for entry in read_entries(path):
        if entry.fault is None and isinstance(entry.value, dict):
            lines.append(entry.value)
            flags += entry.flags
        else:
            missing += 1
            yield entry
    if lines:
        flags += ["turns_missing"] if missing else []
        yield made_entry({"lines": lines}, "the chat", Positions(), tuple(dict.fromkeys(flags)))


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    lines = [as_mapping(line, "a line") for line in as_list(entry.get("lines"), "the chat")]
    head = lines[0] if "mes" not in lines[0] else {}
    said = [line for line in lines if "mes" in line]
    shown = [line for line in said if line.get("is_system") is not True]
    parsed = [_message(line) for line in shown]
    first = next((at for at, (message, _) in enumerate(parsed) if message.role == "user"), len(parsed))
    rejected = tuple(lost for at, line in enumerate(shown) if at > first for lost in _swipes(line, at))
    answers = [name for line in shown if line.get("is_user") is not True if (name := _model(line)) is not None]
    flags = (
        *(flag for _, new in parsed for flag in new),
        *(("hidden_turns_not_kept",) if len(shown) < len(said) else ()),
        *(("greetings_not_kept",) if any(tuple(_swipes(line, 0)) for line in shown[:first]) else ()),
        *(("several_models",) if len(set(answers)) > 1 else ()),
    )
    metadata = as_mapping(head.get("chat_metadata") or {}, "'chat_metadata'")
    facts = {
        "id": metadata.get("integrity"),
        "model": answers[-1] if answers else None,
        "created_at": head.get("create_date"),
        "last_turn_at": latest(*(line.get("send_date") for line in said)),
    }
    return assemble(tuple(message for message, _ in parsed), facts, origin, flags, rejected, whole=True)


def _message(line: Mapping[str, Any]) -> tuple[Message, tuple[str, ...]]:
    text = as_text(line.get("mes"), "'mes'")
    if not isinstance(line.get("is_user"), bool):
        raise UnreadableError("a message does not say whether the user said it")
    if line["is_user"]:
        return Message(role="user", content=text), ()
    name = line.get("name")
    persona = None if name is None else as_text(name, "'name'")
    return said_by_assistant(text, persona=persona, reasoning=_extra_text(line, "reasoning"))


def _swipes(line: Mapping[str, Any], at: int) -> Iterator[Rejected]:
    """The swipes of a message that were not kept, each with the model that wrote it where the file says so."""
    if line.get("is_user") is True or line.get("swipes") is None:
        return
    infos = as_list(line.get("swipe_info") or [], "'swipe_info'")
    told = [as_text(text, "a swipe") for text in as_list(line["swipes"], "'swipes'")]
    seen = {str(line.get("mes"))}
    for number, text in enumerate(told):
        if number == line.get("swipe_id") or text in seen or not text.strip():
            continue
        seen.add(text)
        info = as_mapping(infos[number], "a swipe's info") if number < len(infos) else {}
        message, _ = said_by_assistant(
            text, persona=_message(line)[0].persona, reasoning=_extra_text(info, "reasoning")
        )
        yield Rejected(at=at, messages=(message,), generated_by=_model(info))


def _model(line: Mapping[str, Any]) -> str | None:
    return _extra_text(line, "model")


def _extra_text(line: Mapping[str, Any], key: str) -> str | None:
    value = as_mapping(line.get("extra") or {}, "'extra'").get(key)
    return as_text(value, repr(key)) if value else None
