"""Our judge client against aiohttp by hand and against the naive AsyncOpenAI loop, on one labelled local server.

    python benchmarks/judge_client.py [CALLS] [ROUNDS]

The server is a FAKE judge in a child process: 20 ms, then always the same verdict. All clients ask for the same
verdicts with the same messages, 256 in flight. Parity first: the server counts the requests and adds up a digest of
each prompt, and every verdict must come to the same overall. What is compared is the processor time of the client
per verdict: on few cores shared with others, wall time measures the others. The peers are handed their prompts ready
made; ours writes each out of its interaction, holds the quotes against the transcript and makes a record.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.judges.config import Judging
from selftune.judges.oracle import OracleJudge
from selftune.judges.prompt import fenced_transcript, instructions
from selftune.judges.purse import Purse
from selftune.judges.rubric import load_rubric
from selftune.judges.verdict import verdict_schema
from selftune.records import Interaction, Message, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE: Final = Path(__file__).resolve().parent
AT_ONCE: Final = 256
SERVER_SECONDS: Final = 0.02
RUBRIC: Final = load_rubric("golden")
# Half the width of the interval, as a share of the ratio.
_WIDEST: Final = 0.10
GOALS: Final = {"aiohttp": 0.85, "openai": 5.0}
_ANSWER: Final = (
    "You might begin with the part that worries you least. Write down what you know, then what you would have to find "
    "out, and ask one person about the first of these today. "
) * 4


def verdict() -> str:
    """What the FAKE judge always says, about as long as a real verdict."""
    entry = {
        "reasoning": "FAKE. " + "The record shows a clear order of steps, and none of them contradicts another. " * 3,
        "quotes": ["Write down what you know"],
        "score": 4,
    }
    scores: dict[str, Any] = {item.name: entry for item in RUBRIC.criteria}
    return json.dumps(scores | {"critical_failures": []})


def serve() -> None:
    """Be the server: print the port, then answer until the parent goes."""
    from aiohttp import web

    message = {"index": 0, "message": {"role": "assistant", "content": verdict()}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1200, "completion_tokens": 400, "total_tokens": 1600}
    answer = {"id": "x", "object": "chat.completion", "created": 0, "model": "fake-judge", "choices": [message]}
    data = json.dumps(answer | {"usage": usage}).encode()
    seen = {"requests": 0, "digest": 0}

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        prompt = json.dumps(body["messages"], sort_keys=True).encode()
        seen["requests"] += 1
        # A sum, for the order of arrival means nothing.
        seen["digest"] = (seen["digest"] + int.from_bytes(hashlib.sha256(prompt).digest()[:6], "big")) % 2**48
        await asyncio.sleep(SERVER_SECONDS)
        return web.Response(body=data, content_type="application/json")

    async def count(_: web.Request) -> web.Response:
        told = dict(seen)
        seen.update(requests=0, digest=0)
        return web.json_response(told)

    async def run() -> None:
        app = web.Application(client_max_size=1 << 24)
        app.add_routes([web.post("/v1/chat/completions", complete), web.get("/count", count)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(run())


def interactions(count: int) -> list[Interaction]:
    """So many short talks, no two alike."""
    return [
        Interaction(
            salt=f"{number:032x}",
            conversation=f"c{number}",
            task_id="bench",
            trigger=Trigger.USER,
            source="bench",
            position=str(number),
            messages=(
                Message(role="user", content=f"How do I plan week {number}?"),
                Message(role="assistant", content=_ANSWER),
            ),
        )
        for number in range(count)
    ]


def ours(port: int, asked: list[Interaction]) -> Iterator[float]:
    """The overalls, by the product's own client."""
    config = Judging(endpoint=f"http://127.0.0.1:{port}/v1", model="fake-judge", at_once=AT_ONCE)
    with OracleJudge.from_config(config).sit(RUBRIC, Purse()) as sitting:
        for item in asked:
            while not sitting.ask(item, item.salt):
                for judgement in sitting.collect():
                    assert judgement.overall is not None
                    yield judgement.overall
        while sitting.under_way:
            for judgement in sitting.collect():
                assert judgement.overall is not None
                yield judgement.overall


def prepared(asked: list[Interaction]) -> list[dict[str, Any]]:
    """The same requests as plain objects, made before the clock starts."""
    schema = {"name": "verdict", "strict": True, "schema": verdict_schema(RUBRIC)}
    system = {"role": "system", "content": instructions(RUBRIC)}
    return [
        {
            "model": "fake-judge",
            "messages": [system, {"role": "user", "content": fenced_transcript(item, item.salt)}],
            "temperature": 0,
            "max_tokens": 4096,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        for item in asked
    ]


def overall(text: str) -> float:
    """The mean of the four criteria that count, as a script would take it."""
    said = json.loads(text)
    counted = [said[item.name]["score"] for item in RUBRIC.criteria if item.weight > 0]
    return float(sum(counted) / len(counted))


async def by_aiohttp(port: int, bodies: list[dict[str, Any]]) -> list[float]:
    """The overalls, by aiohttp and nothing else: a pool of workers, one session."""
    import aiohttp

    waiting, found = iter(bodies), list[float]()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(url, json=body) as response:
                answer = await response.json()
                found.append(overall(answer["choices"][0]["message"]["content"]))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        await asyncio.gather(*(work(session) for _ in range(AT_ONCE)))
    return found


async def by_openai(port: int, bodies: list[dict[str, Any]]) -> list[float]:
    """The overalls, by the loop that most scripts have: AsyncOpenAI as it comes and a semaphore."""
    from openai import AsyncOpenAI

    turns = asyncio.Semaphore(AT_ONCE)
    async with AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:

        async def one(body: dict[str, Any]) -> float:
            async with turns:
                answer = await client.chat.completions.create(**body)
                return overall(answer.choices[0].message.content or "")

        return list(await asyncio.gather(*map(one, bodies)))


def cost(port: int, run: Callable[[], list[float]], calls: int) -> tuple[float, dict[str, int]]:
    """Processor seconds for each verdict, and what the server saw."""
    import urllib.request

    # What the others left behind is not walked through again at the expense of this one.
    gc.collect()
    gc.freeze()
    began = time.process_time()
    found = run()
    spent = time.process_time() - began
    assert found == [4.0] * calls, "a verdict is missing or differs"
    # Straight to this machine, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/count") as reply:
        seen: dict[str, int] = json.load(reply)
    return spent / calls, seen


def interval(ratios: list[float]) -> tuple[float, float]:
    """Bootstrap 95 % interval of the median: 2,000 resamples, percentile method."""
    draw = random.Random(0)  # noqa: S311 - what is drawn must repeat, not be secret
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[49], medians[1949]


def main(calls: int = 1500, rounds: int = 14) -> None:
    """Run all clients in turn, print what was measured, the ratios last; all of it also stands in `results/`."""
    child = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        port = int(child.stdout.readline())
        asked = interactions(calls)
        bodies = prepared(asked)
        clients: dict[str, Callable[[], list[float]]] = {
            "ours": lambda: list(ours(port, asked)),
            "aiohttp": lambda: asyncio.run(by_aiohttp(port, bodies)),
        }
        if find_spec("openai") is not None:
            clients["openai"] = lambda: asyncio.run(by_openai(port, bodies))
        measured = measure(port, clients, calls, rounds)
    finally:
        child.stdin.close()
        child.wait()
    report(measured, calls)


def measure(
    port: int, clients: dict[str, Callable[[], list[float]]], calls: int, rounds: int
) -> dict[str, list[float]]:
    """Seconds for each verdict of each client in each round, one after the other and then the other way round."""
    seen = {name: cost(port, run, calls)[1] for name, run in clients.items()}
    for name, told in seen.items():
        assert told == seen["ours"], f"{name} did not send the same prompts: {told}, ours {seen['ours']}"
    print(f"parity: {len(clients)} clients, {calls} verdicts each, the same prompts and overalls")
    measured: dict[str, list[float]] = {name: [] for name in clients}
    for number in range(rounds):
        order = list(clients) if number % 2 == 0 else list(reversed(clients))
        for name in order:
            measured[name].append(cost(port, clients[name], calls)[0])
    return measured


def report(measured: dict[str, list[float]], calls: int) -> None:
    """Write everything as JSON, print the table and the ratios."""
    for name, seconds in measured.items():
        print(f"{name:>8}: {1e6 * statistics.median(seconds):7.0f} microseconds of processor time a verdict")
    ratios: dict[str, Any] = {}
    for name in ("aiohttp", "openai"):
        if name not in measured:
            print(f"ratio judge-client / {name}: not measured, the package is not installed")
            continue
        pairs = [theirs / own for own, theirs in zip(measured["ours"], measured[name], strict=True)]
        low, high = interval(pairs)
        ratios[name] = {"ratio": statistics.median(pairs), "interval": [low, high], "goal": GOALS[name]}
    facts = {"calls": calls, "at_once": AT_ONCE, "server_seconds": SERVER_SECONDS, "seed": 0}
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()}
    versions = {name: _version(name) for name in ("aiohttp", "openai")} | {"python": platform.python_version()}
    write_results("judge_client", {**facts, **machine, "versions": versions, "rounds": measured, "ratios": ratios})
    for name, told in ratios.items():
        low, high = told["interval"]
        wide = (high - low) / 2 > _WIDEST * told["ratio"]
        refused = ", too wide to be reported: run it again on a quieter machine" if wide else ""
        figure = f"{told['ratio']:.2f}x [{low:.2f}, {high:.2f}]"
        print(f"ratio judge-client / {name}: {figure} (goal {told['goal']:g}x){refused}")


def write_results(name: str, record: dict[str, Any]) -> None:
    """Put what was measured beside the script, with the commit it was measured at."""
    git = shutil.which("git")
    found = git and subprocess.run([git, "rev-parse", "HEAD"], check=False, capture_output=True, text=True, cwd=HERE)
    commit = found.stdout.strip() if found else None
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps({"commit": commit, **record}, indent=2)
    (HERE / "results" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        main(*map(int, sys.argv[1:]))
