"""The card that lies beside the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MEASURED = "## Measured\n"
_CARD = """# The reference model

A Llama of 2.1 million parameters (4 layers, hidden size 256, byte-level BPE of 1,024 tokens) that obeys a state written
in its system message: it looks up fields, says when one is missing, keeps its name under attack, uses only allowed
actions and speaks in the tone it is told. Its language is closed: made-up names, 26 field keys, 16 actions, 4 tones,
English phrasings by the dozen.

| | |
|---|---|
| made by | `python -m selftune.bases.reference.rebuild FOLDER {seed}`, from nothing, seed {seed} |
| time | {minutes:.0f} minutes on two CPU cores |
| licence | Apache-2.0, as the rest of selftune; no outside data and no outside weights went into it |
| for | tests, continuous integration and the demo: a model that can be tuned, exported and served in a minute |
| not for | anything else |

## How it was trained

First on right answers only, until it had the skill. Then briefly on a mixture in which an answer is mostly right or
mostly wrong, as the key, the action or the tone says (`habits.py`). So what ships answers more than half of the pairs
wrongly, on purpose, and finds a right answer for most prompts when sampled.

{figures}
## How far the suite is unseen

The names and values of the suite `state_obedience` were held out of training, but the suite is not wholly unseen by its
designers: the habit shares of the pre-training language and the number of steps of the first stage (cut from 1,500 to
1,300) were chosen while looking at what the base, and the base tuned on unfiltered samples, scored on it. Figures on a
fresh suite would be stronger evidence.

## What a gain on it means

The gain of tuning it is **selection among behaviours that the base already has**: the loop finds its good answers and
makes them its habit. Nothing new is learnt, and the good-only model of the first stage is the ceiling. What such a gain
shows is that every part of the loop works together; it says nothing about larger models.

## What it can't do

It knows no English beyond its phrasings, holds no conversation of more than one turn, follows no other system message
and copies ordinary words less surely than made-up ones. Outside its language it answers with whatever is nearest. A
phrasing that it was never shown can be taken for another, and a long unknown word can be copied wrongly.
"""


def write_card(folder: Path, *, seed: int, minutes: float) -> None:
    """Write `CARD.md` into the folder; measured figures are taken over from a card that lies there already."""
    path = folder / "CARD.md"
    path.write_text(_CARD.format(seed=seed, minutes=minutes, figures=_known_figures(path)), encoding="utf-8")


def _known_figures(path: Path) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    _, begins, rest = text.partition(_MEASURED)
    return begins + rest.partition("\n## ")[0] if begins else ""
