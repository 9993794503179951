"""What a warm memory of verdicts costs beside bare SQLite point reads of the same rows.

    python benchmarks/recall_verdicts.py [VERDICTS] [ROUNDS]

Ours answers for each interaction with the judgement, decoded and held against its id. The peer looks up one row by its
key in a table of two columns and decodes nothing. Parity first: both find the same texts, and no judge is asked.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from figures import WORDS, in_turn, tell

from selftune.ledger.keys import make_machine_key
from selftune.records import (
    CriterionScore,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
    encode_record,
)
from selftune.store import Store
from selftune.store.dialect import sqlite_module

if TYPE_CHECKING:
    from collections.abc import Iterator

GOALS: Final = {"sqlite": 0.5}
JUDGE: Final = JudgeIdentity(name="oracle:generated", version="1", lineage=("generated",))
RUBRIC: Final = "rubric:generated"
_BATCH: Final = 256


def interactions(count: int) -> Iterator[Interaction]:
    """So many generated exchanges."""
    for number in range(count):
        yield Interaction(
            salt=f"{number:032x}",
            conversation=f"talk-{number}",
            task_id="chat",
            trigger=Trigger.USER,
            source="generated",
            position=f"line {number}",
            messages=(Message(role="user", content=f"Question {number}?"), Message(role="assistant", content="Yes.")),
        )


def judgements(ids: list[str]) -> Iterator[Judgement]:
    """A generated verdict on each, four criteria with their reasons."""
    draw = random.Random(0)  # noqa: S311 - verdicts that can be made again
    for number, interaction_id in enumerate(ids):
        yield Judgement(
            salt=f"{number:032x}",
            interaction_id=interaction_id,
            rubric_digest=RUBRIC,
            judge=JUDGE,
            status=JudgementStatus.SCORED,
            overall=4.25,
            prompt_digest="prompt",
            reported_model="generated",
            criteria=tuple(
                CriterionScore(name=f"criterion {place}", reasoning=" ".join(draw.choices(WORDS, k=30)), score=4.0)
                for place in range(4)
            ),
        )


def main(count: int = 100_000, rounds: int = 7) -> None:
    """Fill a store and a bare table with the same verdicts, compare what both find, then the times."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_machine_key(folder / ".selftune" / "keys")
        bare = sqlite_module().connect(folder / "bare.db")
        bare.execute("CREATE TABLE verdicts (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
        with Store.open(folder) as store:
            ids = store.save(interactions(count), event="captured")
            store.save(judgements(ids), event="judged")
            texts = ((verdict.interaction_id, encode_record(verdict)) for _, verdict in store.each(Judgement))
            bare.executemany("INSERT INTO verdicts VALUES (?, ?)", texts)
            bare.commit()

            def recalled() -> Iterator[Judgement]:
                find = store.standing_verdicts(JUDGE, rubric_digest=RUBRIC, prompt_digest="prompt")
                for start in range(0, count, _BATCH):
                    batch = ids[start : start + _BATCH]
                    found = find(batch)
                    yield from (found[interaction_id] for interaction_id in batch)

            def read() -> Iterator[str]:
                for interaction_id in ids:
                    yield bare.execute("SELECT body FROM verdicts WHERE key = ?", (interaction_id,)).fetchone()[0]

            pairs = zip(recalled(), read(), strict=True)
            assert all(encode_record(verdict) == text for verdict, text in pairs), "they find other verdicts"
            print(f"parity: {count} verdicts, the same from both, no judge asked")

            def timed(walk: Iterator[object]) -> float:
                began = time.process_time()
                assert sum(1 for _ in walk) == count
                return time.process_time() - began

            measured = in_turn({"selftune": lambda: timed(recalled()), "sqlite": lambda: timed(read())}, rounds)
        bare.close()
    for name, seconds in measured.items():
        print(f"{name:>8}: {1e6 * sorted(seconds)[len(seconds) // 2] / count:.1f} microseconds a verdict")
    tell("recall", "selftune", measured, GOALS, verdicts=count, seed=0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
