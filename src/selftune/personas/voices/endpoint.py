"""A model behind an OpenAI-compatible endpoint as a voice; beyond this machine it is told redacted words only."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.errors import ServingError
from selftune.judges.endpoint import connect
from selftune.personas.dialogue.script import cleaned
from selftune.personas.voices.wire import body_of, refuse_tools, said_of
from selftune.serving.streaming import Pieces, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.judges.endpoint import Endpoint
    from selftune.personas.base import Call, Said
    from selftune.serving.streaming import Streamed

_OK: Final = 200
_CHUNK: Final = 65_536


class EndpointVoice:
    """Speaks through one model behind an endpoint.

    Args:
        endpoint: Where it listens, as `judges.endpoint.appoint_endpoint` lets it be reached.
        clean: Takes out what may not leave this machine.
        calls_tools: Whether the model knows tools.
        timeout_seconds: For one turn.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clean: Callable[[str], str],
        calls_tools: bool = False,
        timeout_seconds: float = 120.0,
    ) -> None:
        self._endpoint = endpoint
        self._clean = clean
        self._calls_tools = calls_tools
        self._timeout_seconds = timeout_seconds

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """One turn.

        Raises:
            ServingError: it can't be reached, does not answer in time, or breaks off.
            RequestRefusedError: it will not answer this one request, or tools are offered that it can't call.
        """
        if not self._calls_tools:
            refuse_tools(call, self._endpoint.model)
        if not self._endpoint.local:
            call = replace(call, messages=tuple(cleaned(message, self._clean) for message in call.messages))
        answer = asyncio.run(self._ask(call, heard))
        return said_of(answer, answer.model or self._endpoint.model, call)

    async def _ask(self, call: Call, heard: Callable[[str], None]) -> Streamed:
        import aiohttp

        told = {"model": self._endpoint.model, "stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps(body_of(call) | told).encode("utf-8", "replace")
        pieces = Pieces(heard=heard)
        try:
            async with (
                connect(self._endpoint, at_once=1, timeout_seconds=self._timeout_seconds) as session,
                session.post(self._endpoint.completions, data=body, allow_redirects=False) as response,
            ):
                if response.status != _OK:
                    raise refusal_of(response.status, await response.content.read(_CHUNK))
                async for portion in response.content.iter_any():
                    pieces.feed(portion)
                    if pieces.done:
                        break
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ServingError(
                f"the model {self._endpoint.model!r} does not answer ({type(error).__name__}).",
                next_step="Look whether its server runs, then ask again.",
            ) from error
        return pieces.whole()
