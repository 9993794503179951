"""The project's live server as a voice: one model for every persona, told apart by their system messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.personas.voices.wire import body_of, refuse_tools, said_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.personas.base import Call, Said
    from selftune.release.live import LiveServer


class LiveVoice:
    """Speaks through what serves now, whichever build that is at each turn.

    Args:
        server: The project's; somebody has started it.
        calls_tools: Whether the served model's chat template knows tools.
        timeout_seconds: How long it may be silent before it counts as gone.
    """

    def __init__(self, server: LiveServer, *, calls_tools: bool = False, timeout_seconds: float = 600.0) -> None:
        self._server = server
        self._calls_tools = calls_tools
        self._timeout_seconds = timeout_seconds

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """One turn.

        Raises:
            ServingError: nothing serves, or it broke off.
            RequestRefusedError: it will not answer this: it is too long, or tools are offered that it can't call.
        """
        if not self._calls_tools:
            refuse_tools(call, "the model in service")
        answer, served_by = self._server.stream(body_of(call), heard, timeout_seconds=self._timeout_seconds)
        return said_of(answer, served_by, call)
