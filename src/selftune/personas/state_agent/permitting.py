"""What an agent may call: what its state allows letter by letter, and nothing that only looks like it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from selftune.personas.base import Toolbox
    from selftune.records import ToolCall, ToolSchema

_LONGEST_NAME: Final = 64


class AllowedTools:
    """A toolbox of which only what `allowed_actions` names is shown and called.

    Names are held against each other letter by letter: another case, a space or a letter of another script that looks
    the same make another name. What is allowed and not in the box is refused by the box itself.
    """

    def __init__(self, inner: Toolbox, allowed: Sequence[str]) -> None:
        self._inner = inner
        self._allowed = tuple(allowed)

    def schemas(self) -> tuple[ToolSchema, ...]:
        """What a model is told of: the allowed ones that can be called now."""
        return tuple(tool for tool in self._inner.schemas() if tool.name in self._allowed)

    def call(self, wanted: ToolCall) -> ToolCall:
        """The call with its result; one that is not allowed never reaches the tools and is told so."""
        if wanted.name not in self._allowed:
            return replace(wanted, result=f"error: {refusal_of([wanted.name], self._allowed)}")
        return self._inner.call(wanted)


def refusal_of(actions: Sequence[str], allowed: Collection[str]) -> str:
    """Why actions are not done, in a clause that names `allowed_actions`; letters of other scripts stand as codes."""
    named = ", ".join(ascii(action[:_LONGEST_NAME]) for action in actions)
    return f"{named} {'is' if len(actions) == 1 else 'are'} not in allowed_actions ({', '.join(allowed) or 'none'})"
