"""A dataset to JSON lines against loops by hand.

    python benchmarks/export_lines.py [EXAMPLES] [ROUNDS]

The peers: `json` over what `dataclasses.asdict` makes of each example, which is the loop that most scripts have; `json`
and `orjson` over dictionaries written out by hand, which check nothing, name no loss, and do not wait for the disk. All
write the same rows (parity first). Compared is the processor time.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import WORDS, in_turn, tell

from selftune.curation.exporting import export
from selftune.records import Dataset, DatasetKind, Example, Message

if TYPE_CHECKING:
    from collections.abc import Callable

GOALS: Final = {"json-asdict": 8.0, "json": 1.0, "orjson": 0.9}


def made(count: int) -> Dataset:
    """A dataset of so many generated talks of four turns."""
    draw = random.Random(0)  # noqa: S311 - a dataset that can be made again
    examples = tuple(
        Example(
            salt=f"{number:032x}",
            interaction_id=f"interaction:{number:064x}",
            judgement_id=None,
            messages=tuple(
                Message(role=("user", "assistant")[turn % 2], content=" ".join(draw.choices(WORDS, k=60)))
                for turn in range(4)
            ),
        )
        for number in range(count)
    )
    return Dataset(
        kind=DatasetKind.SFT, train=examples, holdout=(), rejects=(), mixture=(), watermark=1, config_digest="", card=""
    )


def by_asdict(example: Example) -> dict[str, Any]:
    """The row as a script takes it from a model object."""
    turns = asdict(example)["messages"]
    return {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in turns]}


def by_hand(example: Example) -> dict[str, Any]:
    """The row written out."""
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in example.messages]}


def main(count: int = 20_000, rounds: int = 10) -> None:
    """Compare the files, then the times."""
    dataset = made(count)
    assert dataset.id, "it is worked out before the clock starts"

    def plain(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode()

    with tempfile.TemporaryDirectory() as folder:

        def loop(name: str, row: Callable[[Example], dict[str, Any]], dump: Callable[[object], bytes]) -> float:
            began = time.process_time()
            with (Path(folder) / name).open("wb") as stream:
                for example in dataset.train:
                    stream.write(dump(row(example)) + b"\n")
            return time.process_time() - began

        def ours() -> float:
            path = Path(folder) / "selftune"
            path.unlink(missing_ok=True)
            began = time.process_time()
            export(dataset, "openai", path)
            return time.process_time() - began

        sides: dict[str, Callable[[], float]] = {
            "selftune": ours,
            "json-asdict": lambda: loop("json-asdict", by_asdict, plain),
            "json": lambda: loop("json", by_hand, plain),
        }
        if find_spec("orjson") is None:
            print("orjson is not installed here: not measured")
        else:
            dump = importlib.import_module("orjson").dumps
            sides["orjson"] = lambda: loop("orjson", by_hand, dump)
        for side in sides.values():
            side()
        rows = {name: list(map(json.loads, (Path(folder) / name).open("rb"))) for name in sides}
        size = (Path(folder) / "selftune").stat().st_size
        assert all(found == rows["selftune"] for found in rows.values()), "the files hold other rows"
        print(f"parity: {count} rows, {size / 1e6:.0f} MB, the same in {len(rows)} files")
        measured = in_turn(sides, rounds)
    peer = version("orjson") if "orjson" in sides else "not measured"
    goals = {name: goal for name, goal in GOALS.items() if name in sides}
    tell("export", "selftune", measured, goals, examples=count, bytes=size, orjson=peer, seed=0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
