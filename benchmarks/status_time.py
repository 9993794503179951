"""How long `selftune status` takes on a log of judged conversations, beside a bare Typer app.

    python benchmarks/status_time.py [CONVERSATIONS] [STARTS]

The project is generated: so many conversations, each judged. Parity: status counts all of them. Compared is the clock
of whole processes, in turn.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from figures import WORDS, interval, write_results

from selftune.loop.configured import make_judging
from selftune.loop.ejected import rubric_of
from selftune.loop.project import create_project, open_project
from selftune.plugins import load_plugin
from selftune.records import CriterionScore, Interaction, Judgement, JudgementStatus, Message, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import JudgeIdentity

GOAL: Final = 3.0
BARE: Final = "import typer\napp = typer.Typer()\n@app.command()\ndef status() -> None:\n    print('{}')\napp()\n"


def talks(count: int) -> Iterator[Interaction]:
    """So many generated exchanges."""
    draw = random.Random(0)  # noqa: S311 - a log that can be made again
    for number in range(count):
        said = [" ".join(draw.choices(WORDS, k=40)) for _ in range(2)]
        yield Interaction(
            salt=f"{number:032x}",
            conversation=f"talk-{number}",
            task_id="chat",
            trigger=Trigger.USER,
            source="generated",
            position=f"line {number}",
            happened_at=f"2026-01-{1 + number % 28:02d}T00:00:00+00:00",
            messages=(Message(role="user", content=said[0]), Message(role="assistant", content=said[1])),
        )


def verdicts(ids: list[str], judge: JudgeIdentity, rubric: str) -> Iterator[Judgement]:
    """A generated verdict on each; a third of them golden."""
    for number, interaction_id in enumerate(ids):
        yield Judgement(
            salt=f"{number:032x}",
            interaction_id=interaction_id,
            rubric_digest=rubric,
            judge=judge,
            status=JudgementStatus.SCORED,
            overall=(3.0, 4.0, 4.75)[number % 3],
            criteria=(CriterionScore(name="truth", reasoning="It holds.", score=4.0),),
        )


def fill(folder: Path, count: int) -> None:
    """A project with so many judged conversations."""
    create_project(folder, name="generated", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as project:
        judging = make_judging(project)
        judge = load_plugin("selftune.judges", judging.name).from_config(judging).identity
        rubric = rubric_of(folder, project.config)
        ids = project.store.save(talks(count), event="captured")
        project.store.save(verdicts(ids, judge, rubric.id), event="judged")


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds of a whole process, and what it said."""
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return time.perf_counter() - began, done.stdout


def main(count: int = 40_000, starts: int = 15) -> None:
    """Fill a project, then start both programs in turn."""
    ours = [sys.executable, "-c", "from selftune.app.cli.main import main; main()", "status", "--json"]
    bare = [sys.executable, "-c", BARE]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder, count)
        told = json.loads(timed(ours, folder)[1])
        assert (told["interactions"], told["judgements"], told["new"]) == (count, count, count), told
        print(f"parity: status counts {count} conversations and verdicts: {told['lessons']}")
        pairs = [(timed(ours, folder)[0], timed(bare, folder)[0]) for _ in range(starts)]
    ratios = [own / theirs for own, theirs in pairs]
    low, high = interval(ratios)
    middle = statistics.median(ratios)
    seconds = statistics.median(own for own, _ in pairs)
    facts = {"conversations": count, "seconds": pairs, "ratio": middle, "interval": [low, high], "goal": GOAL}
    write_results("status_time", facts)
    print(f"status: {seconds:.2f} s of the clock, bare Typer {statistics.median(bare for _, bare in pairs):.2f} s")
    print(f"ratio status / bare Typer: {middle:.2f}x [{low:.2f}, {high:.2f}] (goal at most {GOAL:g}x)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
