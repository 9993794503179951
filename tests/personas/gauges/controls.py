"""The control dialogues, and what a gauge makes of them: `python tests/personas/gauges/controls.py` prints it."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

from selftune.codex.reading import load_codex
from selftune.personas.gauges.making import make_gauge
from selftune.records import Message

FILE = Path(__file__).with_name("controls.txt")
CODEX = load_codex()


@dataclass(frozen=True, kw_only=True)
class Control:
    quarrels: bool
    kind: str
    messages: tuple[Message, ...]
    held_out: bool


def read_controls() -> tuple[Control, ...]:
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return tuple(_control(line, place % 2 == 1) for place, line in enumerate(lines))


def _control(line: str, held_out: bool) -> Control:
    kind, question, *turns = (part.strip() for part in line.split(" | "))
    said = [turn.split(": ", 1) for turn in turns]
    return Control(
        quarrels=kind.startswith("+"),
        kind=kind[1:],
        messages=(
            Message(role="user", content=question),
            *(Message(role="assistant", persona=name, content=words) for name, words in said),
        ),
        held_out=held_out,
    )


def auc(high, low):
    """The share of pairs in which the quarrel stands higher; ties count half (Mann and Whitney 1947)."""
    wins = sum((one > other) + 0.5 * (one == other) for one in high for other in low)
    return wins / (len(high) * len(low))


def interval(high, low, *, draws=2000, seed=0):
    """Percentile bootstrap of both groups, 95 % (Efron 1979)."""
    drawn = random.Random(seed)
    found = sorted(auc(drawn.choices(high, k=len(high)), drawn.choices(low, k=len(low))) for _ in range(draws))
    return found[int(0.025 * draws)], found[int(0.975 * draws) - 1]


def scores(controls, gauge=None):
    """Each control with its score; an unmeasured one is no number."""
    used = gauge or make_gauge(CODEX)
    return [(one, used.measure(one.messages, CODEX)) for one in controls]


def told(controls) -> list[str]:
    """The figures of a half."""
    measured = scores(controls)
    high = [found.score for one, found in measured if one.quarrels and found.score is not None]
    low = [found.score for one, found in measured if not one.quarrels and found.score is not None]
    least, most = interval(high, low)
    limits = CODEX.dissonance
    return [
        f"{len(high)} quarrels, {len(low)} others, {len(measured) - len(high) - len(low)} unmeasured",
        f"  AUC {auc(high, low):.3f} [{least:.3f}, {most:.3f}]",
        f"  quarrels at {limits.high} or above: {sum(score >= limits.high for score in high)} of {len(high)}",
        f"  others below {limits.resolved}: {sum(score < limits.resolved for score in low)} of {len(low)}",
    ]


if __name__ == "__main__":
    for held_out in (False, True):
        sys.stdout.write("held out: " if held_out else "looked at: ")
        sys.stdout.write("\n".join(told([one for one in read_controls() if one.held_out is held_out])) + "\n")
