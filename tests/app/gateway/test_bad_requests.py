"""What the gateway does with requests that are strange, broken, too long, too slow or not allowed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import msgspec
import pytest
from aiohttp import ClientError
from gateway_house import PATIENCE, gateway, until

from selftune.app.gateway.exchange import Ended, Route
from selftune.app.gateway.keys import make_key
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection

CHAT = "/v1/chat/completions"
POST = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n".encode()
BODY = {"messages": [{"role": "user", "content": "Hello."}]}
# What llama.cpp, vLLM, Ollama and others take beside OpenAI's fields, and what reaches into a server's state.
FOREIGN = (
    *("lora", "id_slot", "slot_id", "cache_prompt", "n_predict", "n_keep", "n_probs", "min_p", "top_a", "typical_p"),
    *("tfs_z", "repeat_penalty", "repeat_last_n", "penalize_nl", "dry_multiplier", "dry_base", "xtc_probability"),
    *("mirostat", "mirostat_tau", "mirostat_eta", "grammar", "json_schema", "grammar_lazy", "samplers", "ignore_eos"),
    *("return_tokens", "return_progress", "post_sampling_probs", "response_fields", "timings_per_token"),
    *("t_max_predict_ms", "t_max_prompt_ms"),
    *("chat_template", "chat_template_kwargs", "reasoning_format", "add_generation_prompt", "continue_final_message"),
    *("lora_request", "adapter", "adapters", "guided_json", "guided_regex", "logits_processors", "prompt_logprobs"),
    *("best_of", "use_beam_search", "truncate_prompt_tokens", "priority", "kv_transfer_params", "speculative.n_max"),
    *("keep_alive", "options", "api_base", "api_key", "extra_body", "__proto__"),
)  # fmt: skip


def at_gateway(tmp_path, asked, **settings):
    """What `asked(house)` returns."""

    async def run():
        async with gateway(tmp_path, **settings) as house:
            return await asked(house)

    return asyncio.run(run())


def test_no_foreign_field_and_no_foreign_name_reaches_the_upstream(tmp_path):
    assert len(FOREIGN) >= 50

    async def asked(house):
        for name in FOREIGN:
            told = await house.chat(**{name: [{"id": 0, "scale": 9}]})
            assert (told.status, name) == (200, name)
            plain = name.isidentifier()
            assert (told.headers.get("X-Selftune-Dropped") == name) is plain
        await house.chat(model="champion", lora=[], metadata={"a": "b"}, store=True, user="jo")
        return house.fake.bodies

    for body in at_gateway(tmp_path, asked):
        assert set(body) == {"messages"}


def test_what_is_no_request_is_refused_and_asks_nobody(tmp_path):
    bodies = [
        b"", b"{", b"[]", b"null", b'"x"', b'{"messages": [}', b'{"messages": NaN}', b"\xff\xfe", b'{"a": "\xff"}',
        b'{"messages": "Hello."}', b'{"messages": null}', b'{"messages": [], "stream": "yes"}', b"{}",
        b'{"messages": [], "model": 5}', b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b', "stream": 3}',
    ]  # fmt: skip

    async def asked(house):
        for body in bodies:
            told = await house.client.post(
                f"{house.url}{CHAT}", data=body, headers={"Content-Type": "application/json"}
            )
            error = (await told.json())["error"]
            assert (told.status, error["type"], body) == (400, "invalid_request_error", body)
        return house.fake.asked, house.capture.kept

    assert at_gateway(tmp_path, asked) == ([], [])


HUGE = "1" * 5000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", '{"messages": [{"role": "user", "content": "x", "tool_calls": 5}]}'),
        ("/api/chat", '{"messages": [{"role": "user", "content": "x", "images": 5}]}'),
        ("/api/chat", '{"messages": [{"role": "user", "content": "x"}], "options": {"num_predict": [1]}}'),
        ("/v1/responses", '{"input": [{"role": "user", "content": 5}]}'),
        ("/v1/responses", f'{{"input": "x", "temperature": {HUGE}}}'),
        (CHAT, f'{{"model": "far", "messages": [{{"role": "user", "content": "x"}}], "seed": {HUGE}}}'),
        (CHAT, f'{{"model": "far", "messages": [], "response_format": {"[" * 1500}{"]" * 1500}}}'),
    ],
)
def test_a_value_of_a_kind_depth_or_length_that_nobody_expects_is_refused(tmp_path, path, body):
    def routes(fake):
        return {"far": Route(upstream="far", address=fake.address, redacts=("email",))}

    async def asked(house):
        _, secret = make_key(tmp_path, "far", consent=ConsentLevel.SEND)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        told = await house.client.post(f"{house.url}{path}", data=body, headers=headers)
        return told.status, (await told.json())["error"], house.fake.asked, house.counts.told()["refused"]

    status, error, asked_of, refused = at_gateway(tmp_path, asked, consent=ConsentLevel.SEND, routes=routes)
    assert (status, isinstance(error, str), asked_of) == (400, path.startswith("/api/"), [])
    assert refused


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"X-Selftune-Consent": "sell"}, 400),
        ({"Authorization": "Bearer st-nobody-made-it"}, 401),
    ],
)
def test_strangers_pages_and_slips_are_refused_on_every_route(tmp_path, headers, status):
    async def asked(house):
        for path in (CHAT, "/v1/completions", "/v1/embeddings", "/v1/responses", "/api/chat", "/api/generate"):
            told = await house.client.post(
                f"{house.url}{path}",
                data=json.dumps(BODY),
                headers={"Content-Type": "application/json"} | headers,
            )
            error = (await told.json())["error"]
            assert (told.status, isinstance(error, str)) == (status, path.startswith("/api/"))
            assert not any(name.startswith("Access-Control") for name in told.headers)
        return house.fake.asked

    assert at_gateway(tmp_path, asked) == []


def test_paths_and_methods_that_are_not_there_are_refused(tmp_path):
    async def asked(house):
        pairs = (("GET", CHAT), ("POST", "/v1/models"), ("POST", "/v1/files"), ("OPTIONS", CHAT), ("GET", "/"))
        return [(await house.client.request(how, house.url + path)).status for how, path in pairs]

    assert at_gateway(tmp_path, asked) == [405, 405, 404, 405, 404]


def test_a_body_of_50_megabytes_is_refused_without_being_read(tmp_path):
    async def asked(house):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 52428800"
        writer.write(f"{head}\r\n\r\n{{".encode())
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        chunked = await house.client.post(house.url + CHAT, data=pieces(), headers={"Content-Type": "application/json"})
        return line, chunked.status

    async def pieces():
        for _ in range(20):
            yield b" " * 100_000

    settings = GatewaySection(most_megabytes=1)
    assert at_gateway(tmp_path, asked, settings=settings) == (b"HTTP/1.1 413 Request Entity Too Large\r\n", 413)


def test_who_waits_for_a_word_before_the_body_gets_it(tmp_path):
    async def asked(house):
        body = json.dumps(BODY).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        head = POST + b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body))
        word = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        writer.write(body)
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        return word, line

    assert at_gateway(tmp_path, asked) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\x00d\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"X-A: b\r\n" * 500 + b"\r\n",
        POST + b"X-A: " + b"b" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
    ids=["nul", "two lengths", "length and chunks", "negative", "many headers", "long header", "tls"],
)
def test_heads_that_could_be_read_in_two_ways_are_refused(tmp_path, request_bytes):
    async def asked(house):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(request_bytes)
        said = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return said, house.fake.asked

    said, asked_of = at_gateway(tmp_path, asked)
    assert said.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")) or said == b""
    assert said.count(b"HTTP/1.") <= 1
    assert asked_of == []


def test_a_name_that_is_no_utf_8_costs_neither_the_answer_nor_its_place_in_the_log(tmp_path):
    async def asked(house):
        body = json.dumps(BODY).encode()
        head = POST + b"Content-Type: application/json\r\nX-OpenWebUI-Chat-Id: J\xf6rg\r\nX-OpenWebUI-User-Id: \xff\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        return line, await house.capture.next(), house.routing.sticky

    line, kept, sticky = at_gateway(tmp_path, asked)
    assert line == b"HTTP/1.1 200 OK\r\n"
    assert (kept.conversation, kept.user, sticky) == (
        "J\N{REPLACEMENT CHARACTER}rg",
        "\N{REPLACEMENT CHARACTER}",
        ["\N{REPLACEMENT CHARACTER}"],
    )
    assert msgspec.msgpack.encode(kept)  # as the writer is handed it


def test_a_name_with_a_line_break_gets_into_no_header(tmp_path):
    async def asked(house):
        told = await house.chat(**{"evil\r\nX-Evil: 1": 1, "model": "champion"})
        return told.status, dict(told.headers)

    status, headers = at_gateway(tmp_path, asked)
    assert (status, "X-Evil" in headers, "X-Selftune-Dropped" in headers) == (200, False, False)


HALF = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"


@pytest.mark.parametrize(
    ("said", "seconds", "end"),
    [
        (b"", {"head_seconds": 0.3}, b""),
        (b"POST /v1", {"head_seconds": 0.3}, b""),
        (HALF.encode(), {"body_seconds": 0.3}, b"HTTP/1.1 408"),
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_says_nothing_or_only_half_is_shown_out(tmp_path, said, seconds, end):
    async def asked(house):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(said)
        heard = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return heard[:12]

    long = {"head_seconds": PATIENCE, "body_seconds": PATIENCE}
    assert at_gateway(tmp_path, asked, settings=GatewaySection(**long | seconds)) == end


def test_more_connections_than_there_may_be_are_closed(tmp_path):
    async def asked(house):
        opened = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(6)]
        ends = [asyncio.ensure_future(reader.read()) for reader, _ in opened]
        await until(lambda: sum(end.done() for end in ends) >= 2)
        done, _ = await asyncio.wait(ends, timeout=0.2)  # what else would be closed
        for _, writer in opened:
            writer.close()
        return len(done)

    assert at_gateway(tmp_path, asked, settings=GatewaySection(connections=4)) == 2


def test_a_client_that_goes_away_takes_its_upstream_along_and_is_marked(tmp_path):
    async def asked(house):
        told = await house.chat("slow", stream=True)
        await told.content.readany()
        told.close()
        exchange = await house.capture.next()
        await until(lambda: house.fake.cut_off)
        return exchange, house.fake.cut_off, house.routing.seen

    exchange, cut_off, seen = at_gateway(tmp_path, asked)
    assert (exchange.ended, cut_off, seen) == (Ended.CLIENT_GONE, 1, [exchange])
    assert b"I am" in exchange.response
    assert b"[DONE]" not in exchange.response


def test_an_upstream_that_dies_in_a_stream_is_seen_and_marked(tmp_path):
    async def asked(house):
        told = await house.chat("die", stream=True)
        with pytest.raises(Exception, match="not completed"):
            await told.read()
        no_end = await house.chat("no end", stream=True)
        with pytest.raises(Exception, match="not completed"):
            await no_end.read()
        return house.capture.kept

    kept = at_gateway(tmp_path, asked)
    assert [exchange.ended for exchange in kept] == [Ended.UPSTREAM_DIED, Ended.UPSTREAM_DIED]


def test_an_upstream_that_is_not_there_or_says_nothing_is_told(tmp_path):
    async def asked(house):
        silent = await house.chat("silent")
        house.routing.routes["champion"] = replace(house.routing.routes["champion"], address="http://127.0.0.1:9/v1")
        gone = await house.chat()
        return silent.status, gone.status, gone.headers["Retry-After"]

    assert at_gateway(tmp_path, asked, settings=GatewaySection(upstream_seconds=0.3)) == (502, 502, "1")


def test_an_upstream_that_falls_silent_amid_its_answer_is_given_up(tmp_path):
    async def asked(house):
        told = await house.chat("slow", stream=True)
        with suppress(ClientError):  # unless the machine is so slow that no word came in time
            await told.read()
        await until(lambda: house.routing.seen and house.fake.cut_off)
        return [exchange.ended for exchange in house.routing.seen]

    assert at_gateway(tmp_path, asked, settings=GatewaySection(upstream_seconds=0.3)) == [Ended.UPSTREAM_DIED]


def test_capture_that_fails_or_hangs_hurts_no_answer(tmp_path):
    async def asked(house):
        house.capture.answers = OSError(28, "no space left")
        first = await (await house.chat()).json()
        house.capture.answers = False
        second = await (await house.chat()).json()
        house.capture.wait = asyncio.Event()
        hung = await (await house.chat(stream=True)).read()
        house.capture.wait.set()
        await until(lambda: house.counts.captures["not kept"] == 3)
        house.capture.wait, house.capture.answers = None, True
        await (await house.chat(headers={"X-Selftune-Consent": "none"})).read()
        return first, second, hung, dict(house.counts.captures), house.capture.kept[-1].consent

    first, second, hung, captures, consent = at_gateway(tmp_path, asked, settings=GatewaySection(capture_wait_ms=50))
    assert first["choices"][0] == second["choices"][0]
    assert hung.endswith(b"[DONE]\n\n")
    assert (captures, consent) == ({"not kept": 3, "not asked for": 1}, "none")


@pytest.mark.parametrize("stream", [False, True])
def test_a_routing_that_fails_hurts_no_answer_and_costs_no_exchange(tmp_path, stream):
    async def asked(house):
        def fail(_):
            raise ValueError("I/O operation on closed file")

        house.routing.observe = fail
        body = await (await house.chat(stream=stream)).read()
        return body, (await house.capture.next()).ended

    body, ended = at_gateway(tmp_path, asked)
    assert body.endswith(b"data: [DONE]\n\n" if stream else b"}")
    assert ended is Ended.COMPLETE


def test_the_last_bytes_wait_until_the_exchange_is_on_the_disk(tmp_path):
    async def asked(house):
        house.capture.wait = asyncio.Event()
        told = await house.chat(stream=True)
        seen = b""
        while b'"stop"' not in seen:
            seen += await told.content.readany()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.content.readany(), 0.1)
        house.capture.wait.set()
        return seen, await told.read()

    seen, last = at_gateway(tmp_path, asked, settings=GatewaySection(capture_wait_ms=1000 * PATIENCE))
    assert b"[DONE]" not in seen
    assert last == b"data: [DONE]\n\n"


def test_an_answer_that_is_no_completion_is_told_as_a_fault_of_the_upstream(tmp_path):
    async def asked(house):
        told = [await house.chat("odd", path=path, input="odd") for path in ("/api/chat", "/v1/responses")]
        return [one.status for one in told], [exchange.ended for exchange in house.capture.kept]

    assert at_gateway(tmp_path, asked) == ([502, 502], [Ended.UPSTREAM_DIED, Ended.UPSTREAM_DIED])


def test_who_goes_away_while_an_answer_is_kept_is_kept_once_and_whole(tmp_path):
    async def asked(house):
        house.capture.wait = asyncio.Event()
        told = await house.chat(stream=True)
        while b'"stop"' not in await told.content.readany():
            pass
        told.close()
        await asyncio.sleep(0.1)
        house.capture.wait.set()
        await house.capture.next()
        return [exchange.ended for exchange in house.capture.kept], len(house.routing.seen)

    settings = GatewaySection(capture_wait_ms=1000 * PATIENCE)
    assert at_gateway(tmp_path, asked, settings=settings) == ([Ended.COMPLETE], 1)


def test_who_goes_away_before_the_first_word_is_counted(tmp_path):
    async def asked(house):
        asking = asyncio.ensure_future(house.chat("silent"))
        await until(lambda: house.fake.asked)
        asking.cancel()
        await until(lambda: house.routing.seen and house.fake.cut_off)
        return [exchange.ended for exchange in house.routing.seen], house.fake.cut_off, house.capture.kept

    assert at_gateway(tmp_path, asked) == ([Ended.CLIENT_GONE], 1, [])
