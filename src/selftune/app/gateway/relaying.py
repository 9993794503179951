"""One exchange from the client's request to the last byte of its answer.

The answer's bytes leave as they come. Only its end waits until what was said is on the disk, and not for long: capture
that can't keep up costs the lesson, never the answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.asking import BrokenOff, Unreachable
from selftune.app.gateway.capture.make import is_wanted
from selftune.app.gateway.exchange import CLIENT_ERRORS, Ended, sticky_of
from selftune.app.gateway.own_models import OWN, ask_own
from selftune.app.gateway.passage import MOST_ANSWER_BYTES, Passage
from selftune.app.gateway.patience import Patience, release
from selftune.app.gateway.refusals import Refusal, no_such_model
from selftune.app.gateway.replying import Reply
from selftune.app.gateway.sending import check_sending, redacted
from selftune.app.gateway.shapes.base import JSON
from selftune.app.gateway.shapes.plain import PlainTeller
from selftune.errors import ServingError, UnknownNameError
from selftune.failpoints import reach
from selftune.release.door import BUILD, EMBEDDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from aiohttp import web

    from selftune.app.gateway.asking import Answer, Asker
    from selftune.app.gateway.callers import Caller
    from selftune.app.gateway.exchange import Capture, Exchange, Meters, Route, Routing
    from selftune.app.gateway.own_models import OwnAnswer
    from selftune.app.gateway.shapes.base import Asked, Shape
    from selftune.loop.fronting import GatewaySection

log = logging.getLogger("selftune.gateway")

COMPLETION_ID: Final = "X-Selftune-Completion-Id"
UPSTREAM: Final = "X-Selftune-Upstream"
DROPPED: Final = "X-Selftune-Dropped"
_MOST_DROPPED: Final = 10
_OK: Final = range(200, 300)
_SHADOWS: Final = 4
_AGAIN_SECONDS: Final = 1
# What the start of a small model takes: sooner a client would ask in vain, and the official ones ask twice at most.
_STARTED_SECONDS: Final = 5
_BROKEN: Final = 500
# What reading JSON of others raises where a value is not what it should be.
_ODD: Final = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
_LACKING: Final = frozenset({404, 405, 501})


class Relay:
    """Answers inference requests out of the models that serve."""

    def __init__(
        self, settings: GatewaySection, *, asker: Asker, routing: Routing, capture: Capture, meters: Meters
    ) -> None:
        self._asker = asker
        self._routing = routing
        self._capture = capture
        self._meters = meters
        self._patience = Patience(settings.capture_wait_ms / 1000)
        self._tasks: set[asyncio.Task[None]] = set()
        self._shadows = 0

    async def answer(self, request: web.BaseRequest, shape: Shape, caller: Caller, body: bytes) -> Reply:
        """The answer, on its way when this returns.

        Raises:
            Refusal: the request is none, no model has its name, or none answers.
        """
        began, happened_at = time.perf_counter(), datetime.now(UTC).isoformat(timespec="milliseconds")
        asked = _understood(shape.read, body)
        passage = Passage(
            route=request.path,
            caller=caller,
            body=body,
            asked=asked,
            teller=shape.teller(asked),
            happened_at=happened_at,
            began=began,
        )
        route: Route | None = self._pick(passage)
        shadow = route.shadow if route is not None else None
        while route is not None:
            asked = await self._allowed(passage, route)
            passage.upstream, passage.build_digest = route.upstream, route.build_digest
            passage.spare, passage.status = route.fallback is not None, 0
            reach("gateway-before-forward")
            try:
                async with self._ask(route, asked) as answer:
                    passage.build_digest = answer.build_digest
                    _refuse_broken(route, answer)
                    done = await self._tell(request, shape, passage, answer)
            except Unreachable as error:
                log.warning("%s does not answer: %s", route.upstream, error)
                passage.status = error.status
                self._note_failure(passage.exchange(Ended.UPSTREAM_DIED))
                passage.teller, route = shape.teller(asked), route.fallback
            except asyncio.CancelledError:
                if not passage.status:  # the client went away before a head came
                    self._note_failure(passage.exchange(Ended.CLIENT_GONE))
                raise
            else:
                self._ask_beside(shadow, passage)
                return done
        told = f"{passage.upstream} does not answer now. Look at `selftune status`."
        raise Refusal(502, told, retry_after=_AGAIN_SECONDS)

    def _ask(self, route: Route, asked: Asked) -> AbstractAsyncContextManager[Answer | OwnAnswer]:
        if route.upstream in OWN:
            return ask_own(self._asker, route, asked)
        return self._asker.ask(route, asked.path, asked.body(route.model))

    async def _allowed(self, passage: Passage, route: Route) -> Asked:
        """The request as this upstream may have it; `Refusal` where its words stay on this machine."""
        if route.redacts is None:
            return passage.asked
        check_sending(route.upstream, passage.caller.consent)
        return await asyncio.to_thread(_understood, redacted, passage.asked, route.redacts)

    async def settle(self, seconds: float) -> None:
        """Wait so long for what is under way beside the answers; what takes longer is given up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _pick(self, passage: Passage) -> Route:
        caller = passage.caller
        sticky = sticky_of(passage.user, caller.key_id, caller.conversation)
        try:
            return self._routing.pick(passage.asked.alias, sticky)
        except UnknownNameError:
            raise no_such_model(self._routing.aliases()) from None
        except ServingError as error:
            raise Refusal(503, str(error), retry_after=_STARTED_SECONDS) from None

    async def _tell(
        self, request: web.BaseRequest, shape: Shape, passage: Passage, answer: Answer | OwnAnswer
    ) -> Reply:
        """Pass the answer on and keep it; a client that goes away meanwhile takes its upstream with it."""
        try:
            # What was asked for is not always what comes: the log reads the answer as it was told.
            passage.streamed = passage.asked.streamed and answer.events and answer.status in _OK
            if passage.streamed:
                return await self._tell_stream(request, passage, answer)
            return await self._tell_whole(request, shape, passage, answer)
        except (asyncio.CancelledError, ConnectionResetError):
            reach("gateway-client-gone")
            if not passage.over:
                self._later(passage.exchange(Ended.CLIENT_GONE))
            raise

    async def _tell_whole(
        self, request: web.BaseRequest, shape: Shape, passage: Passage, answer: Answer | OwnAnswer
    ) -> Reply:
        passage.status = answer.status
        try:
            body = await answer.whole(MOST_ANSWER_BYTES)
            told = _in_words(passage.teller.whole, body) if answer.status in _OK else b""
        except BrokenOff as error:
            if passage.spare:
                raise Unreachable(f"it broke off: {error}") from error
            passage.status = 502
            self._later(passage.exchange(Ended.UPSTREAM_DIED))
            why = f"{passage.upstream} broke off its answer: {error}."
            raise Refusal(502, why, retry_after=_AGAIN_SECONDS) from None
        passage.first_byte = time.perf_counter()
        ended, again = Ended.COMPLETE, dict[str, str]()
        if answer.status not in _OK:
            told, ended = shape.error(_refused(passage, answer.status, body)), Ended.REFUSED
            again = {} if answer.retry_after is None else {"Retry-After": answer.retry_after}
        passage.said.append(told)
        reply = Reply(request)
        reply.begin(passage.status, self._headers(passage, JSON) | again, len(told))
        if reply.send(told[:-1]):
            await reply.let_read()
        passage.over = True
        await self._keep(passage.exchange(ended))
        if reply.finish(told[-1:]):
            await reply.let_read()
        return reply

    async def _tell_stream(self, request: web.BaseRequest, passage: Passage, answer: Answer | OwnAnswer) -> Reply:
        passage.status, teller = answer.status, passage.teller
        reply: Reply | None = None
        ended = Ended.COMPLETE
        try:
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    told = _in_words(teller.feed, chunk)
                    if reply is None:
                        told = _in_words(teller.begin) + told
                        passage.first_byte = time.perf_counter()
                        reply = Reply(request)
                        reply.begin(passage.status, self._headers(passage, teller.content_type), None)
                    if told:
                        passage.say(told)
                        if reply.send(told):
                            await reply.let_read()
                        reach("gateway-mid-stream")
        except BrokenOff as error:
            log.warning("%s broke off a stream: %s", passage.upstream, error)
            ended = Ended.UPSTREAM_DIED
        if not teller.complete:
            ended = Ended.UPSTREAM_DIED
        if reply is None:
            raise self._without_a_word(passage, ended)
        last, ended = _end_of(passage, ended)
        passage.over = True
        await self._keep(passage.exchange(ended))
        if ended is Ended.UPSTREAM_DIED:
            reply.break_off()
            return reply
        if reply.finish(last):
            await reply.let_read()
        return reply

    def _without_a_word(self, passage: Passage, ended: Ended) -> Unreachable | Refusal:
        """What became of a stream of which no byte is out: another upstream may answer, where one stands behind."""
        if passage.spare:
            return Unreachable("it broke off before its first word")
        self._later(passage.exchange(ended))
        return Refusal(502, f"{passage.upstream} broke off before its first word.", retry_after=_AGAIN_SECONDS)

    def _headers(self, passage: Passage, content_type: str) -> dict[str, str]:
        headers = {"Content-Type": content_type, UPSTREAM: passage.upstream, "Cache-Control": "no-store"}
        if passage.teller.completion_id:
            headers[COMPLETION_ID] = passage.teller.completion_id
        if passage.build_digest:
            headers[BUILD] = passage.build_digest
        if passage.asked.dropped:
            headers[DROPPED] = ", ".join(passage.asked.dropped[:_MOST_DROPPED])
        return headers

    async def _keep(self, exchange: Exchange) -> None:
        """Have it kept; where that takes too long it goes on by itself, and the answer goes on too."""
        self._observe(exchange)
        try:
            keeping = asyncio.ensure_future(self._capture.keep(exchange))
        except Exception:
            # Whatever goes wrong in keeping must not reach the answer.
            log.exception("an exchange was not kept")
            self._meters.ended(exchange, captured=False)
            return
        waited = self._patience.begin()

        def note(done: asyncio.Future[bool]) -> None:
            self._note_kept(exchange, done)
            release(waited)

        keeping.add_done_callback(note)
        await waited

    def _note_kept(self, exchange: Exchange, keeping: asyncio.Future[bool]) -> None:
        fault = None if keeping.cancelled() else keeping.exception()
        if fault is not None:
            log.error("an exchange was not kept", exc_info=fault)
        captured = not keeping.cancelled() and fault is None and keeping.result()
        self._meters.ended(exchange, captured=captured if is_wanted(exchange) else None)

    def _note_failure(self, exchange: Exchange) -> None:
        """An upstream gave no answer at all; another one may, and that is what is kept."""
        self._meters.ended(exchange, captured=None)
        self._observe(exchange)

    def _observe(self, exchange: Exchange) -> None:
        """Tell the routing how it went; whatever goes wrong there must not reach the answer."""
        try:
            self._routing.observe(exchange)
        except Exception:
            log.exception("an exchange was not counted")

    def _later(self, exchange: Exchange) -> None:
        self._begin(self._keep(exchange))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ask_beside(self, shadow: Route | None, passage: Passage) -> None:
        """Ask the shadow the same, where there is one, it is not behind already, and the request was one."""
        if shadow is not None and self._shadows < _SHADOWS and passage.status not in CLIENT_ERRORS:
            # Counted here: a task begins later, and a burst would have been let in by then.
            self._shadows += 1
            self._begin(self._ask_shadow(shadow, passage))

    async def _ask_shadow(self, shadow: Route, passage: Passage) -> None:
        beside = Passage(
            route=passage.route,
            caller=passage.caller,
            body=passage.body,
            asked=passage.asked,
            teller=passage.teller,
            happened_at=passage.happened_at,
            began=time.perf_counter(),
            upstream=shadow.upstream,
            build_digest=shadow.build_digest,
        )
        ended, teller = Ended.UPSTREAM_DIED, PlainTeller()
        try:
            async with self._ask(shadow, _alone(beside.asked)) as answer:
                beside.status, beside.build_digest = answer.status, answer.build_digest
                beside.streamed = beside.asked.streamed and answer.events
                async for chunk in answer.chunks():
                    beside.first_byte = beside.first_byte or time.perf_counter()
                    beside.say(chunk)
                    if beside.streamed:
                        teller.feed(chunk)
                if answer.status not in _OK:
                    ended = Ended.REFUSED
                elif teller.complete or not beside.streamed:
                    ended = Ended.COMPLETE
        except (Unreachable, BrokenOff) as error:
            log.info("the shadow does not answer: %s", error)
        finally:
            self._shadows -= 1
        self._observe(beside.exchange(ended, shadow=True))


def _understood(read: Callable[..., Asked], *given: object) -> Asked:
    """A request in our words; `Refusal` where a value in it is of a kind, a depth or a length that nobody expects."""
    try:
        return read(*given)
    except _ODD as error:
        log.info("a request can't be read", exc_info=True)
        told = f"The body is not what this route takes ({type(error).__name__}). Look at the API's own page for it."
        raise Refusal(400, told) from error


def _in_words(tell: Callable[..., bytes], *data: bytes) -> bytes:
    """An upstream's bytes in the client's words; `BrokenOff` where they are no completion."""
    try:
        return tell(*data)
    except _ODD as error:
        raise BrokenOff(f"what it says is no completion ({type(error).__name__})") from error


def _end_of(passage: Passage, ended: Ended) -> tuple[bytes, Ended]:
    """A stream's last bytes, noted, and how it ended by them."""
    try:
        last = _in_words(passage.teller.end)
    except BrokenOff as error:
        log.warning("%s broke off a stream: %s", passage.upstream, error)
        return b"", Ended.UPSTREAM_DIED
    passage.said.append(last)
    return last, ended


def _alone(asked: Asked) -> Asked:
    """The request for one answer: the first is what is compared."""
    return replace(asked, fields={name: value for name, value in asked.fields.items() if name != "n"})


def _refuse_broken(route: Route, answer: Answer | OwnAnswer) -> None:
    """Take an upstream's own failure for no answer where another one stands behind it; `Unreachable` then."""
    if route.fallback is not None and answer.status >= _BROKEN:
        raise Unreachable(f"it answered {answer.status}", status=answer.status)


def _refused(passage: Passage, status: int, body: bytes) -> Refusal:
    """What the client is told where the upstream said no."""
    if passage.asked.path == EMBEDDINGS and status in _LACKING:
        passage.status = 501
        return Refusal(
            501,
            f"{passage.upstream} gives no embeddings. Name a server that does under [[gateway.upstreams]] and ask for "
            "it by that name.",
            code="not_supported",
        )
    try:
        said = json.loads(body)["error"]
        return Refusal(status, str(said["message"]), said=body)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Refusal(status, body[:500].decode(errors="replace"))
