"""Open WebUI's chat export: `chat.history`, a tree of messages, with the ratings that people gave."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.reading.assemble import Origin, assemble, read_from, said_by_assistant
from selftune.interactions.reading.branches import Branch, Node, kept_branch, last_leaf
from selftune.interactions.reading.expect import as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, read_entries
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_DETAILS: Final = re.compile(
    r'\s*<details type="reasoning"[^>]*>\s*<summary>[^<]*</summary>(?P<thought>.*?)</details>\s*', re.DOTALL
)


@dataclass(frozen=True)
class OpenWebUIExport:
    """Chats of an Open WebUI export, along the branch they were left on.

    A thumb belongs to one answer: an answer that was rated earlier in the chat comes as an interaction of its own,
    which ends with it. Answers of other models to the same question, and regenerated ones, stand in `rejected`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        chat = entry.get("chat")
        held = isinstance(chat, dict) and isinstance(chat.get("history"), dict)
        return "its entries hold a `chat` with its `history`" if held else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each chat as one interaction, and one more for each earlier answer that was rated."""
        return read_from(read_entries(self.path), self.path.name, "open_webui", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> tuple[Interaction, ...]:
    history = as_mapping(as_mapping(entry.get("chat"), "'chat'").get("history"), "'history'")
    nodes = nodes_of(history)
    left_at = history.get("currentId")
    branch = kept_branch(nodes, last_leaf(nodes) if left_at is None else as_text(left_at, "'currentId'"))
    facts = {
        "id": entry.get("id"),
        "author": entry.get("user_id"),
        "created_at": entry.get("created_at"),
        "last_turn_at": entry.get("updated_at"),
    }
    # By the chat's name a rated answer is also known in the export of ratings.
    exchange = {**facts, "conversation_id": entry.get("id")}
    earlier = (at for at, thumb in enumerate(branch.thumbs) if thumb is not None and at != branch.last_answer)
    rated = (
        _interaction(branch.up_to(at), exchange, replace(origin, position=f"{origin.position}:{at}")) for at in earlier
    )
    return (_interaction(branch, facts, origin, whole=True), *rated)


def _interaction(branch: Branch, facts: Mapping[str, Any], origin: Origin, *, whole: bool = False) -> Interaction:
    thumbs = None if branch.last_answer is None else branch.thumbs[branch.last_answer]
    feedback = None if thumbs is None else {"thumbs": thumbs}
    told = {**facts, "model": branch.model, "feedback": feedback}
    return assemble(branch.messages, told, origin, branch.flags, branch.rejected, whole=whole)


def nodes_of(history: Mapping[str, Any]) -> dict[str, Node]:
    """The messages of a chat's history as the nodes of a tree, by their names.

    Raises:
        UnreadableError: a message has the wrong shape.
    """
    messages = as_mapping(history.get("messages"), "'messages' of 'history'")
    return {name: _node(as_mapping(value, f"message {name}")) for name, value in messages.items()}


def _node(value: Mapping[str, Any]) -> Node:
    parent = None if value.get("parentId") is None else as_text(value["parentId"], "a parent")
    role = as_text(value.get("role"), "the role of a message")
    if role not in _ROLES:
        raise UnreadableError(f"a message has the role {role!r}")
    text = as_text(value.get("content"), "the content of a message")
    flags = ("attachments_not_kept",) if value.get("files") else ()
    if role != "assistant":
        return Node(parent=parent, message=Message(role=role, content=text), flags=flags)
    details = _DETAILS.match(text)
    thought = re.sub(r"(?m)^> ?", "", details["thought"]).strip() if details else None
    message, new = said_by_assistant(text[details.end() :] if details else text, reasoning=thought)
    model = value.get("model")
    return Node(
        parent=parent,
        message=message,
        model=None if model is None else as_text(model, "a model's name"),
        thumbs=thumb_of(as_mapping(value.get("annotation") or {}, "an annotation").get("rating")),
        flags=flags + new,
    )


def thumb_of(rating: Any) -> int | None:
    """The thumb that a rating stands for; None for none.

    Raises:
        UnreadableError: it is neither 1 nor -1.
    """
    if rating is None:
        return None
    if isinstance(rating, bool) or str(rating) not in {"1", "-1"}:
        raise UnreadableError(f"a rating is {rating!r}, not 1 or -1")
    return int(rating)
