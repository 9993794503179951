"""Who asks, what they may, and how often: looked at before anything of a body is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.keys import PREFIX, Scope
from selftune.app.gateway.refusals import Refusal
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.release.door import is_stranger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.app.gateway.keys import Key, KeyRing
    from selftune.app.gateway.limits import Limits
    from selftune.loop.fronting import GatewaySection

CONSENT: Final = "X-Selftune-Consent"
_LEVELS: Final = ("none", *ConsentLevel)
_NOBODY: Final = "nobody known"
_MOST_NAME: Final = 256
# Nearly all requests name the same host.
_is_stranger: Final = lru_cache(maxsize=64)(is_stranger)
_USER_HEADERS: Final = ("X-OpenWebUI-User-Id",)
_CONVERSATION_HEADERS: Final = ("X-OpenWebUI-Chat-Id", "X-Selftune-Conversation")
_MESSAGE_HEADERS: Final = ("X-OpenWebUI-Message-Id", "X-Selftune-Message")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, by what they show.

    Attributes:
        key_id: None where no key is known: what they ask is kept and never trained on.
        consent: `none`, `keep`, `train` or `send`.
    """

    key_id: str | None
    consent: str
    user: str | None
    conversation: str | None
    message_id: str | None


class Callers:
    """Lets callers in, or tells them why not."""

    def __init__(self, settings: GatewaySection, keys: KeyRing, limits: Limits, consent: ConsentLevel) -> None:
        self._settings = settings
        self._keys = keys
        self._limits = limits
        self._consent = consent

    def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """Who asks.

        Raises:
            Refusal: they name another machine, a key of theirs opens nothing here, or they asked too often.
        """
        self.refuse_strangers(headers)
        key = self._key(headers, scope)
        limit = self._settings.requests_per_minute
        if key is not None and key.requests_per_minute is not None:
            limit = key.requests_per_minute
        wait = self._limits.wait_for(_NOBODY if key is None else key.id, limit)
        if wait:
            raise Refusal(429, f"This is more than {limit} requests a minute.", retry_after=math.ceil(wait))
        return Caller(
            key_id=None if key is None else key.id,
            consent=self._level(headers, key),
            user=_first(headers, _USER_HEADERS),
            conversation=_first(headers, _CONVERSATION_HEADERS),
            message_id=_first(headers, _MESSAGE_HEADERS),
        )

    def refuse_strangers(self, headers: Mapping[str, str]) -> None:
        """Return where the request names this machine, and no page from elsewhere sent it; `Refusal` otherwise."""
        if _is_stranger(headers.get("Host", ""), headers.get("Origin")):
            raise Refusal(403, "Only programs on this machine may ask.")

    def _key(self, headers: Mapping[str, str], scope: Scope) -> Key | None:
        word, _, shown = headers.get("Authorization", "").partition(" ")
        shown = shown.strip() if word.lower() == "bearer" else ""
        key = self._keys.find(shown) if shown else None
        if key is None or key.revoked_at is not None:
            # What looks like a key of ours is a slip, and who made it should not learn of it from lessons that lack.
            if shown.startswith(PREFIX):
                why = "was revoked" if key is not None else "is not known here"
                raise Refusal(401, f"This key {why}. Make one: selftune gateway key add NAME")
            if self._settings.require_key or scope is not Scope.CHAT:
                raise Refusal(401, "A key is needed. Make one: selftune gateway key add NAME")
            return None
        if scope not in key.scopes:
            raise Refusal(403, f"This key does not open {scope.value!r}. Make one: selftune gateway key add NAME")
        return key

    def _level(self, headers: Mapping[str, str], key: Key | None) -> str:
        """The strictest of the project's word, the key's and the request's; of who shows no key, nothing is learnt."""
        own = ConsentLevel.KEEP if key is None else key.consent or self._consent
        wanted = headers.get(CONSENT, self._consent)
        if wanted not in _LEVELS:
            raise Refusal(400, f"{CONSENT} must be one of {', '.join(_LEVELS)}.")
        return _strictest(self._consent, own, wanted)


@lru_cache(maxsize=128)
def _strictest(*levels: str) -> str:
    return str(min(levels, key=_LEVELS.index))


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        if value := headers.get(name):
            # aiohttp marks what is no UTF-8 in a way that nothing behind us can write down.
            return value.encode(errors="surrogateescape").decode(errors="replace")[:_MOST_NAME]
    return None
