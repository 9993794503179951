"""An exchange as the interaction that it is kept as: not yet through the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.gateway.capture.bodies import read_talk
from selftune.app.gateway.exchange import Ended
from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.privacy.consent import read_level, with_mark
from selftune.interactions.reading.assemble import find_state
from selftune.interactions.reading.lines import UnreadableError
from selftune.interactions.reading.times import as_utc
from selftune.records import Consent, Interaction, InteractionOutcome, Quarantined, Thread, Trigger, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.app.gateway.capture.bodies import Talk
    from selftune.app.gateway.exchange import Exchange
    from selftune.records import Message

SOURCE: Final = "gateway"
UNKNOWN_KEY: Final = "unknown_key"
_ONLY_KEPT: Final = Consent(keep=True, train=False, send=False)
_BROKEN: Final = {Ended.CLIENT_GONE: "client_gone", Ended.UPSTREAM_DIED: "upstream_died"}
_GOOD: Final = range(200, 300)
# How Open WebUI's own questions begin, for a chat's title and the like (backend/open_webui/config.py of Open WebUI).
_TASK: Final = "### Task:\n"
_TASK_QUOTES: Final = "<chat_history>"


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """Who is taken for the author of what a key asks, before the name becomes a pseudonym.

    Attributes:
        name: None where nobody knows.
        owner: Whether the key is the owner's.
    """

    name: str | None = None
    owner: bool = False


def read_exchange(
    exchange: Exchange, speaker: Speaker, *, salt: str, hide: Callable[[str], str]
) -> Interaction | Quarantined:
    """The exchange as a record; what is not of its route's shape is set aside with the reason.

    Args:
        exchange: What passed.
        speaker: Whose words they are.
        salt: Of the record.
        hide: Makes a name of ours out of words, which tells nothing of them.
    """
    try:
        talk = read_talk(exchange.route, exchange.request, exchange.response, streamed=exchange.streamed)
        values = [*talk.asked, *(() if talk.answer is None else (talk.answer,))]
        messages, flags = parse_messages(values)
    except UnreadableError as error:
        return _aside(exchange, str(error), salt)
    faults = (*_faults(exchange, talk), *_no_lesson(messages, talk))
    name, told = _conversation(exchange, speaker, messages, hide)
    interaction = Interaction(
        salt=salt,
        conversation=f"{SOURCE}:{name}",
        task_id=exchange.message_id or exchange.completion_id,
        trigger=Trigger.USER,
        messages=messages,
        source=SOURCE,
        position=exchange.completion_id,
        state=find_state(messages),
        generated_by=exchange.build_digest or talk.model or exchange.upstream,
        author=speaker.name,
        author_is_owner=speaker.owner,
        outcome=InteractionOutcome.ERROR if _faults(exchange, talk) else InteractionOutcome.OK,
        flags=tuple(dict.fromkeys((_asked_by(exchange), *talk.flags, *flags, *faults, *told))),
        happened_at=as_utc(exchange.happened_at),
        # What broke off stands by itself: it takes the place of nothing that was said before it.
        thread=None if faults else Thread.EXCHANGE,
    )
    return with_mark(interaction, _consent(exchange, faults))


def key_flag(key_id: str) -> str:
    """The flag of what a key asked: by it a later word is known to come from who asked."""
    return f"key:{key_id}"


def _asked_by(exchange: Exchange) -> str:
    return UNKNOWN_KEY if exchange.key_id is None else key_flag(exchange.key_id)


def _consent(exchange: Exchange, faults: tuple[str, ...]) -> Consent:
    """What the request and its key allow; nothing is learnt from nobody's words, nor from broken ones."""
    allowed = read_level(exchange.consent).consent
    return allowed.stricter(_ONLY_KEPT) if faults or exchange.key_id is None else allowed


def _faults(exchange: Exchange, talk: Talk) -> tuple[str, ...]:
    """Why the answer is not one; empty for a whole one."""
    if exchange.ended in _BROKEN:
        return (_BROKEN[exchange.ended],)
    if exchange.status not in _GOOD:
        return ("upstream_error",)
    return () if talk.answer is not None else ("no_answer",)


def _no_lesson(messages: tuple[Message, ...], talk: Talk) -> tuple[str, ...]:
    """Why a whole answer is still nothing to learn from: text without turns, and what a client asks for itself."""
    asked = [message.content for message in messages if message.role == "user"]
    by_client = len(asked) == 1 and asked[0].startswith(_TASK) and _TASK_QUOTES in asked[0]
    return (*(("raw_text",) if "raw_text" in talk.flags else ()), *(("client_task",) if by_client else ()))


def _conversation(
    exchange: Exchange, speaker: Speaker, messages: tuple[Message, ...], hide: Callable[[str], str]
) -> tuple[str, tuple[str, ...]]:
    """The conversation's name, with a flag where we had to make it: by its opening up to the first answer.

    It stands behind the key's name, so that nobody can go on with a conversation of another's.
    """
    if exchange.conversation:
        return f"{exchange.key_id or 'nobody'}:{exchange.conversation}", ()
    opening: list[Any] = [exchange.key_id, speaker.name]
    for message in messages:
        opening.append((message.role, message.content.strip()))
        if message.role == "assistant":
            break
    return f"{exchange.key_id or 'nobody'}:{hide(canonical_json(opening))}", ("conversation_by_its_opening",)


def _aside(exchange: Exchange, reason: str, salt: str) -> Quarantined:
    """The two bodies as they are, for what we can't read: the door redacts them as one text."""
    bodies = {
        "route": exchange.route,
        "request": exchange.request.decode("utf-8", "replace"),
        "response": exchange.response.decode("utf-8", "replace"),
    }
    consent = _ONLY_KEPT if exchange.key_id is None else read_level(exchange.consent).consent
    return Quarantined(
        salt=salt,
        source=SOURCE,
        position=exchange.completion_id,
        reason=f"{SOURCE}, {exchange.route}: {reason}",
        raw=canonical_json(bodies),
        consent=consent,
    )
