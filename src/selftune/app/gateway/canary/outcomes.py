"""An exchange as the guards see it: whether it failed, how long it took, whether it declined. Its words stay here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.capture.bodies import read_answer
from selftune.app.gateway.exchange import CANDIDATE, CLIENT_ERRORS, Ended, sticky_of
from selftune.loop.canary.guards import Outcome
from selftune.loop.canary.journal import Comparison
from selftune.scoring.failures import refuses

if TYPE_CHECKING:
    from selftune.app.gateway.exchange import Exchange
    from selftune.loop.canary.note import CanaryNote

_CHAT: Final = "/v1/chat/completions"
_TEXT: Final = "/v1/completions"
# Whoever refuses says little else: a longer answer is not looked at closely, which would hold others up.
_MOST_WORDS: Final = 200
_ANSWERED: Final = frozenset({_CHAT, _TEXT, "/v1/responses", "/api/chat", "/api/generate"})


def outcome_of(exchange: Exchange, note: CanaryNote, text: str | None) -> Outcome | None:
    """How it went; None where it says nothing of the model: the client's own mistake.

    Of an answer amid which the client left nothing is known but who gave it, for a thumb.

    Args:
        exchange: What was asked and answered.
        note: The trial.
        text: What was said, as `text_of` reads it.
    """
    # In the shadow only what the champion answered is asked: who finds no request in that fails.
    mistaken = exchange.ended is Ended.REFUSED and exchange.status in CLIENT_ERRORS and not exchange.shadow
    left = exchange.ended is Ended.CLIENT_GONE
    if exchange.route not in _ANSWERED or mistaken:
        return None
    waited = left and exchange.first_byte_seconds is None
    whole = exchange.ended is Ended.COMPLETE
    return Outcome(
        candidate=exchange.upstream == CANDIDATE,
        person=note.person(sticky_of(exchange.user, exchange.key_id, exchange.conversation)),
        failed=None if left else not whole,
        # Whoever left before the first word waited at least so long. In the shadow the candidate is asked when the
        # champion has just answered, and nobody waits for it: its seconds would flatter it.
        seconds=exchange.seconds if (whole or waited) and not note.shadow else None,
        refused=is_refusal(text) if whole and text else None,
        answer=note.person(exchange.completion_id),
    )


def text_of(exchange: Exchange) -> str | None:
    """What was said, put together; None where it can't be read, or nothing was."""
    try:
        answer = read_answer(_spoken_on(exchange), exchange.response, streamed=exchange.streamed)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    content = None if answer is None else answer.get("content")
    return content if isinstance(content, str) else None


def _spoken_on(exchange: Exchange) -> str:
    """The route whose answers look like this one."""
    if not exchange.shadow or exchange.route == _TEXT:
        return exchange.route
    # What was asked in the shadow is kept as the upstream said it, whatever the client's own way of speaking is.
    raw = exchange.route == "/api/generate" and json.loads(exchange.request).get("raw")
    return _TEXT if raw else _CHAT


def is_refusal(text: str) -> bool:
    """Whether an answer declines."""
    if len(text.split(None, _MOST_WORDS)) > _MOST_WORDS:
        return False
    return refuses(text)


def compare(given: str, shadow: str) -> Comparison:
    """How an answer in the shadow stands beside the one that was given."""
    before, after = given.lower().split(), shadow.lower().split()
    either = set(before) | set(after)
    return Comparison(
        identical=given.strip() == shadow.strip(),
        overlap=len(set(before) & set(after)) / len(either) if either else 1.0,
        longer=len(after) / len(before) if before else None,
    )
