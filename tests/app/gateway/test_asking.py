"""What an endpoint may say beside a plain answer: a fake that says what it is told to, byte by byte."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager

import pytest
from gateway_house import until

from selftune.app.gateway.asking import Asker, BrokenOff
from selftune.app.gateway.exchange import Route

BODY = b"{}"


def answer(words, *headers):
    """One that is whole."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(words), *headers, b"", words])


class FakeEndpoint:
    """Says the next of `answers` to each request; on `lines` it says more, though nobody asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heads = []
        self.lines = []

    async def serve(self, reader, writer):
        self.lines.append(writer)
        try:
            while True:
                self.heads.append(await reader.readuntil(BODY))
                writer.write(self.answers.pop(0))
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def asking(*answers):
    """Who asks a fake endpoint, the fake, and what asks it for a whole answer of so many bytes at most."""
    fake, asker = FakeEndpoint(*answers), Asker(60)
    listening = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    route = Route(upstream="fake", address=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")

    async def ask(most_bytes=1 << 20):
        async with asker.ask(route, "/chat/completions", BODY) as told:
            return told.status, await told.whole(most_bytes)

    try:
        yield ask, fake, asker
    finally:
        asker.close()
        listening.close()


def test_what_came_though_nobody_asked_is_nobody_s_answer():
    async def scene():
        async with asking(answer(b"first"), answer(b"second")) as (ask, fake, asker):
            assert await ask() == (200, b"first")
            ((link,),) = asker._idle.values()
            fake.lines[0].write(answer(b"of somebody else"))
            await until(lambda: link.handler.should_close)
            assert await ask() == (200, b"second")
            assert len(fake.lines) == 2

    asyncio.run(scene())


def test_a_connection_whose_answer_was_read_is_used_again():
    async def scene():
        async with asking(answer(b"first"), answer(b"second")) as (ask, fake, _):
            assert [await ask(), await ask()] == [(200, b"first"), (200, b"second")]
            assert len(fake.lines) == 1

    asyncio.run(scene())


def test_a_word_that_the_answer_is_on_its_way_is_not_the_answer():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"

    async def scene():
        async with asking(hints + answer(b"first"), answer(b"second")) as (ask, _, _):
            assert [await ask(), await ask()] == [(200, b"first"), (200, b"second")]

    asyncio.run(scene())


def test_an_answer_that_is_compressed_though_nobody_asked_for_that_is_read():
    words = b'{"id": "x"}' * 20_000

    async def scene():
        async with asking(answer(gzip.compress(words), b"Content-Encoding: gzip")) as (ask, fake, _):
            assert await ask() == (200, words)
            assert b"\r\nAccept-Encoding: identity\r\n" in fake.heads[0]

    asyncio.run(scene())


def test_a_long_answer_that_came_with_its_head_is_too_long_as_well():
    async def scene():
        async with asking(answer(b"four")) as (ask, _, _):
            with pytest.raises(BrokenOff, match="longer than 3 bytes"):
                await ask(3)

    asyncio.run(scene())
