"""Writes the suites of the little language: pairs of fresh items that share nothing with training or demo.

`python -m selftune.bases.reference.suite FOLDER` writes both: `state_obedience`, which decides, and the screen that
goes with it, which has no item of it. Easy items use familiar phrasings with held-out names and values, medium ones
novel phrasings, and hard ones novel phrasings with ordinary names and values, which no split holds.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from selftune.bases.reference import words
from selftune.bases.reference.language import CATEGORIES, Prompt, Vocabulary, draw_pair

VERSION: Final = "1"
FOLDER: Final = Path(__file__).parents[2] / "evals" / "suites"
MOST_NEW_TOKENS: Final = 48

_HEADER: Final = "# Written by `python -m selftune.bases.reference.suite`; edit the generator instead.\n"

VOCABULARIES: Final = {
    "easy": Vocabulary(split="heldout"),
    "medium": Vocabulary(split="heldout", novel_phrasings=True),
    "hard": Vocabulary(split="heldout", novel_phrasings=True, names=words.ORDINARY_NAMES, values=words.ORDINARY_VALUES),
}


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One suite of this language; `pairs` in each category, by difficulty."""

    name: str
    seed: int
    pairs: tuple[tuple[str, int], ...]


DECIDES: Final = Edition(
    name="state_obedience", seed=20_261_121, pairs=(("easy", 18), ("medium", 18), ("hard", 12))
)  # 48 pairs a category, 192 in all
SCREENS: Final = Edition(
    name="state_obedience_screen", seed=20_261_129, pairs=(("easy", 8), ("medium", 8), ("hard", 4))
)


def draw_suite(edition: Edition = DECIDES) -> dict[str, Any]:
    """The suite as plain data, header first; the same edition gives the same suite on any machine."""
    rng = Random(f"suite:{edition.seed}")  # noqa: S311 - reproducible draws, no secrets
    items = []
    for category in CATEGORIES:
        for difficulty, count in edition.pairs:
            for index in range(count):
                pair_id = f"{category}-{difficulty}-{index:02d}"
                pair = draw_pair(rng, VOCABULARIES[difficulty], category, pair_id)
                items += [
                    _item(prompt, category, difficulty, letter) for letter, prompt in zip("ab", pair, strict=True)
                ]
    return {
        "name": edition.name,
        "version": VERSION,
        "description": (
            "Obey the state: fields present and absent, the name under four kinds of attack, allowed and forbidden "
            "actions, the tone. Names, values and (medium, hard) phrasings are held out; both of a pair must be right."
        ),
        "scorer": "state_obedience",
        "unit": "pair",
        "categories": list(CATEGORIES),
        "generation": {"temperature": 0.0, "max_tokens": MOST_NEW_TOKENS},
        "seed": edition.seed,
        "items": items,
    }


def write_suite(folder: Path, edition: Edition = DECIDES) -> Path:
    """Write the suite as YAML into a folder, byte for byte the same for the same edition; returns where."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they read."""

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent_text)
    text = yaml.dump(draw_suite(edition), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    path = folder / f"{edition.name}.yaml"
    path.write_text(f"{_HEADER}{text}", encoding="utf-8")
    return path


def _item(prompt: Prompt, category: str, difficulty: str, letter: str) -> dict[str, Any]:
    expect = {name: str(value) for name, value in asdict(prompt.expectation).items() if value is not None}
    return {
        "id": f"{prompt.pair_id}{letter}",
        "pair": prompt.pair_id,
        "category": category,
        "behaviour": prompt.behaviour.value,
        "difficulty": difficulty,
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "expect": expect,
    }


if __name__ == "__main__":
    for each in (DECIDES, SCREENS):
        write_suite(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, each)
