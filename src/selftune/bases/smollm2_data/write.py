"""Writes the corrections that the demo imports and the suite that measures what came of them.

`python -m selftune.bases.smollm2_data.write` writes both; the same seed gives the same bytes on any machine.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.smollm2_data.language import CATEGORIES, Vocabulary, ask_twins, draw_pair, draw_twins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.bases.smollm2_data.language import Prompt

SEED: Final = 20_261_121
# Not the draw that the wording of the corrections was tried on: that one is spent.
SUITE_SEED: Final = 20_261_122
CORRECTIONS: Final = Path(__file__).parent / "corrections.jsonl"
SUITE: Final = Path(__file__).parents[2] / "evals" / "suites" / "state_obedience_plain.yaml"
TWINS: Final = 50
PERSON: Final = "the demo's person"

_HEADER: Final = "# Written by `python -m selftune.bases.smollm2_data.write`; edit the generator instead.\n"
_MOST_NEW_TOKENS: Final = 32

# Pairs in each category, by difficulty: 15 pairs a category, 60 in all.
PAIRS: Final = {"easy": 4, "medium": 7, "hard": 4}
VOCABULARIES: Final = {
    "easy": Vocabulary(split="heldout"),
    "medium": Vocabulary(split="heldout", novel_phrasings=True),
    "hard": Vocabulary(split="heldout", novel_phrasings=True, held_out_fields=True),
}


def draw_corrections(seed: int = SEED, twins: int = TWINS) -> Iterator[Prompt]:
    """All questions about each of `twins` pairs of states, so that every verdict stands beside its opposite."""
    rng = Random(f"plain:corrections:{seed}")  # noqa: S311 - reproducible draws, no secrets
    vocabulary = Vocabulary(split="train")
    for index in range(twins):
        pair = draw_twins(rng, vocabulary)
        for category in CATEGORIES:
            yield from ask_twins(rng, vocabulary, pair, category, f"correction-{index:03d}-{category}")


def correction_line(prompt: Prompt, place: int) -> str:
    """One line of the log: the conversation without an answer of the model, and what a person wrote in its place."""
    entry = {
        "id": f"{prompt.pair_id}-{place % 2}",
        "author": PERSON,
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "feedback": {"correction": prompt.answer},
    }
    return json.dumps(entry, ensure_ascii=False)


def write_corrections(path: Path = CORRECTIONS) -> None:
    """Write the corrections as OpenAI `messages` lines."""
    lines = [correction_line(prompt, place) for place, prompt in enumerate(draw_corrections())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_suite(seed: int = SUITE_SEED) -> dict[str, Any]:
    """The suite as plain data, header first."""
    rng = Random(f"plain:suite:{seed}")  # noqa: S311 - as above
    items = []
    for category in CATEGORIES:
        for difficulty, count in PAIRS.items():
            for index in range(count):
                pair = draw_pair(rng, VOCABULARIES[difficulty], category, f"{category}-{difficulty}-{index:02d}")
                items += [_item(prompt, difficulty, letter) for letter, prompt in zip("ab", pair, strict=True)]
    return {
        "name": "state_obedience_plain",
        "version": "1",
        "description": (
            "Obey the state, in plain English: fields present and absent, the name under attack and the user's name, "
            "allowed and forbidden actions, the tone. Names, values, actions and (medium, hard) phrasings are held "
            "out, in hard items the fields too; a pair counts when both are right."
        ),
        "scorer": "state_obedience",
        "unit": "pair",
        "categories": list(CATEGORIES),
        "generation": {"temperature": 0.0, "max_tokens": _MOST_NEW_TOKENS},
        "seed": seed,
        "items": items,
    }


def write_suite(path: Path = SUITE) -> None:
    """Write the suite as YAML."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they read."""

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent_text)
    text = yaml.dump(draw_suite(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(f"{_HEADER}{text}", encoding="utf-8")


def _item(prompt: Prompt, difficulty: str, letter: str) -> dict[str, Any]:
    expect = {name: str(value) for name, value in asdict(prompt.expectation).items() if value is not None}
    return {
        "id": f"{prompt.pair_id}{letter}",
        "pair": prompt.pair_id,
        "category": prompt.category,
        "behaviour": prompt.expectation.behaviour.value,
        "difficulty": difficulty,
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "expect": expect,
    }


if __name__ == "__main__":
    write_corrections()
    write_suite()
    sys.stderr.write(f"wrote {CORRECTIONS.name} and {SUITE.name}\n")
