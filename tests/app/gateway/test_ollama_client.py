"""The official `ollama` client against the gateway, before a labelled fake upstream."""

from __future__ import annotations

import asyncio
import base64

import ollama
import pytest
from fake_upstream import PIECES
from gateway_house import gateway

from selftune.app.gateway.exchange import Ended

SAID = "".join(PIECES)
HELLO = [{"role": "user", "content": "Hello."}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def ask(tmp_path, asked):
    """What `asked(client, house)` returns, with an official client at a gateway of its own."""

    async def run():
        async with gateway(tmp_path) as house:
            return await asked(ollama.AsyncClient(host=house.url), house)

    return asyncio.run(run())


def test_a_chat_is_answered(tmp_path):
    async def asked(client, house):
        options = {"temperature": 0.1, "num_predict": 7, "num_ctx": 9}
        answer = await client.chat(model="champion:latest", messages=HELLO, options=options)
        return answer, house.fake.bodies, house.capture.kept

    answer, [body], [exchange] = ask(tmp_path, asked)
    assert (answer.message.content, answer.done, answer.done_reason) == (SAID, True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (3, 4)
    assert body == {"temperature": 0.1, "max_tokens": 7, "messages": HELLO}
    assert (exchange.route, exchange.ended, exchange.key_id) == ("/api/chat", Ended.COMPLETE, None)


def test_a_chat_is_streamed_line_by_line(tmp_path):
    async def asked(client, house):
        lines = [line async for line in await client.chat(model="champion", messages=HELLO, stream=True)]
        return lines, await house.capture.next()

    lines, exchange = ask(tmp_path, asked)
    assert tuple(line.message.content for line in lines[:-1]) == PIECES
    assert (lines[-1].done, lines[-1].eval_count) == (True, 4)
    assert (exchange.streamed, exchange.ended) == (True, Ended.COMPLETE)
    assert exchange.response.count(b"\n") == len(lines)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_answer_brought_back(tmp_path, stream):
    async def asked(client, house):
        messages = [{"role": "user", "content": "tool"}]
        if stream:
            lines = [line async for line in await client.chat("champion", messages, tools=[TOOL], stream=True)]
            [message] = [line.message for line in lines if line.message.tool_calls]
        else:
            message = (await client.chat("champion", messages, tools=[TOOL])).message
        told = [*messages, message, {"role": "tool", "tool_name": "weather", "content": "Rain."}]
        await client.chat("champion", told)
        return message.tool_calls, house.fake.bodies[-1]["messages"]

    [call], messages = ask(tmp_path, asked)
    assert (call.function.name, call.function.arguments) == ("weather", {"city": "Bern"})
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Bern"}'
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"]


def test_a_prompt_is_a_chat_and_a_raw_one_is_a_text(tmp_path):
    async def asked(client, house):
        first = await client.generate(model="champion", prompt="Hello.", system="Be brief.", format="json")
        second = await client.generate(model="champion", prompt="Once", raw=True)
        third = [line async for line in await client.generate(model="champion", prompt="Hello.", stream=True)]
        return first, second, third, house.fake.asked

    first, second, third, asked_of = ask(tmp_path, asked)
    assert (first.response, second.response) == ('{"fake": true}', SAID)
    assert "".join(line.response for line in third) == SAID
    assert asked_of[0][1]["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    assert asked_of[1][0] == "/v1/completions"


def test_a_schema_and_a_picture_are_brought_along(tmp_path):
    picture = base64.b64encode(b"\x89PNG fake").decode()

    async def asked(client, house):
        messages = [{"role": "user", "content": "Look.", "images": [picture]}]
        await client.chat("champion", messages, format={"type": "object"})
        return house.fake.bodies[0]

    body = ask(tmp_path, asked)
    assert body["messages"][0]["content"][1]["image_url"]["url"].endswith(picture)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_models_are_listed_and_shown(tmp_path):
    async def asked(client, _):
        listed, shown = await client.list(), await client.show("champion")
        with pytest.raises(ollama.ResponseError) as raised:
            await client.show("gpt-5")
        return [model.model for model in listed.models], shown.capabilities, raised.value.status_code

    assert ask(tmp_path, asked) == (["champion:latest"], ["completion", "tools"], 404)


def test_errors_are_the_clients_own(tmp_path):
    async def asked(client, _):
        with pytest.raises(ollama.ResponseError) as unknown:
            await client.chat("gpt-5", HELLO)
        with pytest.raises(ollama.ResponseError) as refused:
            await client.chat("champion", [{"role": "user", "content": "refuse"}])
        return unknown.value, refused.value

    unknown, refused = ask(tmp_path, asked)
    assert unknown.status_code == 404
    assert "Known are: champion." in unknown.error
    assert (refused.status_code, refused.error) == (400, "the fake refuses")


def test_a_stream_that_breaks_off_has_no_line_that_says_done(tmp_path):
    async def asked(client, house):
        lines = []
        with pytest.raises(Exception, match=r"incomplete|closed|peer"):
            lines += [
                line async for line in await client.chat("champion", [{"role": "user", "content": "die"}], stream=True)
            ]
        return lines, await house.capture.next()

    lines, exchange = ask(tmp_path, asked)
    assert not any(line.done for line in lines)
    assert exchange.ended is Ended.UPSTREAM_DIED
