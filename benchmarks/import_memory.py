"""What an import holds in memory: a JSONL file of a given size, made here, imported by a process of its own.

    python -m benchmarks.import_memory [--bytes 1000000000] [--words 600] [--folder DIR]

The same file is then imported again, and nothing may come in twice. The last line is the peak memory by the promised
400 MB; it must stay below 1 whatever the size of the file.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from selftune.interactions.config import Capture
from selftune.ledger.keys import make_machine_key
from selftune.loop.config import ProjectConfig
from selftune.loop.incoming.intake import import_files
from selftune.loop.project import Project
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

PROMISED_BYTES = 400_000_000
WORDS = ("the", "harbour", "lamp", "asks", "twelve", "of", "bread", "quiet", "river", "and", "count", "slowly", "north")


def write_log(path: Path, size: int, words: int) -> int:
    """A log of at least so many bytes, two to twelve turns of up to so many words; returns how many conversations."""
    draw = random.Random(0)  # noqa: S311 - a log that can be made again
    written = count = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < size:
            said = [" ".join(draw.choices(WORDS, k=draw.randint(5, words))) for _ in range(2 * draw.randint(1, 6))]
            turns = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)]
            entry = {"conversation_id": f"talk-{count}", "model": "small-1", "messages": turns}
            written += stream.write(json.dumps(entry) + "\n")
            count += 1
    return count


def import_log(folder: Path, log: Path) -> dict[str, Any]:
    """Import the log into the project and say what it took."""
    began = time.perf_counter()
    with Store.open(folder) as store:
        project = Project(
            folder=folder,
            config=ProjectConfig(),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=fake_base(),
            base_folder=folder,
        )
        (done,) = import_files(project, [log])
    return {
        "added": done.added,
        "known": done.known,
        "broken": done.broken,
        "seconds": time.perf_counter() - began,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def in_a_process(folder: Path, log: Path) -> dict[str, Any]:
    """The same in a process of its own, whose peak nobody else raised."""
    command = [sys.executable, "-m", "benchmarks.import_memory", "--import", str(folder), str(log)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Make the file, import it twice, print the peak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bytes", type=int, default=50_000_000, help="size of the file")
    parser.add_argument("--words", type=int, default=80, help="most words of a turn")
    parser.add_argument("--folder", type=Path, default=None, help="where the files go; a temporary folder by default")
    parser.add_argument("--import", dest="job", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        print(json.dumps(import_log(*given.job)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder, log = Path(temporary) / "project", Path(temporary) / "log.jsonl"
        (folder / ".selftune" / "keys").mkdir(parents=True)
        make_machine_key(folder / ".selftune" / "keys")
        count = write_log(log, given.bytes, given.words)
        size = log.stat().st_size
        first = in_a_process(folder, log)
        print(f"first import: {first}", file=sys.stderr, flush=True)
        again = in_a_process(folder, log)
    assert (first["added"], first["broken"]) == (count, 0), f"{first} of {count}"
    assert (again["added"], again["known"]) == (0, count), f"a second import brought in {again}"
    facts = {"file_bytes": size, "conversations": count, "first": first, "again": again, "redact": Capture().redact}
    print(json.dumps(facts))
    print(f"file             {size / 1e6:10.1f} MB, {count} conversations")
    print(f"first import     {first['seconds']:10.1f} s, {size / 1e6 / first['seconds']:.2f} MB/s")
    print(f"second import    {again['seconds']:10.1f} s")
    print(f"peak memory      {first['peak_bytes'] / 1e6:10.1f} MB, {again['peak_bytes'] / 1e6:.1f} MB the second time")
    print(f"ratio peak / promised 400 MB: {max(first['peak_bytes'], again['peak_bytes']) / PROMISED_BYTES:.4f}")


if __name__ == "__main__":
    main()
