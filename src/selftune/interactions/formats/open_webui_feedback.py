"""Open WebUI's export of ratings: each with the chat as it was when the person rated an answer.

The fields: `backend/open_webui/models/feedbacks.py` of Open WebUI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.interactions.formats.open_webui import nodes_of, thumb_of
from selftune.interactions.reading.assemble import Origin, assemble, read_from
from selftune.interactions.reading.branches import kept_branch
from selftune.interactions.reading.expect import as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


@dataclass(frozen=True)
class OpenWebUIFeedback:
    """Rated answers, each as the interaction that ends with it, under the name it has in an export of chats.

    Where a thumb is up, the other answers to the same question lost against it (`rejected`); where it is down nobody
    said that they were better. What was said about it in words has no place yet: `comment_not_kept`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        data = entry.get("data")
        rated = isinstance(data, dict) and "rating" in data and "meta" in entry
        return "its entries hold a `rating` in `data`, with `meta`" if rated else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each rated answer as one interaction."""
        return read_from(read_entries(self.path), self.path.name, "open_webui", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    data, meta = as_mapping(entry.get("data"), "'data'"), as_mapping(entry.get("meta"), "'meta'")
    thumbs = thumb_of(data.get("rating"))
    if thumbs is None:
        raise UnreadableError("'rating' is missing")
    chat = _chat(as_mapping(entry.get("snapshot") or {}, "'snapshot'"))
    nodes = nodes_of(as_mapping(chat.get("history"), "'history'"))
    branch = kept_branch(nodes, as_text(meta.get("message_id"), "'message_id'"))
    facts = {
        "conversation_id": meta.get("chat_id"),
        "model": branch.model or data.get("model_id"),
        "author": entry.get("user_id"),
        "created_at": entry.get("created_at"),
        "feedback": {"thumbs": thumbs},
    }
    said = ("comment_not_kept",) if data.get("comment") or data.get("reason") else ()
    rejected = branch.rejected if thumbs > 0 else ()
    return assemble(branch.messages, facts, origin, (*branch.flags, *said), rejected)


def _chat(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    """The chat of a snapshot, which holds it as the server's record of it: a `chat` within a `chat`."""
    if snapshot.get("chat") is None:
        raise UnreadableError("it holds no snapshot of the chat; export the ratings as an administrator")
    chat = as_mapping(snapshot["chat"], "'chat'")
    return as_mapping(chat["chat"], "'chat' of 'chat'") if "history" not in chat and "chat" in chat else chat
