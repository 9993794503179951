"""The control dialogues, and what a gauge makes of them: `python tests/personas/gauges/controls.py` prints it."""

from __future__ import annotations

import random
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


def main() -> None:
    for held_out in (False, True):
        measured = scores([one for one in read_controls() if one.held_out is held_out])
        high = [found.score for one, found in measured if one.quarrels and found.score is not None]
        low = [found.score for one, found in measured if not one.quarrels and found.score is not None]
        unmeasured = len(measured) - len(high) - len(low)
        print("held out" if held_out else "looked at", f"n {len(high)}+{len(low)}, unmeasured {unmeasured}")
        print(f"  AUC {auc(high, low):.3f} {tuple(round(x, 3) for x in interval(high, low))}")
        limits = CODEX.dissonance
        print(f"  quarrels found (>= {limits.high}): {sum(x >= limits.high for x in high)} of {len(high)}")
        print(f"  others below {limits.resolved}: {sum(x < limits.resolved for x in low)} of {len(low)}")
        if not held_out:
            for one, found in measured:
                wrong = found.score is None or (found.score >= limits.high) != one.quarrels
                if wrong:
                    print(
                        "   ",
                        one.quarrels,
                        one.kind,
                        found.score,
                        found.reasons,
                        "|",
                        one.messages[1].content[:70],
                        "|",
                        one.messages[-1].content[:80],
                    )


if __name__ == "__main__":
    main()
