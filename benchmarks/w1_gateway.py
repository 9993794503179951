"""The gateway with capture on, beside bare proxies of asyncio and of aiohttp and LiteLLM's, before one FAKE upstream.

    python benchmarks/w1_gateway.py [REQUESTS] [ROUNDS] [--seconds S] [--before SRC] [--streams N] [--memory REQUESTS]

`LITELLM_PYTHON` names the interpreter of an environment that has `litellm[proxy]`; without it that row is not measured.
`--before` names the `src` of an earlier selftune, which is measured in the same rounds. No round begins after so many
seconds. The upstream answers at once, and no question and no answer comes twice, so that nothing is remembered of it.
The proxy of aiohttp has no line of ours in it and keeps nothing: with that library nobody is faster (decisions/0111).
The upstream and whoever asks share one core, each proxy has the other, by affinity. What the capture's writer takes is
counted with the gateway, and named by itself too. Parity first: every answer must be the upstream's, and every exchange
of ours must be on the disk. Requests a second come from processor seconds, since on few cores shared with others wall
time measures the others; times to the first byte are by the clock, at a rate that each of them bears.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parent))
from figures import interval, write_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# No figure is asked for beside aiohttp's bare proxy: it tells how much of the time is the library's.
GOALS: Final[dict[str, float | None]] = {"litellm": 6.0, "bare": 0.6, "aiohttp": None, "before": 1.0}
WORDS: Final = "The harbour lamp asks twelve of bread, and the quiet river counts slowly north before noon. "
# In the place of this each question and each answer has a word of its own.
OWN_WORD: Final = "WORDWORDWORDWORD"
TEXT: Final = f"{OWN_WORD} {WORDS * 6}"
PIECES: Final = 24
BODY: Final = {
    "model": "mock",
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": f"{OWN_WORD} {WORDS * 4}"},
    ],
    "temperature": 0.7,
    "max_tokens": 200,
}
_WIDEST: Final = 0.10
_AT_ONCE: Final = 32
_RATE: Final = 50
_AT_A_RATE: Final = 150
# What LiteLLM bears on one core; at our rate its times would be those of a queue.
_SLOW_RATE: Final = 4
_AT_THE_SLOW_RATE: Final = 24
_PROXY_CORE: Final = 1
_LOAD_CORE: Final = 0
_LETTERS: Final = bytes.maketrans(b"0123456789", b"abcdefghij")
_SAID_OF_OWN: Final = re.compile(rb"chatcmpl-[0-9]{16}|(?<=\")[a-j]{16}(?= )")
_CHUNK_SIZE: Final = re.compile(rb"(?:^|\r\n)[0-9a-f]+\r\n")


# --- The fake upstream ------------------------------------------------------------------------------------------------


def whole_answer() -> bytes:
    """What the FAKE upstream answers where no stream is asked for."""
    message = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 90, "completion_tokens": 130, "total_tokens": 220}
    answer = {"id": "chatcmpl-NUMBER0000000000", "object": "chat.completion", "created": 1, "model": "mock"}
    return json.dumps(answer | {"choices": [message], "usage": usage}).encode()


def events() -> list[bytes]:
    """The same as a stream: a first word, so many pieces, the reason of the end, and its mark."""
    head = {"id": "chatcmpl-NUMBER0000000000", "object": "chat.completion.chunk", "created": 1, "model": "mock"}
    size = len(TEXT) // PIECES + 1
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": TEXT[start : start + size]} for start in range(0, len(TEXT), size)]
    told = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    told.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [b"data: " + json.dumps(one).encode() + b"\n\n" for one in told] + [b"data: [DONE]\n\n"]


def numbered(told: bytes, number: bytes) -> bytes:
    """What is told, with an id and a word of this number's own."""
    return told.replace(b"NUMBER0000000000", number).replace(OWN_WORD.encode(), number.translate(_LETTERS))


class Upstream(asyncio.Protocol):
    """A FAKE model: it reads a request and says its words, each answer under an id of its own."""

    number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there whole."""
        self.data += data
        while True:
            head, mark, rest = self.data.partition(b"\r\n\r\n")
            if not mark:
                return
            length = int(
                next(
                    (line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")),
                    b"0",
                )
            )
            if len(rest) < length:
                return
            body, self.data = rest[:length], rest[length:]
            if head.startswith(b"GET"):
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                continue
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        Upstream.number += 1
        number = b"%022d" % Upstream.number
        if b'"stream":true' not in body.replace(b" ", b""):
            told = numbered(WHOLE, number[-16:])
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(told)
            self.transport.write(head + told)
            return
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        asyncio.get_running_loop().create_task(self._stream(number[-16:]))

    async def _stream(self, number: bytes) -> None:
        for event in EVENTS:
            told = numbered(event, number)
            self.transport.write(b"%x\r\n%b\r\n" % (len(told), told))
            await asyncio.sleep(PAUSE)
        self.transport.write(b"0\r\n\r\n")


WHOLE: Final = whole_answer()
EVENTS: Final = events()
PAUSE = 0.0


async def upstream(pause: float) -> None:
    """Be the FAKE upstream."""
    global PAUSE  # noqa: PLW0603 - the one thing that a run sets
    PAUSE = pause
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- The bare proxy ---------------------------------------------------------------------------------------------------


async def bare(port: int) -> None:
    """Be a proxy of asyncio streams that looks at nothing but lengths; one connection behind for each before."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                behind_writer.write(head + await reader.readexactly(length_of(head)))
                head = await behind_reader.readuntil(b"\r\n\r\n")
                if b"chunked" not in head:
                    writer.write(head + await behind_reader.readexactly(length_of(head)))
                    await writer.drain()
                    continue
                writer.write(head)
                end = b""
                while not end.endswith(b"0\r\n\r\n"):
                    chunk = await behind_reader.read(65536)
                    end = (end + chunk)[-5:]
                    writer.write(chunk)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            behind_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class _Told:
    """What aiohttp's server takes for a response that is out already."""

    keep_alive = True

    async def prepare(self, _request: object) -> None:
        """Nothing."""

    async def write_eof(self) -> None:
        """Nothing."""


async def bare_aiohttp(port: int) -> None:
    """Be a proxy of what the gateway takes of aiohttp, its server and its parsers, and of nothing else."""
    from aiohttp import web
    from aiohttp.client_proto import ResponseHandler

    loop = asyncio.get_running_loop()
    idle: list[ResponseHandler] = []

    async def connect() -> ResponseHandler:
        _, handler = await loop.create_connection(lambda: ResponseHandler(loop), "127.0.0.1", port)
        handler.set_response_params(read_until_eof=True, auto_decompress=False)
        return handler

    async def serve(request: web.BaseRequest) -> Any:
        body, handler = await request.read(), idle.pop() if idle else await connect()
        assert handler.transport is not None
        assert request.transport is not None
        write = request.transport.write
        handler.transport.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        message, answer = await handler.read()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n" % message.headers["Content-Type"].encode()
        if message.chunked:
            write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            while chunk := await answer.readany():
                write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            write(b"0\r\n\r\n")
        else:
            whole = await answer.read()
            write(head + b"Content-Length: %d\r\n\r\n%b" % (len(whole), whole))
        idle.append(handler)
        return _Told()

    server = await loop.create_server(web.Server(serve, access_log=None), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def length_of(head: bytes) -> int:
    """What a head says of its body."""
    at = head.lower().find(b"content-length:")
    return 0 if at < 0 else int(head[at + 15 : head.index(b"\r", at)])


# --- Who asks ---------------------------------------------------------------------------------------------------------


class Asking(asyncio.Protocol):
    """One connection that asks again and again, and looks at every byte that it is answered."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.done: asyncio.Future[tuple[float, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody answers any more."""
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConnectionError(f"the connection broke: {exc}"))

    def ask(self, request: bytes) -> asyncio.Future[tuple[float, bytes]]:
        """Seconds to the first byte of the answer's body, and the answer."""
        self.data.clear()
        self.first = 0.0
        self.done = asyncio.get_running_loop().create_future()
        self.began = time.perf_counter()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        if not self.data:
            self.first = time.perf_counter() - self.began
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0 or self.done is None or self.done.done():
            return
        head = bytes(self.data[:end]).lower()
        if b"transfer-encoding: chunked" in head:
            whole = self.data.endswith(b"0\r\n\r\n")
        else:
            whole = len(self.data) - end - 4 >= length_of(head + b"\r\n")
        if whole:
            self.done.set_result((self.first, bytes(self.data)))


def request_bytes(port: int, *, stream: bool, key: str = "") -> bytes:
    """A request as an OpenAI client sends it."""
    body = json.dumps(BODY | ({"stream": True} if stream else {}), separators=(",", ":")).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: application/json",
        "Content-Type: application/json",
        "User-Agent: OpenAI/Python 3.54.0",
        *([f"Authorization: Bearer {key}"] if key else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


_PLAINLY: Final = {
    stream: _SAID_OF_OWN.sub(b"", numbered(told, b"0" * 16))
    for stream, told in ((False, WHOLE), (True, b"".join(EVENTS) + b"\r\n"))
}
"""What the upstream says, without what is an answer's own."""


def right(answer: bytes, *, stream: bool) -> bool:
    """Whether an answer says the upstream's words, and came to its end."""
    body = answer.partition(b"\r\n\r\n")[2]
    if _SAID_OF_OWN.sub(b"", _CHUNK_SIZE.sub(b"", body) if stream else body) == _PLAINLY[stream]:
        return True  # byte by byte; whoever writes it anew is read
    if not stream:
        said = json.loads(body)["choices"][0]["message"]["content"]
        return bool(said[len(OWN_WORD) :] == TEXT[len(OWN_WORD) :])
    told = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
    said = "".join(one["choices"][0]["delta"].get("content") or "" for one in told if one.get("choices"))
    return said[len(OWN_WORD) :] == TEXT[len(OWN_WORD) :] and b"[DONE]" in body


_QUESTIONS: Final = itertools.count(1)


async def load(port: int, requests: int, at_once: int, *, stream: bool, key: str, rate: float = 0.0) -> dict[str, Any]:
    """Ask so often; at a rate where one is given, else as fast as it is answered."""
    request = request_bytes(port, stream=stream, key=key)
    left, firsts, wrong = [requests], list[float](), [0]
    began = time.perf_counter()

    async def one() -> None:
        _, asking = await asyncio.get_running_loop().create_connection(Asking, "127.0.0.1", port)
        while left[0] > 0:
            left[0] -= 1
            number = requests - left[0]
            if rate:
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            first, answer = await asking.ask(
                request.replace(OWN_WORD.encode(), (b"%016d" % next(_QUESTIONS)).translate(_LETTERS))
            )
            firsts.append(first)
            wrong[0] += not right(answer, stream=stream)
        asking.transport.close()

    await asyncio.gather(*(one() for _ in range(at_once)))
    return {"seconds": time.perf_counter() - began, "firsts": firsts, "wrong": wrong[0]}


# --- The sides --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def program(command: list[str], core: int, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program of ours on one core, and the port that it prints."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, json.loads(line)["port"] if line.startswith("{") else int(line)
    finally:
        process.terminate()
        process.wait(30)


def processor_seconds(pid: int) -> dict[str, float]:
    """What a process and those below it took so far, by what they run."""
    import psutil

    children = psutil.Process(pid).children(recursive=True)
    return {"itself": _seconds_of(pid), "writer": sum(_seconds_of(child.pid) for child in children)}


def _seconds_of(pid: int) -> float:
    """By the scheduler's nanoseconds: the ticks of `times` are a tenth of what the bare proxy takes in a round."""
    return sum(int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@contextlib.contextmanager
def ours(
    behind: int, source: Path = Path(__file__).parents[1] / "src"
) -> Iterator[tuple[int, int, str, Callable[[], dict[str, Any]]]]:
    """The gateway with its capture, in a project of its own."""
    from selftune.app.gateway.keys import make_key
    from selftune.app.gateway.looking import gateway_status

    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        (folder / ".selftune").mkdir()
        (folder / "selftune.toml").write_text(
            f'[[gateway.upstreams]]\nname = "mock"\nendpoint = "http://127.0.0.1:{behind}/v1"\n'
        )
        _, key = make_key(folder / ".selftune", "bench")
        command = [sys.executable, "-P", "-m", "selftune.app.gateway.serve", str(folder), "--port", "0"]
        with program(command, _PROXY_CORE, PYTHONPATH=str(source)) as (process, port):
            yield process.pid, port, key, lambda: gateway_status(folder)


@contextlib.contextmanager
def proxy(behind: int, kind: str) -> Iterator[tuple[int, int, str, Callable[[], dict[str, Any]]]]:
    """A limit: a proxy of this file."""
    with program([sys.executable, __file__, "--be", kind, "--behind", str(behind)], _PROXY_CORE) as (process, port):
        yield process.pid, port, "", dict


@contextlib.contextmanager
def litellm(behind: int) -> Iterator[tuple[int, int, str, Callable[[], dict[str, Any]]]]:
    """LiteLLM's proxy as it comes, one worker."""
    import socket
    import urllib.request

    with tempfile.TemporaryDirectory() as where, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        config = Path(where) / "config.yaml"
        config.write_text(
            "model_list:\n  - model_name: mock\n    litellm_params:\n      model: openai/mock\n"
            f"      api_base: http://127.0.0.1:{behind}/v1\n      api_key: none\n"
            "litellm_settings:\n  telemetry: false\n"
        )
        command = [
            str(Path(os.environ["LITELLM_PYTHON"]).parent / "litellm"),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
        ]
        with (Path(where) / "log").open("w") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(_PROXY_CORE), *command, "--port", str(port)], stdout=log, stderr=log,
                env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
                | {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"},
            )  # fmt: skip
            try:
                for _ in range(600):
                    assert process.poll() is None, f"LiteLLM ended: {Path(log.name).read_text()[-500:]}"
                    with contextlib.suppress(OSError):
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2).read()
                        break
                    time.sleep(0.2)
                yield process.pid, port, "none", dict
            finally:
                process.terminate()
                process.wait(30)


SIDES: Final = {
    "ours": ours,
    "bare": functools.partial(proxy, kind="bare"),
    "aiohttp": functools.partial(proxy, kind="aiohttp"),
    "litellm": litellm,
}


def measure(side: Any, requests: int, *, stream: bool, bears: bool) -> dict[str, Any]:
    """One side under load: requests by a processor second, and times to the first byte at a rate that it bears."""
    pid, port, key, status = side
    before, kept_before = processor_seconds(pid), kept(status())
    run = asyncio.run(load(port, requests, _AT_ONCE, stream=stream, key=key))
    assert not run["wrong"], f"{run['wrong']} answers of {requests} were not the upstream's"
    after = processor_seconds(pid)
    _wait_until_kept(status, kept_before + requests)
    after_all = processor_seconds(pid)
    itself = after["itself"] - before["itself"]
    together = sum(after_all.values()) - sum(before.values())
    many, rate = (_AT_A_RATE, _RATE) if bears else (_AT_THE_SLOW_RATE, _SLOW_RATE)
    slow = asyncio.run(load(port, many, 8, stream=stream, key=key, rate=rate))
    _wait_until_kept(status, kept_before + requests + many)
    ordered = sorted(slow["firsts"])
    return {
        "per_second": requests / itself,
        "per_second_with_writer": requests / together,
        "wall_per_second": requests / run["seconds"],
        "p50_ms": 1000 * statistics.median(ordered),
        "p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
    }


def _wait_until_kept(status: Callable[[], dict[str, Any]], many: int) -> None:
    for _ in range(300):
        if not status() or kept(status()) == many:
            return
        time.sleep(0.1)
    raise AssertionError(f"{many - kept(status())} exchanges were not kept: {status()}")


def kept(status: dict[str, Any]) -> int:
    """How many exchanges the gateway says are on the disk."""
    return int(status.get("captured", {}).get("kept", 0))


def main() -> None:
    """Measure, print the ratios last, and write them down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("requests", type=int, nargs="?", default=2000)
    parser.add_argument("rounds", type=int, nargs="?", default=7)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--streams", type=int, default=0)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--be", choices=["upstream", "bare", "aiohttp"])
    parser.add_argument("--behind", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0)
    asked = parser.parse_args()
    if asked.be == "upstream":
        asyncio.run(upstream(asked.pause))
    elif asked.be == "bare":
        asyncio.run(bare(asked.behind))
    elif asked.be == "aiohttp":
        asyncio.run(bare_aiohttp(asked.behind))
    elif asked.streams:
        many_streams(asked.streams)
    elif asked.memory:
        memory(asked.memory)
    else:
        compare(asked.requests, asked.rounds, asked.seconds, asked.before)


def compare(requests: int, rounds: int, seconds: float, before: Path | None) -> None:
    """All sides in turn, streamed and not, each kind for half of the time."""
    os.sched_setaffinity(0, {_LOAD_CORE})
    sides_of: dict[str, Any] = SIDES | ({} if before is None else {"before": functools.partial(ours, source=before)})
    names = [name for name in sides_of if name != "litellm" or "LITELLM_PYTHON" in os.environ]
    measured: dict[str, dict[str, list[dict[str, float]]]] = {"whole": {}, "stream": {}}
    with (
        program([sys.executable, __file__, "--be", "upstream"], _LOAD_CORE) as (_, behind),
        contextlib.ExitStack() as stack,
    ):
        sides = {name: stack.enter_context(sides_of[name](behind)) for name in names}
        for kind, by_side in measured.items():
            by_side["upstream"] = []
            until = time.monotonic() + seconds / len(measured)
            for number in range(rounds + 1):
                if number > 1 and time.monotonic() > until:
                    print(f"{kind}: {number - 1} rounds of {rounds} in {seconds / 2:.0f} s", file=sys.stderr)
                    break
                for name in names if number % 2 == 0 else reversed(names):
                    few = max(40, requests // 40) if name == "litellm" else requests
                    figures = measure(sides[name], few, stream=kind == "stream", bears=name != "litellm")
                    print(f"{kind} {name} {figures}", file=sys.stderr)
                    if number:  # the first round warms up
                        by_side.setdefault(name, []).append(figures)
                direct = sorted(
                    asyncio.run(load(behind, _AT_A_RATE, 8, stream=kind == "stream", key="", rate=_RATE))["firsts"]
                )
                if number:
                    by_side["upstream"].append({"p50_ms": 1000 * statistics.median(direct)})
    tell(measured)


def tell(measured: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """The figures, then the ratios."""
    told: list[str] = []
    ratios: dict[str, Any] = {}
    for kind, sides in measured.items():
        for name, rounds in sides.items():
            middle = {key: round(statistics.median(one[key] for one in rounds), 2) for key in rounds[0]}
            print(f"{kind:<8}{name:<10}{middle}")
        for peer, goal in GOALS.items():
            if peer not in sides:
                told.append(f"w1 {kind} / {peer}: not measured")
                continue
            for figure in ("per_second", "per_second_with_writer"):
                pairs = [a[figure] / b[figure] for a, b in zip(sides["ours"], sides[peer], strict=True)]
                low, high = interval(pairs)
                middle_ratio = statistics.median(pairs)
                ratios[f"{kind} {peer} {figure}"] = {"ratio": middle_ratio, "interval": [low, high], "goal": goal}
                wide = ", too wide to be reported" if high - low > 2 * _WIDEST * middle_ratio else ""
                aim = "" if goal is None else f" (goal {goal:g}x)"
                told.append(f"w1 {kind} {figure} / {peer}: {middle_ratio:.2f}x [{low:.2f}, {high:.2f}]{aim}{wide}")
            added = [
                (a["p50_ms"] - c["p50_ms"]) / (b["p50_ms"] - c["p50_ms"])
                for a, b, c in zip(sides["ours"], sides[peer], sides["upstream"], strict=True)
                if b["p50_ms"] > c["p50_ms"]
            ]
            if added:
                told.append(f"w1 {kind} added p50 to the first byte / {peer}: {statistics.median(added):.2f}x")
    write_results("w1_gateway", {"rounds": measured, "ratios": ratios, "load": os.getloadavg()})
    print(f"load average {os.getloadavg()}")
    print("\n".join(told))


def many_streams(count: int) -> None:
    """So many streams at a time through the gateway; each chunk and each capture is counted."""
    pause = 0.2
    fake = [sys.executable, __file__, "--be", "upstream", "--pause", str(pause)]
    with program(fake, _LOAD_CORE) as (_, behind), ours(behind) as (pid, port, key, status):
        run = asyncio.run(load(port, count, count, stream=True, key=key))
        for _ in range(600):
            if kept(status()) == count:
                break
            time.sleep(0.1)
        print(
            f"{count} streams at a time of {len(EVENTS)} events: {run['seconds']:.1f} s, "
            f"{len(EVENTS) * pause:.1f} s where nothing stood between"
        )
        print(f"broken answers {run['wrong']}, captures {kept(status())} of {count}, {processor_seconds(pid)}")


def memory(requests: int) -> None:
    """What the gateway holds after so many requests beside what it held after a tenth."""
    import psutil

    fake = [sys.executable, __file__, "--be", "upstream"]
    with program(fake, _LOAD_CORE) as (_, behind), ours(behind) as (pid, port, key, status):
        held = list[float]()
        for _ in range(10):
            run = asyncio.run(load(port, requests // 10, _AT_ONCE, stream=True, key=key))
            assert not run["wrong"], f"{run['wrong']} answers were not the upstream's"
            held.append(psutil.Process(pid).memory_info().rss / 1e6)
            print(f"{len(held) * requests // 10} asked, {held[-1]:.1f} MB", file=sys.stderr, flush=True)
        print(f"MB after each tenth of {requests}: {[round(one, 1) for one in held]}; {status()['captured']}")
        print(f"growth from the first tenth to the last: {held[-1] / held[0]:.3f}x")


if __name__ == "__main__":
    main()
