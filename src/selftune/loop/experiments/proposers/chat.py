"""The model that proposes: one question to an OpenAI-compatible endpoint, one JSON object back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ProposerError
from selftune.interactions.privacy.redaction import Redactor
from selftune.judges.config import Judging
from selftune.judges.endpoint import CallError, appoint_endpoint, call, connect
from selftune.judges.request import read_reply
from selftune.loop.incoming.privacy import rules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.judges.endpoint import Endpoint
    from selftune.loop.config import ProjectConfig
    from selftune.loop.experiments.base import Chat

_SECTION: Final = "nightly"
_MAX_TOKENS: Final = 1024
_BAD_REQUEST: Final = 400


def chat_of(config: ProjectConfig) -> Chat | None:
    """The model under [nightly]; None where none is named.

    Raises:
        ConfigError: model or key is missing, or the host lies beyond this machine and is not in [egress].
    """
    section = config.nightly
    if not section.endpoint:
        return None
    named = Judging(
        name="llm",
        endpoint=section.endpoint,
        model=section.model,
        api_key_env=section.api_key_env or None,
        egress=config.egress.allow,
    )
    rules = rules_of(config)
    return EndpointChat(appoint_endpoint(named, _SECTION), named.timeout_seconds, (*rules.redact, *rules.quarantine))


class EndpointChat:
    """Asks the endpoint. What is sent and what comes back is redacted like anything else that crosses the door."""

    def __init__(self, endpoint: Endpoint, timeout_seconds: float, redact: tuple[str, ...]) -> None:
        self._endpoint = endpoint
        self._timeout_seconds = timeout_seconds
        self._redact = redact

    def __call__(self, system: str, user: str, schema: Mapping[str, Any]) -> str:
        """The text of the answer; a server that knows no schemas is asked once more without.

        Raises:
            ProposerError: there was none.
        """
        hidden = Redactor(self._redact)
        said = [{"role": role, "content": hidden.redact(text)} for role, text in (("system", system), ("user", user))]
        body = {"model": self._endpoint.model, "messages": said, "temperature": 0, "max_tokens": _MAX_TOKENS}
        form = {"type": "json_schema", "json_schema": {"name": "proposals", "strict": True, "schema": dict(schema)}}
        try:
            return hidden.redact(asyncio.run(self._ask(body | {"response_format": form})))
        except CallError as error:
            if error.status != _BAD_REQUEST:
                raise self._silent(error) from error
        try:
            return hidden.redact(asyncio.run(self._ask(body)))
        except CallError as error:
            raise self._silent(error) from error

    def _silent(self, error: CallError) -> ProposerError:
        return ProposerError(
            f"the model {self._endpoint.model!r} gave no answer: {error}.",
            next_step="See that it is up, or name another proposer under [nightly].",
        )

    async def _ask(self, body: Mapping[str, Any]) -> str:
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        async with connect(self._endpoint, at_once=1, timeout_seconds=self._timeout_seconds) as session:
            reply = read_reply(await call(session, self._endpoint, data))
        if not reply.text or reply.finish_reason == "length":
            raise CallError("an answer without text, or one that was cut", transient=False)
        return reply.text
