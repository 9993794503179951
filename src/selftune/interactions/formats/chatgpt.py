"""ChatGPT's data export: `conversations.json`, each conversation a `mapping` of messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.assemble import Origin, assemble, read_file, said_by_assistant
from selftune.interactions.reading.branches import Node, kept_branch, last_leaf
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.records import Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class ChatGPTExport:
    """Conversations of a ChatGPT export along the branch they were left on; regenerated answers stand in `rejected`.

    Hidden messages (empty system prompts, what the interface says to itself) are no turns. Pictures and files leave a
    mark in brackets and the flag `parts_not_kept`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        return "its entries hold a `mapping` of messages" if isinstance(entry.get("mapping"), dict) else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction."""
        return read_file(self.path, "chatgpt", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    mapping = as_mapping(entry.get("mapping"), "'mapping'")
    nodes = {name: _node(as_mapping(value, f"node {name}")) for name, value in mapping.items()}
    leaf = entry.get("current_node")
    branch = kept_branch(nodes, last_leaf(nodes) if leaf is None else as_text(leaf, "'current_node'"))
    facts = {
        "id": entry.get("conversation_id") or entry.get("id"),
        "model": branch.model or entry.get("default_model_slug"),
        "created_at": entry.get("create_time"),
        "last_turn_at": entry.get("update_time"),
    }
    return assemble(branch.messages, facts, origin, branch.flags, branch.rejected, whole=True)


def _node(value: Mapping[str, Any]) -> Node:
    parent = None if value.get("parent") is None else as_text(value["parent"], "a parent")
    if value.get("message") is None:
        return Node(parent=parent)
    message = as_mapping(value["message"], "a message")
    content = as_mapping(message.get("content") or {}, "the content of a message")
    metadata = as_mapping(message.get("metadata") or {}, "the metadata of a message")
    if content.get("content_type") == "thoughts":
        thoughts = [as_mapping(thought, "a thought") for thought in as_list(content.get("thoughts"), "'thoughts'")]
        return Node(parent=parent, reasoning="\n".join(str(thought.get("content") or "") for thought in thoughts))
    text, flags = _text(content)
    if not text.strip() or metadata.get("is_visually_hidden_from_conversation") is True:
        return Node(parent=parent)
    role = as_text(as_mapping(message.get("author"), "an author").get("role"), "an author's role")
    model = metadata.get("model_slug") if role == "assistant" else None
    spoken, new = _message(role, text, str(message.get("recipient") or "all"))
    known = None if model is None else as_text(model, "a model's name")
    return Node(parent=parent, message=spoken, model=known, flags=flags + new)


def _message(role: str, text: str, recipient: str) -> tuple[Message, tuple[str, ...]]:
    if role != "assistant":
        return Message(role=role if role in {"system", "user"} else "tool", content=text), ()
    if recipient != "all":
        return Message(role=role, content="", tool_calls=(ToolCall(name=recipient, arguments=text),)), ()
    return said_by_assistant(text)


def _text(content: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Text of a content: its parts, or its `text` or `result`; a recap of the reasoning is none."""
    if str(content.get("content_type")) in {"reasoning_recap", "user_editable_context", "model_editable_context"}:
        return "", ()
    if content.get("parts") is None:
        return str(content.get("text") or content.get("result") or ""), ()
    parts = as_list(content["parts"], "'parts'")
    texts = [part if isinstance(part, str) else f"[{_type(part)}]" for part in parts]
    return "\n".join(texts), () if all(isinstance(part, str) for part in parts) else ("parts_not_kept",)


def _type(part: Any) -> str:
    return str(part.get("content_type")) if isinstance(part, dict) else "part"
