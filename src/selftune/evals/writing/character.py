"""`character`: thirty-six prompts to a persona in the six categories of mission B9, for a judge to grade."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.evals.writing.items import make_item, sentences_of
from selftune.records import GenerationParameters, Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import SuiteItem

_SEED: Final = 20_261_127
_SHORT: Final = {
    "anachronism_trap": "at",
    "character_consistency": "cc",
    "ground_truth": "gt",
    "position_discrimination": "pd",
    "private_voice": "pv",
    "verified_response": "vr",
}
_DESCRIPTION: Final = (
    "Does a persona stay who it is? Thirty-six prompts of our own to a persona of our own in six categories, two easy, "
    "two medium and two hard ones in each, graded by a judge with the rubric `character`. NOT VERIFIED: no real judge "
    "has graded it yet, so that nobody knows how well it tells a good model from a bad one."
)


def write_character() -> Suite:
    """The suite; all that a judge needs to know stands in the system message and the references."""
    return Suite(
        name="character",
        version="1",
        description=_DESCRIPTION,
        scorer="judge:character",
        unit="item",
        categories=tuple(_SHORT),
        # What the published evaluation of a character model was drawn with (mission B10).
        generation=GenerationParameters(temperature=1.0, top_k=64, top_p=0.95, max_tokens=1024),
        seed=_SEED,
        items=tuple(_items()),
    )


def _items() -> Iterator[SuiteItem]:
    system = sentences_of("persona.toml")["text"].strip()
    written: Counter[str] = Counter()
    for prompt in sentences_of("character.toml")["prompts"]:
        category = prompt["category"]
        written[category] += 1
        yield make_item(
            f"{_SHORT[category]}-{written[category]:02d}",
            category,
            "judged",
            prompt["difficulty"],
            prompt["asked"],
            {},
            system=system,
            reference=prompt["reference"],
        )
