"""A build's system prompt, put before every conversation in the one way there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.records import Message

if TYPE_CHECKING:
    from selftune.context import ChatRequest


def prompted(request: ChatRequest, system_prompt: str | None) -> ChatRequest:
    """A conversation has one system message: the build's prompt, then what the conversation brings."""
    if system_prompt is None:
        return request
    first, *rest = request.messages
    if first.role == "system":
        merged = replace(first, content=f"{system_prompt}\n\n{first.content}")
        return replace(request, messages=(merged, *rest))
    return replace(request, messages=(Message(role="system", content=system_prompt), *request.messages))
