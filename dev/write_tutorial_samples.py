"""Write the raw logs of `docs/tutorials/judge_and_curate.md`: a week of an assistant that answers from a state.

Run again whenever growth changes: `python dev/write_tutorial_samples.py`. Questions and right answers are grown by rule
from a fixed seed; about a third of the answers are made wrong on purpose by giving the one of the twin case, and a few
lines are damaged as real logs are. No word of a real person stands in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selftune.app.growing import suites_of
from selftune.curation.growth.answers import Rule, messages_of
from selftune.curation.growth.grow import grow

if TYPE_CHECKING:
    from selftune.curation.growth.grow import Grown

TARGET = Path(__file__).parents[1] / "docs/tutorials/samples"
SEED = 31
CONVERSATIONS, PAIRS = 240, 80
WRONG_EVERY = 3
# Lines such as every log has: cut off, with somebody's address, decoded with the wrong encoding, and one twice.
CUT, WITH_ADDRESS, MOJIBAKE, TWICE = 7, 14, 16, 4
AUTHORS = ("ana", "ben", "chloe", "dov", "ella")
COUNCIL = (
    {
        "task_id": "auto-001",
        "trigger": "motivator_service",
        "prompt": "Find one habit of ours that costs more than it gives.",
        "transcript": [
            {"persona": "BRICK", "content": "We re-read every log from its beginning. That is quadratic: a drummer "
             "who plays the whole concert again for each late guest."},
            {"persona": "ROBIN", "content": "And yet the re-reading is how we remember who asked. Let us keep a page "
             "mark, and read aloud only what is new."},
            {"persona": "ALFRED", "content": "A page mark keeps both the speed and the promise. Noted."},
        ],
    },
    {
        "task_id": "auto-002",
        "trigger": "user",
        "prompt": "Should we answer faster, or check more?",
        "transcript": "BRICK: Measure first: checks take a tenth of the time.\nROBIN: Then nobody waits for our care.",
    },
)  # fmt: skip


def main() -> None:
    """Write the three files."""
    TARGET.mkdir(parents=True, exist_ok=True)
    grown = grow(CONVERSATIONS + PAIRS, SEED, Rule(seed=SEED), suites_of(None)).examples
    talks = [_talk(place, grown) for place in range(CONVERSATIONS)]
    lines = [json.dumps(talk, ensure_ascii=False) for talk in talks]
    lines[CUT] = lines[CUT][: len(lines[CUT]) // 2]
    _write("assistant.jsonl", [*lines, lines[TWICE]])
    _write("council.jsonl", [json.dumps(entry, ensure_ascii=False) for entry in COUNCIL])
    _write("pairs.jsonl", [json.dumps(_pair(place, grown)) for place in range(CONVERSATIONS, CONVERSATIONS + PAIRS)])


def _talk(place: int, grown: tuple[Grown, ...]) -> dict[str, Any]:
    """One conversation; every third answer is that of the twin case, which is wrong here."""
    example = grown[place]
    answer = example.answer if place % WRONG_EVERY else _twin(place, grown).answer
    turns = [{"role": message.role, "content": message.content} for message in messages_of(example.case)]
    if place == WITH_ADDRESS:
        turns[-1]["content"] += " You can write to me at ana.lopez@example.org."
    if place == MOJIBAKE:
        answer += " That\u2019s all I know.".encode().decode("cp1252")
    return {
        "id": f"talk-{place:03d}",
        "user": AUTHORS[place % len(AUTHORS)],
        "generated_by": "assistant-3b",
        "messages": [*turns, {"role": "assistant", "content": answer}],
    }


def _pair(place: int, grown: tuple[Grown, ...]) -> dict[str, Any]:
    example = grown[place]
    system, user = messages_of(example.case)
    return {
        "id": f"pair-{place:03d}",
        "system": system.content,
        "prompt": user.content,
        "chosen": example.answer,
        "rejected": _twin(place, grown).answer,
    }


def _twin(place: int, grown: tuple[Grown, ...]) -> Grown:
    """The other case of a pair: the same question under a state that makes another answer right."""
    return grown[place ^ 1]


def _write(name: str, lines: list[str]) -> None:
    (TARGET / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
