"""Our duplicates, hold-out and exams against datatrove's local MinHash pipeline, on the same rows.

    python benchmarks/curate_against_datatrove.py [--rows 100000] [--rounds 3] [--peer PYTHON]

Rows are generated chats, a tenth of them planted near-duplicates (one word of about eighty changed). Ours reads the
lines, splits off the hold-out by clusters of prompts, leaves out what lies close to it or to a suite, and keeps one of
each cluster of near-duplicates. The peer reads the same file and runs its four MinHash stages with word trigrams, in an
interpreter that has datatrove (`--peer`, else this one; without it: not measured). Parity first: both keep the same
number of rows within 0.5 %, exams and hold-out put aside. Both are timed in seconds of the processor, all threads
together, so that what else the machine does counts for neither. Last comes the index kept between nights, alone:
what one more percent of rows costs it, reading and measuring them included, as a share of its first night.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from selftune.curation.base import Pair, Yardstick
from selftune.curation.config import Curation
from selftune.curation.holdout import draw_holdout
from selftune.curation.likeness.alike import compare
from selftune.curation.likeness.contamination import Measured, decontaminate, held_yardsticks
from selftune.curation.likeness.near import Fingerprint, NearDuplicates, fingerprint, likenesses
from selftune.curation.likeness.neighbours import Neighbours
from selftune.curation.rejects import Rejects
from selftune.curation.render import conversation_of
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEED = 0
PLANTED = 0.1
TOLERANCE = 0.005
EXAMS = 200
JUDGE = JudgeIdentity(name="benchmark", version="1")

PEER = """
import sys
import time
from pathlib import Path
source, home = sys.argv[1], Path(sys.argv[2])
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
config = MinhashConfig(n_grams=3)
def reader():
    return JsonlReader(str(Path(source).parent), glob_pattern=Path(source).name)
def run(*stages, tasks=1):
    LocalPipelineExecutor(pipeline=list(stages), tasks=tasks, workers=1, logging_dir=None, skip_completed=False).run()
began = time.process_time()
run(reader(), MinhashDedupSignature(output_folder=str(home / "sig"), config=config))
run(MinhashDedupBuckets(input_folder=str(home / "sig"), output_folder=str(home / "buckets"), config=config),
    tasks=config.num_buckets)
run(MinhashDedupCluster(input_folder=str(home / "buckets"), output_folder=str(home / "remove"), config=config))
run(reader(), MinhashDedupFilter(input_folder=str(home / "remove")),
    JsonlWriter(str(home / "kept"), compression=None))
seconds = time.process_time() - began
kept = sum(1 for path in (home / "kept").iterdir() for _ in path.open())
print(f"\\n{seconds} {kept}")
"""


def write_rows(path: Path, count: int) -> None:
    """So many chats as JSON lines, each with its whole text for the peer; in lower case, without a number."""
    rng = Random(SEED)  # noqa: S311 - what is drawn must repeat
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = sorted({"".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(20_000)})
    weights = list(accumulate(1 / (place + 10) for place in range(len(words))))
    told: list[tuple[list[str], int]] = []
    with path.open("w", encoding="utf-8") as target:
        for number in range(count):
            if told and rng.random() < PLANTED:
                said, asked = rng.choice(told)
                said = list(said)
                said[rng.randrange(asked, len(said))] = rng.choice(words)
            else:
                asked, answered = rng.randint(15, 60), rng.randint(15, 60)
                said = rng.choices(words, cum_weights=weights, k=asked + answered)
            told.append((said, asked))
            prompt, answer = " ".join(said[:asked]), " ".join(said[asked:])
            row = {"id": str(number), "prompt": prompt, "answer": answer, "text": f"{prompt}\n{answer}"}
            target.write(json.dumps(row) + "\n")


def read_pairs(path: Path) -> Iterator[Pair]:
    """Each row as a judged interaction."""
    with path.open(encoding="utf-8") as source:
        for line in source:
            row = json.loads(line)
            interaction = Interaction(
                salt=row["id"],
                conversation=row["id"],
                task_id="",
                trigger=Trigger.IMPORT,
                messages=(
                    Message(role="user", content=row["prompt"]),
                    Message(role="assistant", content=row["answer"]),
                ),
                source="rows",
                position=row["id"],
            )
            judgement = Judgement(
                salt=row["id"],
                interaction_id=row["id"],
                rubric_digest="",
                judge=JUDGE,
                status=JudgementStatus.SCORED,
                overall=5.0,
            )
            yield Pair(interaction=interaction, judgement=judgement)


def exams_in(pairs: Sequence[Pair]) -> tuple[Yardstick, ...]:
    """A suite of which every second item stands in the log."""
    rng = Random(SEED + 1)  # noqa: S311 - what is drawn must repeat
    asked = [pair.interaction.prompt[0].content for pair in rng.sample(list(pairs), EXAMS // 2)]
    others = [" ".join(rng.sample(text.split(), len(text.split()))) + " otherwise" for text in asked]
    return tuple(Yardstick(name=f"item {place}", text=text) for place, text in enumerate((*asked, *others)))


def keep_ours(path: Path) -> dict[str, int]:
    """Dedupe, decontaminate and split; what stands where at the end."""
    config, rejects = Curation(), Rejects()
    pairs = tuple(read_pairs(path))
    split = draw_holdout(
        pairs, config.holdout_share, config.holdout_seed, config.near_duplicate, config.clean_room_share
    )
    measured = Measured((*exams_in(pairs), *held_yardsticks((*split.held, *split.clean_room))))
    learnable = decontaminate(split.pool, measured, rejects)
    kept = len(learnable) - count_dropped(learnable, config.near_duplicate)
    return {"kept": kept, "contaminated": len(rejects.listed()), "held": len(pairs) - len(split.pool)}


def count_dropped(pairs: Sequence[Pair], threshold: float) -> int:
    """How many are near-duplicates of an earlier one."""
    prints = (fingerprint(conversation_of(pair.interaction), None) for pair in pairs)
    return len({alike.second for alike in likenesses(prints, threshold)})


def keep_peer(python: str, path: Path) -> tuple[float, int] | None:
    """Seconds and rows kept by datatrove in an interpreter of its own; None where it has none."""
    if subprocess.run([python, "-c", "import datatrove"], capture_output=True, check=False).returncode:
        return None
    with tempfile.TemporaryDirectory() as home:
        # It writes a folder of logs to where it stands.
        done = subprocess.run(
            [python, "-c", PEER, str(path), home], capture_output=True, text=True, check=True, cwd=home
        )
    seconds, kept = done.stdout.strip().splitlines()[-1].split()
    return float(seconds), int(kept)


def measure_nights(path: Path) -> tuple[float, float]:
    """Seconds of the index's first night on 99 of 100 rows, and of the second, which finds all pairs of all rows."""
    alike = NearDuplicates(Curation().near_duplicate)
    names: list[int] = []
    items: list[Fingerprint] = []
    began = time.process_time()
    first = None
    with tempfile.TemporaryDirectory() as folder:
        rows = sum(1 for _ in path.open(encoding="utf-8"))
        for place, pair in enumerate(read_pairs(path)):
            if place == rows * 99 // 100:
                index = Neighbours(Path(folder), alike)
                list(index.find(names, items.__getitem__))
                first, began = time.process_time() - began, time.process_time()
            items.append(fingerprint(conversation_of(pair.interaction), None))
            names.append(alike.sketch(items[-1]).name)
        found = list(index.find(names, items.__getitem__))
        second = time.process_time() - began
    assert first is not None
    assert found == list(compare(alike, items)), "the index does not find what comparing anew finds"
    return first, second


def main() -> None:
    """Parity, then the times of both in turn; the ratio last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default=sys.executable)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, asked.rows)
        whole = asked.rows - count_dropped(tuple(read_pairs(path)), Curation().near_duplicate)
        nights = measure_nights(path)
        ours, theirs, counts, peer_kept = measure(path, asked.rounds, asked.peer)
    print(f"ours:  {counts}; without hold-out and exams {whole} of {asked.rows} rows are kept")
    print(f"ours:  {median(ours):.1f} s (rounds {', '.join(f'{each:.1f}' for each in ours)})")
    report: dict[str, Any] = {
        "rows": asked.rows, "ours_seconds": ours, "ours": counts, "kept_of_all": whole, "seed": SEED,
        "python": platform.python_version(), "cores": os.cpu_count(), "rensa": version("rensa"),
        "peer_seconds": theirs, "peer_kept": peer_kept, "index_nights_seconds": nights,
    }  # fmt: skip
    print(
        f"index: {nights[0]:.1f} s, then {nights[1]:.2f} s for 1 % more: {nights[1] / nights[0]:.1%} of the first night"
    )
    if peer_kept is None:
        print("peer:  not measured, there is no datatrove here; name an interpreter that has it with --peer")
    else:
        print(f"peer:  {peer_kept} rows kept; {median(theirs):.1f} s")
        apart = abs(peer_kept - whole) / whole
        print(f"parity: rows kept differ by {apart:.2%}")
        assert apart <= TOLERANCE, "the two do not keep the same rows; the ratio would mean nothing"
        report["ratio"] = median([peer / mine for peer, mine in zip(theirs, ours, strict=True)])
        print(f"ratio: curate {report['ratio']:.1f}x datatrove's local MinHash")
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(path: Path, rounds: int, python: str) -> tuple[list[float], list[float], dict[str, int], int | None]:
    """Seconds of ours and of the peer, round by round in turn, and what they kept."""
    ours: list[float] = []
    theirs: list[float] = []
    counts: dict[str, int] = {}
    kept = None
    for _ in range(rounds):
        began = time.process_time()
        counts = keep_ours(path)
        ours.append(time.process_time() - began)
        peer = keep_peer(python, path)
        if peer is not None:
            theirs.append(peer[0])
            kept = peer[1]
    return ours, theirs, counts, kept


if __name__ == "__main__":
    main()
