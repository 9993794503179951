"""A tool as a model is told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ToolSchema:
    """A function that may be called; `parameters` is a JSON schema of its arguments as text, as OpenAI writes it."""

    name: str
    description: str
    parameters: str
