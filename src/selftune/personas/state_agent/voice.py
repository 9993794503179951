"""A voice that is held to its state: it is told of what it may call alone, and its claims are refused by code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.personas.state_agent.claims import CLAIMED, govern
from selftune.personas.state_agent.state import MINIMAL, TOKENS_WHEN_MINIMAL
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.personas.base import Call, Said, Voice
    from selftune.scoring.state import State


class StatefulVoice:
    """Speaks as another voice does, in the state that stands in the call; a call without one is passed on as it is."""

    def __init__(self, inner: Voice) -> None:
        self._inner = inner

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """One turn: tools that the state does not allow are not shown, and at the minimal level it is short.

        A claim in words to do what is not allowed is not let through: the refusal stands in its place, marked, with
        what the model had said beside it. So nobody hears a piece of a turn before all of it was looked at. What is
        called in vain the toolbox refuses.

        Raises:
            ServingError: as the voice itself.
        """
        state = parse_state(call.messages[0].content) if call.messages and call.messages[0].role == "system" else None
        if state is None:
            return self._inner.speak(call, heard)
        # Whoever hears may want to stop: it is asked at each piece, and told nothing yet.
        said = self._inner.speak(_within(call, state), lambda _: heard(""))
        asked = next((message.content for message in reversed(call.messages) if message.role == "user"), "")
        governed = govern(asked, said.text, state)
        heard(governed.text)
        if not governed.claimed:
            return said
        return replace(said, text=governed.text, flags=(*said.flags, CLAIMED), in_place_of=said.text)


def _within(call: Call, state: State) -> Call:
    """The call as the state allows it."""
    tools = call.tools
    if state.allowed_actions is not None:
        tools = tuple(tool for tool in tools if tool.name in state.allowed_actions)
    parameters = call.parameters
    if state.context_level == MINIMAL:
        parameters = replace(parameters, max_tokens=min(parameters.max_tokens, TOKENS_WHEN_MINIMAL))
    return replace(call, tools=tools, parameters=parameters)
