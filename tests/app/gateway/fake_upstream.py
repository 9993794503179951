"""A fake of an OpenAI-compatible endpoint, in process: it answers in pieces, and says in its name that it is a fake.

What the last message says steers it: `slow` waits for `go_on` before the second piece, `die` breaks off behind the
first piece, `silent` never answers, `refuse` answers 400, `tool` calls a tool, `odd` answers with something else, `no
end` leaves the mark of the end out, `at once` answers whole though a stream was asked for, `once` breaks off from the
second answer on. It gives embeddings of `numbers` alone, and refuses more answers at a time than it has `slots`.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web

PIECES = ("I am ", "the fake ", "upstream.")
BUILD = "sha256:fake-build"


class FakeUpstream:
    """What it was asked, and how many of its answers were cut off by who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict, dict]] = []
        self.raw: list[bytes] = []
        self.said: list[bytes] = []
        self.slots = 8
        self.cut_off = 0
        self.go_on = asyncio.Event()
        self.number = 0
        self.address = ""

    @property
    def bodies(self):
        return [body for _, body, _ in self.asked]

    async def answer(self, request):
        self.raw.append(await request.read())
        body = json.loads(self.raw[-1])
        self.asked.append((request.path, body, dict(request.headers)))
        self.number += 1
        words = str(body["messages"][-1].get("content")) if body.get("messages") else str(body.get("prompt", ""))
        try:
            return await self._answer(request, body, words)
        except (asyncio.CancelledError, ConnectionResetError):
            self.cut_off += 1
            raise

    async def _answer(self, request, body, words):
        if request.path.endswith("/embeddings"):
            return self._embeddings(body)
        if "silent" in words:
            await asyncio.Event().wait()
        if "refuse" in words or body.get("n", 1) > self.slots:
            error = {"message": "the fake refuses", "type": "invalid_request_error", "code": 400}
            return web.json_response({"error": error}, status=400)
        if "once" in words and self.number > 1:
            words += " die"
        if "odd" in words:
            return web.json_response(["no completion"])
        if body.get("stream") and "at once" not in words:
            return await self._stream(request, body, words)
        if "die" in words:
            reply = web.StreamResponse()
            reply.content_length = 1000
            await reply.prepare(request)
            await reply.write(b'{"id": "half')
            request.transport.abort()
            return reply
        self.said.append(json.dumps(self._whole(body, words)).encode())
        return web.Response(body=self.said[-1], content_type="application/json", headers={"X-Selftune-Build": BUILD})

    def _embeddings(self, body):
        if body.get("input") == "numbers":
            return web.json_response({"object": "list", "model": "fake", "data": [{"index": 0, "embedding": [0.5]}]})
        return web.json_response({"error": {"message": "no embeddings", "type": "not_supported"}}, status=501)

    def _id(self):
        return f"chatcmpl-of-the-fake-{self.number}"

    def _whole(self, body, words):
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        choices = [self._choice(body, words, index) for index in range(body.get("n", 1))]
        kind = "chat.completion" if "messages" in body else "text_completion"
        return {
            "id": self._id(), "object": kind, "created": 1, "model": "fake", "choices": choices, "usage": usage
        }  # fmt: skip

    def _choice(self, body, words, index):
        text = json.dumps({"fake": True}) if body.get("response_format") else "".join(PIECES)
        if "messages" not in body:
            return {"index": index, "text": text, "finish_reason": "stop", "logprobs": None}
        message = {"role": "assistant", "content": text}
        reason = "stop"
        if "tool" in words and body.get("tools"):
            call = {"name": "weather", "arguments": '{"city": "Bern"}'}
            message = {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": call}
            ]}  # fmt: skip
            reason = "tool_calls"
        choice = {"index": index, "message": message, "finish_reason": reason}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": "I", "logprob": -0.5, "bytes": [73], "top_logprobs": []}]}
        return choice

    async def _stream(self, request, body, words):
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Selftune-Build": BUILD})
        await reply.prepare(request)
        for index, delta in enumerate(self._deltas(body, words)):
            await self._event(reply, self._chunk([{"index": 0, "delta": delta, "finish_reason": None}]))
            if index == 1 and "slow" in words:
                await self.go_on.wait()
            if index == 1 and "die" in words:
                request.transport.abort()
                return reply
        reason = "tool_calls" if "tool" in words and body.get("tools") else "stop"
        await self._event(reply, self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
            await self._event(reply, self._chunk([]) | {"usage": usage})
        if "no end" not in words:
            await reply.write(b"data: [DONE]\n\n")
        await reply.write_eof()
        return reply

    def _deltas(self, body, words):
        yield {"role": "assistant", "content": None if "tool" in words else ""}
        if "tool" in words and body.get("tools"):
            yield {"tool_calls": [
                {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]}  # fmt: skip
            for part in ('{"city": ', '"Bern"}'):
                yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
            return
        for piece in PIECES:
            yield {"content": piece}

    def _chunk(self, choices):
        return {
            "id": self._id(), "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": choices
        }  # fmt: skip

    async def _event(self, reply, value):
        self.said.append(b"data: " + json.dumps(value).encode() + b"\n\n")
        await reply.write(self.said[-1])


@asynccontextmanager
async def fake_upstream():
    """One that runs until the block ends."""
    fake = FakeUpstream()
    app = web.Application()
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
        app.router.add_post(path, fake.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield fake
    finally:
        fake.go_on.set()
        await runner.cleanup()
