"""LM Studio: a chat as one JSON document, each message with its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.assemble import Origin, assemble, read_file, said_by_assistant
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.interactions.reading.times import latest
from selftune.records import Message, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class LMStudioChat:
    """A chat of LM Studio (`*.conversation.json`): the selected version is the answer, the others are rejected ones.

    Steps in the style of thinking are reasoning. What is no text (tool steps, pictures) is flagged `parts_not_kept`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        messages = entry.get("messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        held = isinstance(first, dict) and isinstance(first.get("versions"), list)
        return "its `messages` hold `versions`" if held else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each chat as one interaction."""
        return read_file(self.path, "lm_studio", _parse, context)


@dataclass(frozen=True, kw_only=True)
class _Version:
    message: Message
    model: str | None
    flags: tuple[str, ...]


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    turns = [_versions(as_mapping(value, "a message")) for value in as_list(entry.get("messages"), "'messages'")]
    system = entry.get("systemPrompt")
    opening = (Message(role="system", content=as_text(system, "'systemPrompt'")),) if system else ()
    kept = [versions[0] for versions in turns]
    rejected = tuple(
        Rejected(at=at, messages=(lost.message,), generated_by=lost.model)
        for at, versions in enumerate(turns, start=len(opening))
        for lost in versions[1:]
        if lost.message.role == "assistant" and lost.message.content not in {"", versions[0].message.content}
    )
    answers = [version.model for version in kept if version.model is not None]
    last = as_mapping(entry.get("lastUsedModel") or {}, "'lastUsedModel'")
    facts = {
        # A chat has no id of its own; the millisecond it was begun in serves as one.
        "id": entry.get("createdAt"),
        "last_turn_at": latest(entry.get("userLastMessagedAt"), entry.get("assistantLastMessagedAt")),
        "model": answers[-1] if answers else last.get("identifier") or last.get("indexedModelIdentifier"),
        "created_at": entry.get("createdAt"),
    }
    flags = (
        *(flag for version in kept for flag in version.flags),
        *(("several_models",) if len(set(answers)) > 1 else ()),
    )
    return assemble((*opening, *(version.message for version in kept)), facts, origin, flags, rejected, whole=True)


def _versions(value: Mapping[str, Any]) -> list[_Version]:
    """The selected version first, then the others in their order."""
    versions = [_version(as_mapping(each, "a version")) for each in as_list(value.get("versions"), "'versions'")]
    chosen = value.get("currentlySelected", 0)
    if not isinstance(chosen, int) or not 0 <= chosen < len(versions):
        raise UnreadableError(f"version {chosen!r} is selected and there are {len(versions)}")
    return [versions[chosen], *versions[:chosen], *versions[chosen + 1 :]]


def _version(value: Mapping[str, Any]) -> _Version:
    role = as_text(value.get("role"), "the role of a message")
    if role not in {"system", "user", "assistant"}:
        raise UnreadableError(f"a message has the role {role!r}")
    if role != "assistant":
        text, flags = _text(value.get("content"))
        return _Version(message=Message(role=role, content=text), model=None, flags=flags)
    steps = [as_mapping(step, "a step") for step in as_list(value.get("steps") or [value], "'steps'")]
    said, thought, flags = _steps(steps)
    message, new = said_by_assistant(said, reasoning=thought or None)
    names = [name for step in steps if (name := _model(step)) is not None]
    return _Version(message=message, model=names[-1] if names else None, flags=flags + new)


def _steps(steps: list[Mapping[str, Any]]) -> tuple[str, str, tuple[str, ...]]:
    """What was said, what was thought, and what has no place here."""
    said: list[str] = []
    thought: list[str] = []
    flags: list[str] = []
    for step in steps:
        if step.get("content") is None:
            # Statistics and status lines end most answers; a tool's step is what would be missed.
            flags += ["parts_not_kept"] if "tool" in str(step.get("type")).lower() else []
            continue
        text, new = _text(step["content"])
        flags += new
        style = as_mapping(step.get("style") or {}, "a step's style")
        (thought if style.get("type") == "thinking" else said).append(text)
    return "\n".join(said), "\n".join(thought), tuple(dict.fromkeys(flags))


def _text(content: Any) -> tuple[str, tuple[str, ...]]:
    parts = [as_mapping(part, "a part") for part in as_list(content, "'content'")]
    texts = [as_text(part["text"], "a text part") for part in parts if part.get("type") == "text"]
    return "\n".join(texts), () if len(texts) == len(parts) else ("parts_not_kept",)


def _model(step: Mapping[str, Any]) -> str | None:
    info = as_mapping(step.get("genInfo") or {}, "'genInfo'")
    name = info.get("indexedModelIdentifier") or info.get("identifier")
    return None if name is None else as_text(name, "a model's name")
