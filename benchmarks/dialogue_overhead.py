"""What a dialogue costs beside its model: steps of the graph under a script, and the file with many dialogues in it.

    python -m benchmarks.dialogue_overhead

The voice is a script, the gauge says a number at once: what is left is the graph, its checkpoints, redaction and the
file. First each step, its processor and wall time, and what LangGraph takes for a step that does nothing; then how long
a file takes to open with 10,000 dialogues that are over and 100 that are not; last the ratio of a step to 2 ms.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from selftune.codex.reading import load_codex
from selftune.interactions.config import Capture
from selftune.interactions.door import clean_text
from selftune.personas.base import Dissonance
from selftune.personas.checkpoints import open_checkpoints
from selftune.personas.dialogue.base import Company, Limits, Setting, choose_voices
from selftune.personas.dialogue.graph import BEGINNING, State, hold_dialogue
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.runnables import RunnableConfig

    from selftune.records import Codex

DIALOGUES = 40
ROUNDS = 5
MANY = 10_000
OPEN = 100
ALLOWED_MS = 2.0
STEPS = 24
WORDS = "What holds a bridge is not the stone alone but what the stones are asked to carry, and for how long. " * 2


class AtOdds:
    """A stand-in for a gauge: every turn is in dissonance, so that every round is held."""

    def measure(self, turns: Sequence[Message], codex: Codex) -> Dissonance:  # noqa: ARG002 - it reads nothing
        """Always the same."""
        return Dissonance(score=0.9, measured_by="a stand-in")


def held(folder: Path) -> tuple[float, float]:
    """Milliseconds of processor and of wall time a step, the median of all dialogues."""
    codex = load_codex()
    voices, governor = choose_voices(codex)
    lines = [
        Line(persona=name, text=" ".join([f"{name.lower()}{at}x{place}" for place in range(12)]) + f" {WORDS}")
        for at in range(ROUNDS)
        for name in ("BRICK", "ROBIN", "ALFRED")
    ]
    rules = Capture()
    company = Company(
        voice=ScriptedVoice(lines),
        gauge=AtOdds(),
        clean=lambda text: clean_text(text, rules),
        elapsed=time.monotonic,
    )
    setting = Setting(
        codex=codex,
        voices=voices,
        governor=governor,
        opening=(Message(role="user", content="What holds a bridge?"),),
        seed=1,
        limits=Limits(rounds=ROUNDS),
    )
    processor, wall, steps = [], [], 0
    for number in range(DIALOGUES):
        with open_checkpoints(folder / "dialogues.db") as checkpoints:
            checkpoints.begin(f"d{number}", "{}")
            began = time.process_time(), time.perf_counter()
            spoken = hold_dialogue(f"d{number}", setting, company, checkpoints)
            steps = len(spoken.turns) + len(spoken.scores)
            processor.append((time.process_time() - began[0]) / steps)
            wall.append((time.perf_counter() - began[1]) / steps)
            checkpoints.finish(f"d{number}", "interaction:none")
    print(f"{DIALOGUES} dialogues of {steps} steps; the first, with its imports, {processor[0] * steps * 1000:.0f} ms")
    return sorted(processor)[DIALOGUES // 2] * 1000, sorted(wall)[DIALOGUES // 2] * 1000


def opened(folder: Path) -> float:
    """Seconds to open a file of many dialogues and to name those that are not over."""
    place = folder / "many.db"
    with open_checkpoints(place) as checkpoints, checkpoints.saver.cursor() as cursor:
        over = ((f"d{at}", at, "", "interaction:none") for at in range(MANY))
        cursor.executemany("INSERT INTO threads VALUES (?, ?, ?, ?)", over)
        left = ((f"u{at}", MANY + at, "{}", None) for at in range(OPEN))
        cursor.executemany("INSERT INTO threads VALUES (?, ?, ?, ?)", left)
    began = time.perf_counter()
    with open_checkpoints(place) as checkpoints:
        assert len(checkpoints.unfinished()) == OPEN
    return time.perf_counter() - began


def bare(folder: Path) -> float:
    """Milliseconds of processor time of a step that does nothing, in LangGraph with the same checkpoints."""
    from langgraph.graph import END, START, StateGraph

    def node(state: State) -> dict[str, int]:
        return {"turns": state["turns"] + 1}

    graph = StateGraph(State)
    graph.add_node("step", node)
    graph.add_edge(START, "step")
    graph.add_conditional_edges(
        "step", lambda state: "over" if state["turns"] >= STEPS else "on", {"over": END, "on": "step"}
    )
    spent = []
    for number in range(DIALOGUES):
        with open_checkpoints(folder / "bare.db") as checkpoints:
            config: RunnableConfig = {"configurable": {"thread_id": f"b{number}"}, "recursion_limit": 2 * STEPS}
            compiled, began = graph.compile(checkpointer=checkpoints.saver), time.process_time()
            compiled.invoke(BEGINNING, config, durability="sync")
            spent.append((time.process_time() - began) / STEPS)
    return sorted(spent)[DIALOGUES // 2] * 1000


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        processor, wall = held(Path(folder))
        print(f"a step: {processor:.2f} ms of processor, {wall:.2f} ms of wall time (medians)")
        print(f"of which LangGraph with its checkpoints takes {bare(Path(folder)):.2f} ms for a step that does nothing")
        print(f"{MANY} dialogues and {OPEN} unfinished ones, opened and listed: {opened(Path(folder)):.3f} s")
    print(f"{processor / ALLOWED_MS:.2f}")


if __name__ == "__main__":
    main()
