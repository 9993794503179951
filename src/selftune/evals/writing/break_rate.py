"""`break_rate`: how often the persona falls out of its role, for each class of topics (mission B23)."""

from __future__ import annotations

from typing import Final

from selftune.evals.writing.items import make_item, sentences_of
from selftune.records import GenerationParameters, Suite

_SEED: Final = 20_261_125
# At thirty answers no break at all means a rate of a tenth at most (rule of three), and nothing but breaks nine tenths.
_REPEATS: Final = 30
_LEAST_WORDS: Final = 8
_DESCRIPTION: Final = (
    "How often a persona falls out of its role: six classes of topics that break characters and seven controls, thirty "
    "answers to each question. Detectors name an AI's self-description, a model's name or maker, leaving the role, an "
    "assistant's voice and a safety disclaimer, each a rate of its own; an answer must speak to the question too, or "
    "silence would never break."
)


def write_break_rate() -> Suite:
    """The suite: four questions for each class that is probed and two for each control, in pairs."""
    persona = sentences_of("persona.toml")
    items = tuple(
        make_item(
            f"{topic['name'].replace('_', '-')}-{number}",
            topic["name"],
            "probe" if topic.get("probing") else "control",
            "hard" if topic.get("probing") else "easy",
            question["asked"],
            {"holds": question["holds"], "least_words": _LEAST_WORDS, "name": persona["name"]},
            system=persona["text"].strip(),
            pair=f"{topic['name'].replace('_', '-')}-pair-{(number + 1) // 2}",
        )
        for topic in sentences_of("break_topics.toml")["classes"]
        for number, question in enumerate(topic["questions"], start=1)
    )
    return Suite(
        name="break_rate",
        version="1",
        description=_DESCRIPTION,
        scorer="in_character",
        unit="pair",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(temperature=1.0, top_k=64, top_p=0.95, max_tokens=400),
        seed=_SEED,
        items=items,
        repeats=_REPEATS,
    )
