"""What a log of ten thousand, a hundred thousand and a million conversations costs to keep, to choose from, to walk.

    python benchmarks/store_at_scale.py [SIZE …] [--folder DIR]

Each size is filled and read by processes of their own, so that memory is theirs. Ingest stands beside `executemany`
of the same ids and texts, as durable and in transactions as large, and beside LanceDB fed a row at a time. Parity: what
was walked is what was brought in. What grows with the log is held against the smallest size; the ratios come last.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import WORDS, write_results

from selftune.ledger.keys import make_machine_key
from selftune.records import Interaction, Message, Trigger, encode_record
from selftune.store import Span, Store
from selftune.store.dialect import sqlite_module

if TYPE_CHECKING:
    from collections.abc import Iterator

# Interactions that come in behind a watermark, as in one night.
_NIGHT: Final = 1000
_LOOKS: Final = 21
_PEER_ROWS: Final = 10_000
_LANCE_ROWS: Final = 50
GOALS: Final = {"memory_mb": 20, "selection": 3.0, "disk": 0.5, "executemany": 0.4, "lancedb": 100}


def said(how_many: int) -> Iterator[tuple[Interaction, int]]:
    """So many generated talks of four turns, and the bytes of each as a line of `messages`."""
    draw = random.Random(0)  # noqa: S311 - a log that can be made again
    for number in range(how_many):
        turns = [(("user", "assistant")[turn % 2], " ".join(draw.choices(WORDS, k=60))) for turn in range(4)]
        line = {"id": f"talk-{number}", "messages": [{"role": role, "content": text} for role, text in turns]}
        talk = Interaction(
            salt=f"{number:032x}",
            conversation=f"talk-{number}",
            task_id="chat",
            trigger=Trigger.USER,
            source="openai:generated.jsonl",
            position=f"{number:064x}:0",
            messages=tuple(Message(role=role, content=text) for role, text in turns),
        )
        yield talk, len(json.dumps(line)) + 1


def peak_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(folder: Path, size: int) -> dict[str, Any]:
    """Bring so many talks in; seconds of processor and clock, bytes, and memory before and at its peak."""
    raw = 0

    def talks() -> Iterator[Interaction]:
        nonlocal raw
        for talk, length in said(size):
            raw += length
            yield talk

    making = time.process_time()
    for _ in said(min(size, _PEER_ROWS)):
        pass
    making = (time.process_time() - making) * size / min(size, _PEER_ROWS)
    with Store.open(folder) as store:
        list(store.said(Span()))
        before, began, spent = peak_mb(), time.perf_counter(), time.process_time()
        for _ in batched_saves(store, talks()):
            pass
        told = {
            "ingest_seconds": time.perf_counter() - began,
            "ingest_cpu": time.process_time() - spent - making,
            "ingest_memory_mb": peak_mb() - before,
        }
    disk = sum(path.stat().st_size for path in (folder / ".selftune").rglob("*") if path.is_file())
    return told | {"raw_bytes": raw, "disk_bytes": disk}


def batched_saves(store: Store, talks: Iterator[Interaction]) -> Iterator[int]:
    """Save as an import does, without holding the ids of what was saved."""
    while batch := list(islice(talks, _NIGHT)):
        yield len(store.save(batch, event="captured"))


def choose(folder: Path, size: int) -> dict[str, Any]:
    """Find what came in during the last night, again and again; then walk all of the log, facts first, then words."""
    with Store.open(folder) as store:
        span = Span(after=store.last_sequence() - _NIGHT)
        looks = []
        for _ in range(_LOOKS):
            began = time.perf_counter()
            found = store.count_said(span)[0]
            assert found == len([one.interaction_id for one in store.said(span)]) == _NIGHT
            looks.append(time.perf_counter() - began)
        read = sum(1 for _ in islice(store.records((one.interaction_id for one in store.said(span)), Interaction), 500))
        before, began = peak_mb(), time.perf_counter()
        walked = sum(1 for _ in store.said(Span()))
        facts_seconds, began = time.perf_counter() - began, time.perf_counter()
        talks = sum(len(talk.messages) > 0 for _, talk in store.each(Interaction))
        assert (walked, talks, read) == (size, size, 500), "something was lost on the way"
        return {
            "selection_p50": statistics.median(looks),
            "walk_facts_seconds": facts_seconds,
            "walk_records_seconds": time.perf_counter() - began,
            "walk_memory_mb": peak_mb() - before,
        }


def bare(folder: Path) -> float:
    """Rows a second, by the processor, of `executemany` with ids and texts made beforehand."""
    rows = [(talk.id, "interaction", encode_record(talk), "2026-01-01") for talk, _ in said(_PEER_ROWS)]
    connection = sqlite_module().connect(folder / "bare.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    connection.execute("CREATE TABLE records (id TEXT PRIMARY KEY, kind TEXT, body TEXT, saved_at TEXT)")
    spent = time.process_time()
    for start in range(0, len(rows), 500):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows[start : start + 500])
        connection.execute("COMMIT")
    return len(rows) / (time.process_time() - spent)


def lance(folder: Path) -> float | None:
    """Rows a second of LanceDB, one `add` for each; None without LanceDB."""
    try:
        import lancedb
    except ImportError:
        return None
    rows = [{"id": talk.id, "text": encode_record(talk)} for talk, _ in said(_LANCE_ROWS)]
    table = lancedb.connect(folder / "lance").create_table("rows", rows[:1])
    began = time.perf_counter()
    for row in rows[1:]:
        table.add([row])
    return (len(rows) - 1) / (time.perf_counter() - began)


def in_a_process(job: str, folder: Path, size: int) -> dict[str, Any]:
    """A job in a process of its own."""
    command = [sys.executable, __file__, "--job", job, str(folder), str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure(size: int, folder: Path | None) -> dict[str, Any]:
    """Everything about one size."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        home = Path(temporary)
        make_machine_key(home / ".selftune" / "keys")
        told = {"size": size} | in_a_process("fill", home, size) | in_a_process("choose", home, size)
    print(
        f"{size:>9}: in {told['ingest_seconds']:.0f} s, {told['disk_bytes'] / told['raw_bytes']:.2f} of raw JSON "
        f"({told['raw_bytes'] / 1e6:.0f} MB); selection {1e3 * told['selection_p50']:.1f} ms; walk "
        f"{told['walk_facts_seconds']:.1f} s of facts, {told['walk_records_seconds']:.1f} s of records; memory "
        f"+{told['ingest_memory_mb']:.0f} MB in, +{told['walk_memory_mb']:.0f} MB walking",
        flush=True,
    )
    return told


def main() -> None:
    """Measure each size, print what grew, the ratios last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=None, help="where the stores go; a temporary folder by default")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        job, folder, size = given.job
        print(json.dumps({"fill": fill, "choose": choose}[job](Path(folder), int(size))))
        return
    told = [measure(size, given.folder) for size in given.sizes]
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        peer, one_by_one = bare(Path(temporary)), lance(Path(temporary))
    first, last = told[0], told[-1]
    ratios = {
        "memory_mb": max(last["ingest_memory_mb"], last["walk_memory_mb"]),
        "selection": last["selection_p50"] / first["selection_p50"],
        "disk": last["disk_bytes"] / last["raw_bytes"],
        "executemany": last["size"] / last["ingest_cpu"] / peer,
        "lancedb": None if one_by_one is None else last["size"] / last["ingest_seconds"] / one_by_one,
    }
    write_results("store_at_scale", {"sizes": told, "ratios": ratios, "goals": GOALS, "seed": 0})
    print(f"memory above the start at {last['size']}: +{ratios['memory_mb']:.0f} MB (goal +{GOALS['memory_mb']})")
    print(f"ratio disk / raw JSON: {ratios['disk']:.2f}x (goal {GOALS['disk']}x)")
    print(f"ratio ingest / bare executemany: {ratios['executemany']:.2f}x (goal {GOALS['executemany']}x)")
    by_row = "not measured" if ratios["lancedb"] is None else f"{ratios['lancedb']:.0f}x"
    print(f"ratio ingest / LanceDB by row: {by_row} (goal {GOALS['lancedb']}x)")
    sizes = f"{last['size']} / at {first['size']}"
    print(f"ratio selection at {sizes}: {ratios['selection']:.2f}x (goal at most {GOALS['selection']}x)")


if __name__ == "__main__":
    main()
