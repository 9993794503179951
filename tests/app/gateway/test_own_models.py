"""What our own models answer, by the official client: under the name asked for, and as many times as asked for.

The fake upstream has one slot, as a release has, and refuses more answers at a time like llama.cpp.
"""

from __future__ import annotations

import asyncio
import json

import openai
import pytest
from fake_upstream import PIECES
from gateway_house import gateway

from selftune.app.gateway.exchange import Ended, Route
from selftune.app.gateway.own_models import MOST_CHOICES, OwnAnswer

SAID = "".join(PIECES)
HELLO = [{"role": "user", "content": "Hello."}]
ONCE = [{"role": "user", "content": "once"}]


def ask(tmp_path, asked):
    """What `asked(client, house)` returns; the fake is our champion, and under the name `small` another's model."""

    async def run():
        def small(fake):
            return {"small": Route(upstream="small", address=fake.address, model="qwen3:4b")}

        async with gateway(tmp_path, routes=small) as house:
            house.fake.slots = 1
            async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="none", max_retries=0) as client:
                return await asked(client, house)

    return asyncio.run(run())


def test_several_answers_are_asked_for_one_by_one_and_told_as_one_completion(tmp_path):
    async def asked(client, house):
        answer = await client.chat.completions.create(model="champion", messages=HELLO, n=3, seed=7)
        return answer, house.fake.bodies, house.capture.kept

    answer, bodies, [exchange] = ask(tmp_path, asked)
    assert [(one.index, one.message.content) for one in answer.choices] == [(0, SAID), (1, SAID), (2, SAID)]
    assert (answer.model, answer.id) == ("champion", exchange.completion_id)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 12, 15)
    assert [body["seed"] for body in bodies] == [7, 8, 9]
    assert not any("n" in body for body in bodies)


def test_several_streams_are_one_with_an_index_for_each(tmp_path):
    async def asked(client, house):
        stream = await client.chat.completions.create(
            model="champion", messages=HELLO, n=2, stream=True, stream_options={"include_usage": True}
        )
        return [event async for event in stream], await house.capture.next()

    events, exchange = ask(tmp_path, asked)
    texts = {0: "", 1: ""}
    for choice in (choice for event in events for choice in event.choices):
        texts[choice.index] += choice.delta.content or ""
    assert texts == {0: SAID, 1: SAID}
    assert {(event.id, event.model) for event in events} == {(exchange.completion_id, "champion")}
    assert [event.usage.completion_tokens for event in events if event.usage] == [8]
    assert (exchange.ended, exchange.response.count(b"[DONE]")) == (Ended.COMPLETE, 1)


def test_a_further_answer_that_breaks_off_breaks_the_whole(tmp_path):
    async def asked(client, house):
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="champion", messages=ONCE, n=2)
        house.fake.number = 0
        stream = await client.chat.completions.create(model="champion", messages=ONCE, n=2, stream=True)
        with pytest.raises(openai.APIConnectionError):
            [event async for event in stream]
        return [exchange.ended for exchange in house.capture.kept]

    assert ask(tmp_path, asked) == [Ended.UPSTREAM_DIED] * 2


def test_more_answers_than_anybody_is_given_are_refused_and_nobody_is_asked(tmp_path):
    async def asked(client, house):
        with pytest.raises(openai.BadRequestError, match=f"n may be {MOST_CHOICES}"):
            await client.chat.completions.create(model="champion", messages=HELLO, n=MOST_CHOICES + 1)
        return house.fake.asked

    assert ask(tmp_path, asked) == []


@pytest.mark.parametrize("stream", [False, True])
def test_another_s_model_is_asked_and_answers_byte_by_byte(tmp_path, stream):
    tools = '[{"type":  "function", "function": {"name":"look","parameters":{"b":1,"a":1.50,"\\u00e9":"\u00e9"}}}]'
    body = f'{{"model":"small","stream":{str(stream).lower()},"messages":[ ],"tools": {tools},"logprobs" :true}}'

    async def asked(_, house):
        headers = {"Content-Type": "application/json"}
        answer = await house.client.post(f"{house.url}/v1/chat/completions", data=body.encode(), headers=headers)
        return await answer.read(), house.fake

    told, fake = ask(tmp_path, asked)
    assert f'"tools":{tools}'.encode() in fake.raw[0]
    assert told.removesuffix(b"data: [DONE]\n\n") == b"".join(fake.said)
    assert b'"model": "fake"' in told


class FakeAnswer:
    """A FAKE upstream's answer that comes in two pieces."""

    status, events, build_digest, retry_after = 200, True, None, None

    def __init__(self, data, cut) -> None:
        self.pieces = [piece for piece in (data[:cut], data[cut:]) if piece]

    async def chunks(self):
        for piece in self.pieces:
            yield piece


def test_the_model_s_file_is_named_nowhere_however_the_bytes_are_cut_and_no_word_is_touched():
    words = 'Say "model": "/srv/models/own.gguf" to me.'
    event = {"id": "x", "model": "/srv/models/own.gguf", "choices": [{"delta": {"content": words}}]}
    data = b"data: " + json.dumps(event).encode() + b"\n\ndata: [DONE]\n\n"

    async def told(cut):
        answer = OwnAnswer(FakeAnswer(data, cut), "champion", None, ())
        return b"".join([piece async for piece in answer.chunks()])

    expected = data.replace(b'"model": "/srv/models/own.gguf"', b'"model":"champion"')
    assert json.loads(expected.split(b"\n")[0][6:])["choices"][0]["delta"]["content"] == words
    for cut in range(0, len(data), 3):
        assert asyncio.run(told(cut)) == expected
