"""Claude's data export: `conversations.json`, each conversation a list of `chat_messages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.formats.openai import as_json
from selftune.interactions.reading.assemble import Origin, assemble, read_file, said_by_assistant
from selftune.interactions.reading.branches import Node, kept_branch, last_leaf
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class ClaudeExport:
    """Conversations of a Claude export; where messages name their parents, answers that were retried are rejected ones.

    The export does not say which model answered unless a conversation has a `model`. Attachments are not turns:
    `attachments_not_kept`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        return "its entries hold `chat_messages`" if isinstance(entry.get("chat_messages"), list) else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction."""
        return read_file(self.path, "claude", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    said = [as_mapping(value, "a message") for value in as_list(entry.get("chat_messages"), "'chat_messages'")]
    nodes: dict[str, Node] = {}
    before: str | None = None
    for number, value in enumerate(said):
        name = str(value.get("uuid") or number)
        nodes[name] = _node(value, str(value.get("parent_message_uuid") or "") or before)
        before = name
    left_at = entry.get("current_leaf_message_uuid")
    branch = kept_branch(nodes, last_leaf(nodes) if left_at is None else as_text(left_at, "the leaf"))
    facts = {
        "id": entry.get("uuid"),
        "model": entry.get("model"),
        "created_at": entry.get("created_at"),
        "last_turn_at": entry.get("updated_at"),
    }
    return assemble(branch.messages, facts, origin, branch.flags, branch.rejected, whole=True)


def _node(value: Mapping[str, Any], parent: str | None) -> Node:
    sender = as_text(value.get("sender"), "the sender of a message")
    if sender not in {"human", "assistant"}:
        raise UnreadableError(f"a message is from {sender!r}, not from human or assistant")
    blocks = [as_mapping(block, "a block") for block in as_list(value.get("content") or [], "'content'")]
    text = _joined(blocks, "text") or as_text(value.get("text") or "", "'text'")
    flags = ("attachments_not_kept",) if value.get("attachments") or value.get("files") else ()
    if sender == "human":
        return Node(parent=parent, message=Message(role="user", content=text), flags=flags)
    calls = tuple(_call(block, blocks) for block in blocks if block.get("type") == "tool_use")
    message, new = said_by_assistant(text, reasoning=_joined(blocks, "thinking") or None, tool_calls=calls)
    return Node(parent=parent, message=message, flags=flags + new)


def _joined(blocks: list[Mapping[str, Any]], kind: str) -> str:
    """Text of all blocks of a kind; a block holds it under the kind's own name."""
    return "\n".join(as_text(block.get(kind), f"a {kind} block") for block in blocks if block.get("type") == kind)


def _call(block: Mapping[str, Any], blocks: list[Mapping[str, Any]]) -> ToolCall:
    """A tool's call with its result, when the blocks hold exactly one that names it."""
    name = as_text(block.get("name"), "a tool's name")
    results = [
        as_json(other.get("content"))
        for other in blocks
        if other.get("type") == "tool_result" and block.get("id") and other.get("tool_use_id") == block["id"]
    ]
    return ToolCall(name=name, arguments=as_json(block.get("input")), result=results[0] if len(results) == 1 else None)
