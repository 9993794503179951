"""Answers of our own models: under the name that was asked for, and as many of them as were asked for.

llama.cpp names a model by its file, and refuses more answers at a time than it has slots. So each answer is asked for
by itself, one after the other, and the client gets what OpenAI would give: one completion with as many choices. What
other endpoints say goes to the client as it came (decisions/0110).
"""

from __future__ import annotations

import json
import re
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from selftune.app.gateway.asking import BrokenOff, Unreachable
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION
from selftune.app.gateway.refusals import Refusal
from selftune.release.door import CHAT, COMPLETIONS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from selftune.app.gateway.asking import Answer, Asker
    from selftune.app.gateway.exchange import Route
    from selftune.app.gateway.shapes.base import Asked

OWN: Final = frozenset({CHAMPION, CANDIDATE})
"""Who answers by way of the project's own keeper."""
MOST_CHOICES: Final = 16
# Within a text the marks are escaped, so this finds the field and never somebody's words.
_MODEL: Final = re.compile(rb'"model": ?"(?:[^"\\]|\\.)*"')
_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_OK: Final = range(200, 300)
_COUNTED: Final = ("completion_tokens", "total_tokens")


class OwnAnswer:
    """An answer of our own, told in the client's words; it is asked as an `Answer` is.

    Attributes:
        status: Of the first answer.
        events: Whether it comes as server-sent events.
        build_digest: The Build that answers.
        retry_after: When to ask again.
    """

    def __init__(self, first: Answer, alias: str, asker: Asker, more: tuple[tuple[Route, Asked], ...]) -> None:
        self.status = first.status
        self.events = first.events
        self.build_digest = first.build_digest
        self.retry_after = first.retry_after
        self._first = first
        self._named = b'"model":' + msgspec.json.encode(alias)
        self._alias = alias
        self._asker = asker
        self._more = more if first.status in _OK else ()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its body as it comes, line by line at least; `BrokenOff` where it ended in its middle."""
        if not self._more:
            held = b""
            async with aclosing(self._first.chunks()) as chunks:
                async for chunk in chunks:
                    data = held + chunk
                    cut = data.rfind(b"\n") + 1
                    held = data[cut:]
                    if cut:
                        yield self._renamed(data[:cut])
            if held:
                yield self._renamed(held)
            return
        join = _Join(self._alias)
        async with aclosing(self._bodies(join)) as bodies:
            async for told in bodies:
                if told:
                    yield told
        if last := join.end():
            yield last

    async def whole(self, most_bytes: int) -> bytes:
        """Its body at once; `BrokenOff` as for `chunks`, or where it is longer than so many bytes."""
        body = await self._first.whole(most_bytes)
        if not self._more:
            return self._renamed(body)
        told = _object(body)
        told["model"] = self._alias
        choices, usage = _choices(told, 0), told.get("usage")
        size = len(body)
        for index, (route, asked) in enumerate(self._more, start=1):
            async with _asked(self._asker, route, asked) as answer:
                other = await answer.whole(most_bytes - size)
            size += len(other)
            one = _object(other)
            choices += _choices(one, index)
            _add(usage, one.get("usage"))
        return _written(told | {"choices": choices})

    def _renamed(self, data: bytes) -> bytes:
        return _MODEL.sub(lambda _: self._named, data)

    async def _bodies(self, join: _Join) -> AsyncGenerator[bytes, None]:
        """The events of one stream after the other, as those of one."""
        async with aclosing(self._first.chunks()) as chunks:
            async for chunk in chunks:
                yield join.feed(chunk)
        for route, asked in self._more:
            join.turn()
            async with _asked(self._asker, route, asked) as answer, aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield join.feed(chunk)


class _Join:
    """Brings the streams of several answers into one: one id, an index for each, one count, one end."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._index = 0
        self._held = b""
        self._id: Any = None
        self._done = False
        self._last: dict[str, Any] | None = None

    def turn(self) -> None:
        """The next answer begins; `BrokenOff` where the one before did not come to its end."""
        if not self._done:
            raise BrokenOff(f"its answer {self._index + 1} had no end")
        self._index, self._held, self._done = self._index + 1, b"", False

    def feed(self, chunk: bytes) -> bytes:
        """What the client is sent for these bytes."""
        *lines, self._held = (self._held + chunk).split(b"\n")
        return b"".join(self._line(line[len(_DATA) :].strip()) for line in lines if line.startswith(_DATA))

    def end(self) -> bytes:
        """The count where one was asked for, and the mark of the end; nothing where the last answer had none."""
        count = b"" if self._last is None else _event(self._last)
        return count + b"data: [DONE]\n\n" if self._done else b""

    def _line(self, text: bytes) -> bytes:
        if text == _DONE:
            self._done = True
            return b""
        told = _object(text)
        self._id = self._id or told.get("id")
        told |= {"id": self._id, "model": self._alias}
        if told.get("usage") and not told.get("choices"):
            if self._last is None:
                self._last = told
            else:
                _add(self._last["usage"], told["usage"])
            return b""
        return _event(told | {"choices": _choices(told, self._index)})


@asynccontextmanager
async def ask_own(asker: Asker, route: Route, asked: Asked) -> AsyncIterator[OwnAnswer]:
    """The answer of our own model, from its head on; leaving the block before its end gives up the rest.

    Raises:
        Unreachable: there is none.
        Refusal: more answers are asked for than anybody is given.
    """
    first, *others = _each(asked)
    more = tuple((route, one) for one in others)
    async with asker.ask(route, first.path, first.body(route.model)) as answer:
        yield OwnAnswer(answer, asked.alias, asker, more)


def _each(asked: Asked) -> list[Asked]:
    """A request for each answer that is wanted, none with the same seed; as it is where one is, or nobody can tell."""
    count = _number(asked, "n")
    one_text = asked.path == CHAT or (asked.path == COMPLETIONS and asked.fields["prompt"].startswith(b'"'))
    if count is None or count <= 1 or not one_text:
        return [asked]
    if count > MOST_CHOICES:
        raise Refusal(400, f"n may be {MOST_CHOICES} at most: each answer is asked for by itself.")
    fields = {name: value for name, value in asked.fields.items() if name != "n"}
    seed = _number(asked, "seed")
    return [
        replace(asked, fields=fields if seed is None else fields | {"seed": b"%d" % (seed + index)})
        for index in range(count)
    ]


def _number(asked: Asked, name: str) -> int | None:
    try:
        return int(asked.fields[name])
    except (KeyError, ValueError):
        return None


@asynccontextmanager
async def _asked(asker: Asker, route: Route, asked: Asked) -> AsyncIterator[Answer]:
    """One more answer; `BrokenOff` where there is none, for the first is out already."""
    try:
        async with asker.ask(route, asked.path, asked.body(route.model)) as answer:
            if answer.status not in _OK:
                raise BrokenOff(f"a further answer was refused with {answer.status}")
            yield answer
    except Unreachable as error:
        raise BrokenOff(str(error)) from error


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenOff("what it says is no JSON") from error
    if not isinstance(told, dict):
        raise BrokenOff("what it says is no completion")
    return told


def _choices(told: dict[str, Any], index: int) -> list[dict[str, Any]]:
    choices = told.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
        raise BrokenOff("what it says is no completion")
    return [one | {"index": index} for one in choices]


def _add(usage: Any, other: Any) -> None:
    """Count what a further answer took; the prompt is one."""
    if not isinstance(usage, dict) or not isinstance(other, dict):
        return
    drawn = other.get("completion_tokens")
    if isinstance(drawn, int):
        for name in _COUNTED:
            if isinstance(usage.get(name), int):
                usage[name] += drawn


def _event(told: dict[str, Any]) -> bytes:
    return b"data: " + _written(told) + b"\n\n"


def _written(told: dict[str, Any]) -> bytes:
    """As ASCII: half of a character, which a model may say, stands in no other JSON."""
    return json.dumps(told, separators=(",", ":")).encode()
