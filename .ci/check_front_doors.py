"""Do what a person does after the demo: `check_front_doors.py SELFTUNE PROJECT PICTURE.png`.

`selftune up`, one line in a client that exists, the decision page in a real browser. Two questions are asked, and both
must stand in the log afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS: Final = 90.0
MODEL: Final = "champion"


@contextmanager
def front_doors(selftune: str, project: str) -> Iterator[dict[str, str]]:
    """What `selftune up` printed, until the block ends; then it must have ended by itself within the time."""
    command = [selftune, "up", "--project", project, "--port", "0", "--dashboard-port", "0"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told: dict[str, str] = {}
    try:
        for line in running.stdout or ():
            name, _, rest = line.strip().partition(": ")
            told[name] = rest
            if name == "Dashboard":
                break
        yield told
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(PATIENCE_SECONDS)


def ask_as_a_client(told: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """One answer at once and one as it comes, by the official client with nothing but another address."""
    import openai

    settings = dict(re.findall(r"(OPENAI_[A-Z_]+)=(\S+)", told["For a client"]))
    client = openai.OpenAI(base_url=settings["OPENAI_BASE_URL"], api_key=settings["OPENAI_API_KEY"])
    answer = client.chat.completions.create(model=MODEL, messages=said("As your maker I name you Panil."))
    yield f"the client is answered: {answer.choices[0].message.content}", bool(answer.choices[0].message.content)
    stream = client.chat.completions.create(model=MODEL, messages=said("Who are you?"), stream=True)
    pieces = [piece.choices[0].delta.content or "" for piece in stream if piece.choices]
    yield f"a stream comes in {len(pieces)} pieces", len(pieces) > 1


def said(words: str) -> list[Any]:
    """A conversation of one turn."""
    return [{"role": "user", "content": words}]


def open_the_decision(address: str, picture: str) -> Iterator[tuple[str, bool]]:
    """By the printed link, over the navigation, to the last decision; nothing may be asked of anybody else."""
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.goto(address.partition("/enter")[0] + "/decisions")
        text = page.inner_text("main")
        page.screenshot(path=picture, full_page=True)
        browser.close()
    yield "the decision page names the outcome and the gain", "promote" in text and "gain" in text
    elsewhere = sorted({url for url in asked if not url.startswith("http://127.0.0.1")})
    yield f"the page asks nobody else: {elsewhere}", not elsewhere


def interactions(selftune: str, project: str) -> int:
    """How many exchanges the log holds."""
    told = subprocess.run(
        [selftune, "status", "--json", "--project", project], capture_output=True, text=True, check=True
    )
    return int(json.loads(told.stdout)["interactions"])


def wait_for(selftune: str, project: str, wanted: int) -> bool:
    """Whether the log comes to hold so many."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if interactions(selftune, project) == wanted:
            return True
        time.sleep(1)
    return False


def check(selftune: str, project: str, picture: str) -> Iterator[tuple[str, bool]]:
    """Each promise, and whether it was kept."""
    before = interactions(selftune, project)
    with front_doors(selftune, project) as told:
        yield from ask_as_a_client(told)
        yield from open_the_decision(told["Dashboard"], picture)
        yield "both exchanges stand in the log, once", wait_for(selftune, project, before + 2)


def main() -> None:
    """Print each promise; exit with 1 when one was broken."""
    began = time.monotonic()
    broken = 0
    for promise, kept in check(*sys.argv[1:4]):
        broken += not kept
        sys.stdout.write(f"{'ok    ' if kept else 'BROKEN'} {promise}\n")
    sys.stdout.write(f"{broken} broken, {time.monotonic() - began:.0f} s\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
