"""What the gateway hands to its capture, and what it counts as lost; before a labelled fake upstream."""

from __future__ import annotations

import asyncio

import pytest
from fake_upstream import PIECES
from gateway_house import gateway

from selftune.app.gateway.capture.bodies import read_talk

AT_ONCE = [{"role": "user", "content": "at once"}]


def at_gateway(hidden, asked):
    """What `asked(house)` returns."""

    async def run():
        async with gateway(hidden) as house:
            return await asked(house)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/chat/completions", {"messages": AT_ONCE}),
        ("/v1/responses", {"input": "at once"}),
        ("/api/chat", {"messages": AT_ONCE}),
    ],
)
def test_an_answer_that_comes_whole_though_a_stream_was_asked_for_is_read_as_one(tmp_path, path, said):
    async def asked(house):
        told = await house.client.post(f"{house.url}{path}", json={"model": "champion", "stream": True} | said)
        return await told.read(), house.capture.kept

    told, kept = at_gateway(tmp_path, asked)
    [exchange] = kept
    assert exchange.response == told
    talk = read_talk(exchange.route, exchange.request, exchange.response, streamed=exchange.streamed)
    assert talk.answer["content"] == "".join(PIECES)


def test_what_is_not_to_be_kept_is_not_counted_as_lost(tmp_path):
    async def asked(house):
        house.capture.answers = False
        vectors = await house.client.post(f"{house.url}/v1/embeddings", json={"model": "champion", "input": "numbers"})
        return (await vectors.json())["data"], dict(house.counts.captures)

    vectors, captures = at_gateway(tmp_path, asked)
    assert vectors == [{"index": 0, "embedding": [0.5]}]
    assert captures == {"not asked for": 1}
