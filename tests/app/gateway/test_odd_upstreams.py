"""Upstreams whose answers are odd in ways that a client's words can't be made of, and a shadow that never answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError, web
from gateway_house import PATIENCE, gateway
from openai import AsyncOpenAI

from selftune.app.gateway import passage, server
from selftune.app.gateway.capture.bodies import read_talk
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, Ended, Route
from selftune.app.gateway.shapes.plain import PlainTeller

MESSAGES = [{"role": "user", "content": "Hello."}]
DEEP = "[" * 100_000


def said(**delta):
    return {"id": "chatcmpl-of-the-scripted-fake", "choices": [{"index": 0, "delta": delta}]}


@asynccontextmanager
async def scripted(*events, whole=None):
    """The address of a fake that streams these events whatever is asked; `whole` is what it says without a stream."""

    async def answer(request):
        asked = json.loads(await request.read())
        if not asked.get("stream"):
            return web.json_response(whole)
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        for event in events:
            await reply.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            await asyncio.sleep(0.02)  # as pieces of their own
        await reply.write(b"data: [DONE]\n\n")
        return reply

    app = web.Application()
    app.router.add_post("/v1/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def ask(tmp_path, path, events=(), whole=None, **fields):
    """Status, body as far as it came, headers and the exchange that was kept."""

    async def run():
        async with (
            scripted(*events, whole=whole) as address,
            gateway(tmp_path, routes=lambda _: {CHAMPION: Route(upstream=CHAMPION, address=address)}) as house,
        ):
            told = await house.client.post(house.url + path, json=fields)
            body = b""
            try:
                async for chunk in told.content.iter_any():
                    body += chunk
            except ClientError:
                body += b"BROKEN OFF"
            return told.status, body, told.headers, await house.capture.next(), dict(house.counts.ends)

    return asyncio.run(run())


ROUTES = [
    ("/api/chat", {"messages": MESSAGES}),
    ("/api/generate", {"prompt": "q"}),
    ("/v1/responses", {"input": "q"}),
    ("/v1/chat/completions", {"messages": MESSAGES}),
]


@pytest.mark.parametrize(("path", "fields"), ROUTES)
def test_a_stream_that_says_of_an_error_before_its_end_is_no_whole_answer(tmp_path, path, fields):
    # As vLLM says it, which sets the mark of the end behind it all the same.
    events = (said(content="Half of"), {"error": {"message": "out of memory", "code": 500}})
    _, body, _, kept, _ = ask(tmp_path, path, events, stream=True, **fields)
    assert body.endswith(b"BROKEN OFF")
    assert (kept.ended, b"Half of" in kept.response) == (Ended.UPSTREAM_DIED, True)
    assert b"out of memory" in body or path != "/v1/chat/completions"


@pytest.mark.parametrize(("path", "fields"), ROUTES[:3])
def test_an_error_with_a_good_status_is_told_as_no_answer(tmp_path, path, fields):
    status, body, _, kept, _ = ask(tmp_path, path, whole={"error": {"message": "no memory"}}, stream=False, **fields)
    assert (status, kept.ended) == (502, Ended.UPSTREAM_DIED)
    assert b'"done"' not in body


@pytest.mark.parametrize(("path", "fields"), ROUTES)
def test_a_stream_that_says_of_no_error_is_whole(tmp_path, path, fields):
    events = (said(content='"error": true') | {"error": None}, said(content="."))
    _, body, _, kept, _ = ask(tmp_path, path, events, stream=True, **fields)
    assert (body.endswith(b"BROKEN OFF"), kept.ended) == (False, Ended.COMPLETE)


def test_a_shadow_that_says_of_an_error_gave_no_answer(tmp_path):
    async def run():
        async with scripted(said(content="Half of"), {"error": {"message": "out of memory"}}) as address:
            shadow = Route(upstream=CANDIDATE, address=address)
            async with gateway(
                tmp_path, routes=lambda f: {CHAMPION: Route(upstream=CHAMPION, address=f.address, shadow=shadow)}
            ) as house:
                await (await house.chat(stream=True)).read()
            return house.routing.seen

    assert [(one.shadow, one.ended) for one in asyncio.run(run())] == [
        (False, Ended.COMPLETE),
        (True, Ended.UPSTREAM_DIED),
    ]


@pytest.mark.parametrize(("path", "fields"), ROUTES[:1] + ROUTES[2:])
@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["one for all", "none"])
def test_calls_under_one_index_are_told_apart_by_their_ids(tmp_path, path, fields, index):
    def call(name, letter):
        begin = said(tool_calls=[index | {"id": f"call_{name}", "function": {"name": name, "arguments": ""}}])
        return begin, said(tool_calls=[index | {"function": {"arguments": json.dumps({"at": letter})}}])

    _, _, _, kept, _ = ask(tmp_path, path, (*call("sun", "a"), *call("rain", "b")), stream=True, **fields)
    calls = read_talk(path, kept.request, kept.response, streamed=True).answer["tool_calls"]
    told = [(call["function"]["name"], call["function"]["arguments"]) for call in calls]
    assert [(name, json.loads(one) if isinstance(one, str) else one) for name, one in told] == [
        ("sun", {"at": "a"}),
        ("rain", {"at": "b"}),
    ]


def test_the_mark_of_the_end_is_known_however_it_is_cut():
    for mark in (b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n"):
        for cut in range(len(mark)):
            teller = PlainTeller()
            sent = teller.feed(b'data: {"a": 1}\n\n' + mark[:cut]) + teller.feed(mark[cut:])
            assert (sent + teller.end(), teller.complete) == (b'data: {"a": 1}\n\n' + mark, True)


def test_half_a_character_in_a_piece_breaks_no_stream_of_ollama_s(tmp_path):
    events = (said(content="\ud83d"), said(content="\ude00"))
    _, body, _, kept, _ = ask(tmp_path, "/api/chat", events, messages=MESSAGES)
    said_so = "".join(json.loads(line)["message"]["content"] for line in body.splitlines())
    assert (said_so, kept.ended) == ("\ud83d\ude00", Ended.COMPLETE)


@pytest.mark.parametrize("usage", [{"prompt_tokens": "many"}, {"prompt_tokens": 1e999}, 5])
def test_a_count_that_is_none_breaks_a_stream_off_and_costs_no_exchange(tmp_path, usage):
    events = (said(content="Hi."), {"choices": [], "usage": usage})
    status, body, _, kept, ends = ask(tmp_path, "/v1/responses", events, input="q", stream=True)
    assert (status, body.endswith(b"BROKEN OFF")) == (200, True)
    assert (kept.ended, b"Hi." in kept.response, sum(ends.values())) == (Ended.UPSTREAM_DIED, True, 1)


def test_the_same_before_the_first_word_is_told_as_a_fault_of_the_upstream(tmp_path):
    events = ({**said(content="Hi."), "usage": {"prompt_tokens": "many"}},)
    status, _, _, kept, _ = ask(tmp_path, "/v1/responses", events, input="q", stream=True)
    assert (status, kept.ended) == (502, Ended.UPSTREAM_DIED)


def test_counts_that_are_left_empty_are_none_said(tmp_path):
    empty = {"prompt_tokens": None, "completion_tokens": None}
    events = (said(content="Hi."), {"choices": [], "usage": empty})
    _, body, _, kept, _ = ask(tmp_path, "/v1/responses", events, input="q", stream=True)
    assert b"response.completed" in body
    assert kept.ended is Ended.COMPLETE


def test_arguments_that_go_too_deep_stay_a_text(tmp_path):
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": DEEP}}
    status, body, _, kept, _ = ask(tmp_path, "/api/chat", (said(tool_calls=[call]),), messages=MESSAGES)
    (line,) = [json.loads(line) for line in body.splitlines() if b"tool_calls" in line]
    assert (status, line["message"]["tool_calls"][0]["function"]["arguments"]) == (200, DEEP)
    assert kept.ended is Ended.COMPLETE


def test_a_long_stream_comes_whole_to_who_begins_to_read_late(tmp_path):
    events = [said(content=str(number) * 1_000_000) for number in range(1, 9)]

    async def run():
        async with (
            scripted(*events) as address,
            gateway(tmp_path, routes=lambda _: {CHAMPION: Route(upstream=CHAMPION, address=address)}) as house,
        ):
            told = await house.chat(stream=True)
            await asyncio.sleep(0.3)  # by now nothing goes on before it is read
            return await told.read(), await house.capture.next()

    body, kept = asyncio.run(run())
    assert body == b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    assert (kept.ended, kept.response) == (Ended.COMPLETE, body)


def test_a_shadow_that_never_answers_holds_no_stop_up(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_DRAIN_SECONDS", 0.2)
    monkeypatch.setattr(server, "_SETTLE_SECONDS", 0.1)

    async def run():
        asked = asyncio.Event()

        async def hang(reader, _):
            await reader.read(1)
            asked.set()
            await asyncio.Event().wait()

        silent = await asyncio.start_server(hang, "127.0.0.1", 0)
        shadow = Route(upstream=CANDIDATE, address=f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1")
        async with gateway(
            tmp_path, routes=lambda f: {CHAMPION: Route(upstream=CHAMPION, address=f.address, shadow=shadow)}
        ) as house:
            await (await house.chat()).read()
            await asked.wait()
        silent.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))  # it would wait for ever otherwise


def test_a_shadow_that_talks_without_end_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(passage, "MOST_ANSWER_BYTES", 2000)

    async def run():
        async with scripted(whole={"id": "x", "choices": [], "long": "x" * 4000}) as address:
            shadow = Route(upstream=CANDIDATE, address=address)
            async with gateway(
                tmp_path, routes=lambda f: {CHAMPION: Route(upstream=CHAMPION, address=f.address, shadow=shadow)}
            ) as house:
                await (await house.chat()).read()
            return house.routing.seen

    (beside,) = [one for one in asyncio.run(run()) if one.shadow]
    assert beside.ended is Ended.UPSTREAM_DIED


WHOLE = {
    "id": "chatcmpl-of-the-scripted-fake",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Four.", "reasoning_content": "Two twos."}}],
}
PIECES = (said(reasoning_content="Two "), said(reasoning="twos."), said(content="Fo"), said(content="ur."))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "fields"), ROUTES)
def test_what_was_thought_is_in_the_log_on_every_route(tmp_path, path, fields, stream):
    _, _, _, kept, _ = ask(tmp_path, path, PIECES, WHOLE, stream=stream, **fields)
    answer = read_talk(path, kept.request, kept.response, streamed=stream).answer
    thought = "".join(answer.get(name) or "" for name in ("reasoning_content", "reasoning"))
    content = answer["content"]
    assert (thought, content) == ("Two twos.", "Four.")


@pytest.mark.parametrize("stream", [True, False])
def test_ollamas_clients_get_what_was_thought_beside_the_words(tmp_path, stream):
    _, body, _, _, _ = ask(tmp_path, "/api/chat", PIECES, WHOLE, stream=stream, messages=MESSAGES)
    messages = [json.loads(line)["message"] for line in body.splitlines()]
    assert "".join(message.get("thinking", "") for message in messages) == "Two twos."
    assert "".join(message["content"] for message in messages) == "Four."


def test_openais_client_reads_what_was_thought_as_an_item_before_the_words(tmp_path):
    call = said(tool_calls=[{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}])

    async def run():
        async with (
            scripted(*PIECES, call) as address,
            gateway(tmp_path, routes=lambda _: {CHAMPION: Route(upstream=CHAMPION, address=address)}) as house,
            AsyncOpenAI(base_url=f"{house.url}/v1", api_key="none", max_retries=0) as client,
            client.responses.stream(model=CHAMPION, input="q") as stream,
        ):
            thought = [event.delta async for event in stream if event.type == "response.reasoning_text.delta"]
            return thought, await stream.get_final_response()

    thought, final = asyncio.run(run())
    assert "".join(thought) == "Two twos."
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert (final.output[0].content[0].text, final.output_text) == ("Two twos.", "Four.")


def test_who_sends_back_all_that_was_told_as_openai_s_page_says_is_answered_again(tmp_path):
    async def run():
        async with (
            scripted(whole=WHOLE) as address,
            gateway(tmp_path, routes=lambda _: {CHAMPION: Route(upstream=CHAMPION, address=address)}) as house,
            AsyncOpenAI(base_url=f"{house.url}/v1", api_key="none", max_retries=0) as client,
        ):
            talk = [{"role": "user", "content": "2 + 2?"}]
            first = await client.responses.create(model=CHAMPION, input=talk)
            talk += [*first.output, {"role": "user", "content": "Sure?"}]
            return first, await client.responses.create(model=CHAMPION, input=talk)

    first, second = asyncio.run(run())
    assert [item.type for item in first.output] == ["reasoning", "message"]
    assert second.output_text == "Four."


def test_when_to_ask_again_is_handed_on(tmp_path):
    async def scene():
        async def busy(_):
            error = {"message": "the fake is busy", "type": "requests", "code": "rate_limit_exceeded"}
            return web.json_response({"error": error}, status=429, headers={"Retry-After": "7"})

        app = web.Application()
        app.router.add_post("/v1/chat/completions", busy)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        route = Route(upstream=CHAMPION, address=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        async with gateway(tmp_path, routes=lambda _: {CHAMPION: route}) as house:
            told = await house.chat()
            await told.read()
        await runner.cleanup()
        return told.status, told.headers.get("Retry-After")

    assert asyncio.run(scene()) == (429, "7")


def test_what_ollamas_clients_ask_for_in_vain_is_named(tmp_path):
    options = {"num_ctx": 5, "temperature": 0.5, "bad name": 1}
    _, _, headers, _, _ = ask(
        tmp_path,
        "/api/chat",
        whole=WHOLE,
        stream=False,
        messages=MESSAGES,
        options=options,
        think=True,
        keep_alive="5m",
    )
    assert set(headers["X-Selftune-Dropped"].split(", ")) == {"think", "keep_alive", "options.num_ctx"}
