"""What a page of the log costs on the dashboard: a million interactions, beside the same SQL in bare `sqlite3`.

    python benchmarks/s2_dashboard_list.py [SIZE] [REQUESTS] [--folder DIR]

The log is generated and kept with --folder for the next time. What is compared with what:

- `page`: over HTTP, with a session, from a dashboard in a process of its own: the newest page, pages from anywhere by
  place, and pages next to the oldest. It holds all that a browser gets: the words cut short, escaped, in a table.
- `http`: the same connection asks for a page of two letters: what server, framework and guard take by themselves.
- `store`: what the store takes for the same pages, in this process: facts and the last question and answer of each.
- `sqlite3`: the same question in one statement of bare `sqlite3`, rows fetched, nothing decoded and nothing checked.

Parity: store and `sqlite3` name the same ids and the page holds as many. The target of twice is for store beside
`sqlite3`; the page beside `sqlite3` is told as well, and its ceiling is in seconds. No side compares words with ids: a
page that shows an interaction in full does.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import WORDS, write_results

from selftune.app.dashboard.pages.data import PAGE
from selftune.loop.project import create_project, open_project
from selftune.records import Interaction, Message, Trigger
from selftune.store.dialect import sqlite_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GOALS: Final = {"page_p95_seconds": 0.2, "times_sqlite": 2.0}
_BATCH: Final = 5_000


def fill(folder: Path, size: int) -> None:
    """A project with so many generated exchanges; what is there already stays."""
    if not (folder / "selftune.toml").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        create_project(folder, name="generated", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as project:
        for start in range(project.store.count(Interaction), size, _BATCH):
            project.store.save(said(start, min(size, start + _BATCH)), event="captured")


def said(start: int, end: int) -> Iterator[Interaction]:
    """The exchanges of these numbers."""
    draw = random.Random(start)  # noqa: S311 - a log that can be made again
    for number in range(start, end):
        asked, answered = (" ".join(draw.choices(WORDS, k=20)) for _ in range(2))
        yield Interaction(
            salt=f"{number:032x}",
            conversation=f"talk-{number}",
            task_id="chat",
            trigger=Trigger.USER,
            source="generated",
            position=f"line {number}",
            messages=(Message(role="user", content=asked), Message(role="assistant", content=answered)),
        )


def places(folder: Path, count: int) -> list[int | None]:
    """Where to ask for pages: the newest, the oldest, and anywhere between."""
    draw = random.Random(0)  # noqa: S311 - the same pages each time
    with open_project(folder) as project:
        last = project.store.last_sequence(Interaction)
    anywhere: list[int | None] = [draw.randrange(PAGE + 1, last + 1) for _ in range(count - 2)]
    return [None, *anywhere, min(PAGE, last) + 1]


@contextmanager
def dashboard(folder: Path) -> Iterator[tuple[http.client.HTTPConnection, str]]:
    """A dashboard in a process of its own: a connection to it, and the session's cookie."""
    command = [sys.executable, "-P", "-m", "selftune.app.dashboard.serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            link = process.stdout.readline().split()[-1]
            host, path = link.removeprefix("http://").split("/", maxsplit=1)
            connection = http.client.HTTPConnection(host, timeout=60)
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            answer.read()
            yield connection, (answer.getheader("set-cookie") or "").partition(";")[0]
            connection.close()
        finally:
            process.terminate()


def ask_pages(folder: Path, wanted: Sequence[int | None]) -> tuple[list[float], list[float]]:
    """Seconds of each page over HTTP, and of as many that hold nothing."""
    with dashboard(folder) as asked_from:
        for place in wanted[:3]:
            _ask(asked_from, _path(place))
        pages = [_ask(asked_from, _path(place)) for place in wanted]
        empty = [_ask(asked_from, "/healthz") for _ in wanted]
    assert all(text.count(b"/data/interactions/interaction:") == PAGE for _, text in pages)
    return [took for took, _ in pages], [took for took, _ in empty]


def _path(place: int | None) -> str:
    return "/data/interactions" + ("" if place is None else f"?before={place}")


def _ask(asked_from: tuple[http.client.HTTPConnection, str], path: str) -> tuple[float, bytes]:
    connection, cookie = asked_from
    began = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    text = answer.read()
    took = time.perf_counter() - began
    assert answer.status == http.client.OK, text[:500]
    return took, text


def ask_store(folder: Path, wanted: Sequence[int | None]) -> tuple[list[float], list[list[str]]]:
    """Seconds that the store takes for each page, words included, and the ids on it."""
    with open_project(folder) as project:

        def page(place: int | None) -> list[str]:
            return [one.interaction_id for one in project.store.log.page(PAGE, before=place, words=True).entries]

        return timed(page, wanted)


def ask_sqlite(folder: Path, wanted: Sequence[int | None]) -> tuple[list[float], list[list[str]]]:
    """The same question in bare SQL."""
    connection = sqlite_module().connect(folder / ".selftune" / "store.db", isolation_level=None)
    asked = (
        "SELECT (SELECT min(sequence) FROM interactions), (SELECT max(sequence) FROM interactions), i.sequence, r.id, "
        "i.source, i.may_train, i.superseded_by, i.happened_at, r.saved_at, r.body FROM interactions i "
        "JOIN records r ON r.sequence = i.sequence WHERE i.sequence < ? ORDER BY i.sequence DESC LIMIT ?"
    )

    def page(place: int | None) -> list[str]:
        return [row[3] for row in connection.execute(asked, (2**63 - 1 if place is None else place, PAGE)).fetchall()]

    try:
        return timed(page, wanted)
    finally:
        connection.close()


def timed(page: Callable[[int | None], list[str]], wanted: Sequence[int | None]) -> tuple[list[float], list[list[str]]]:
    """Seconds of each page, and what stood on it."""
    took, found = [], []
    for place in wanted:
        began = time.perf_counter()
        found.append(page(place))
        took.append(time.perf_counter() - began)
    return took, found


def told(took: Sequence[float]) -> dict[str, float]:
    """Middle, 95th percentile and worst, in seconds."""
    ordered = sorted(took)
    return {
        "p50_seconds": statistics.median(ordered),
        "p95_seconds": ordered[round(0.95 * (len(ordered) - 1))],
        "most_seconds": ordered[-1],
    }


def measure(folder: Path, size: int, requests: int) -> dict[str, Any]:
    """All three sides on the same pages."""
    fill(folder, size)
    wanted = places(folder, requests)
    bare, named = ask_sqlite(folder, wanted)
    stored, found = ask_store(folder, wanted)
    assert found == named, "the store names other interactions than the same SQL"
    pages, empty = ask_pages(folder, wanted)
    sides = {"page": told(pages), "http": told(empty), "store": told(stored), "sqlite3": told(bare)}
    middle = {side: figures["p50_seconds"] for side, figures in sides.items()}
    return {
        "size": size,
        "requests": requests,
        **sides,
        "page_times_sqlite": middle["page"] / middle["sqlite3"],
        "store_times_sqlite": middle["store"] / middle["sqlite3"],
        "goals": GOALS,
    }


def main() -> None:
    """Measure, print, and keep the figures beside the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", nargs="?", type=int, default=1_000_000)
    parser.add_argument("requests", nargs="?", type=int, default=1_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        figures = measure(asked.folder or Path(spare) / "p", asked.size, asked.requests)
    for side in ("page", "http", "store", "sqlite3"):
        line = ", ".join(
            f"{name.removesuffix('_seconds')} {1000 * value:.1f} ms" for name, value in figures[side].items()
        )
        print(f"{side:<8} {line}")
    print(
        f"the page takes {figures['page_times_sqlite']:.1f} times the SQL, the store's part of it "
        f"{figures['store_times_sqlite']:.1f} times; goals: p95 of a page {1000 * GOALS['page_p95_seconds']:.0f} ms, "
        f"store {GOALS['times_sqlite']:.0f} times; load {os.getloadavg()[0]:.1f}, {figures['size']:,} interactions"
    )
    write_results("s2_dashboard_list", figures)


if __name__ == "__main__":
    main()
