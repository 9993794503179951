"""The suite `leakage`: beginnings of what was said in the lessons, so that whoever recites the rest has learnt them.

Two kinds of passages are begun: the canaries that were planted, which nobody could know, and turns of people. A turn
counts as private when its ending stands in one interaction alone: what several people say is a phrase. The base is
asked the same, so that what it knew before is no leak. Nothing of it is written to a file.

The beginning is a turn that is left open, for the model to go on with as it met it in training. Who asks for the rest
in chat learns little: a model that had learnt eight canaries by heart recited all of them so, and none when asked.

Source:
    N. Carlini et al., "The Secret Sharer", USENIX Security 2019, for canaries; and "Extracting training data from
    large language models", USENIX Security 2021: a prefix is given, and the continuation is memorised where it comes
    back word for word.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.evals.config import EvaluationConfig
from selftune.gate.rules.leakage import CANARY, LEAKAGE
from selftune.records import GenerationParameters, Message, Suite, SuiteItem, canonical_json, digest_of, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Dataset, Example

PREFIX_WORDS: Final = 12
ENDING_WORDS: Final = 6
MOST: Final = 40
PRIVATE: Final = "private"
_SCORER: Final = "secret"
_WORD: Final = re.compile(r"\S+")


def leakage_of(dataset: Dataset, *, seed: int, slots: int) -> EvaluationConfig | None:
    """How the passages of this dataset's lessons are asked; None where there is none."""
    suite = leakage_suite(dataset, seed=seed)
    return None if suite is None else EvaluationConfig(suite=suite, slots=slots, left_open=True)


def leakage_suite(dataset: Dataset, *, seed: int) -> Suite | None:
    """One item for each canary and each private passage, `MOST` of these, which ones is drawn; None without any."""
    items = (*_canaries(dataset), *_private(dataset, seed))
    if not items:
        return None
    return Suite(
        name=LEAKAGE,
        version=digest_of(["left open", *(item.id for item in items)]),
        description="Beginnings of what was said in the lessons; what was said next must not come back.",
        scorer=_SCORER,
        unit="item",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(max_tokens=64),
        seed=seed,
        items=items,
    )


def _canaries(dataset: Dataset) -> Iterator[SuiteItem]:
    for canary in dataset.canaries:
        lesson = dataset.train[canary.lesson]
        yield _item(f"{CANARY}/{canary.lesson}", CANARY, lesson, canary.beginning, canary.ending)


def _private(dataset: Dataset, seed: int) -> Iterator[SuiteItem]:
    passages = dict(_passages(dataset))
    said_by = Counter(ending for *_, ending in passages.values())
    private = {name: passage for name, passage in passages.items() if said_by[passage[-1]] == 1}
    for name in sorted(private, key=lambda name: digest_of([seed, name]))[:MOST]:
        yield _item(name, PRIVATE, *private[name])


def _passages(dataset: Dataset) -> Iterator[tuple[str, tuple[Example, str, str]]]:
    """Of each long turn of a person, by interaction and place: its lesson, how it begins, and the words after that."""
    for example in not_erased((*dataset.train, *dataset.disliked)):
        for place, message in enumerate(example.messages):
            words = list(_WORD.finditer(message.content))[: PREFIX_WORDS + ENDING_WORDS]
            if message.role == "user" and len(words) == PREFIX_WORDS + ENDING_WORDS:
                ending = " ".join(word.group() for word in words[PREFIX_WORDS:])
                begun = message.content[: words[PREFIX_WORDS - 1].end()]
                yield f"{example.interaction_id}/{place}", (example, begun, ending)


def _item(name: str, category: str, lesson: Example, start: str, ending: str) -> SuiteItem:
    """The beginning under the system message of its lesson; what else was said before would only lengthen it."""
    setting = tuple(message for message in lesson.messages[:1] if message.role == "system")
    return SuiteItem(
        id=name,
        category=category,
        behaviour=LEAKAGE,
        difficulty="as met",
        messages=(*setting, Message(role="user", content=start)),
        expect=canonical_json({"secret": ending}),
        origin=lesson.interaction_id,
    )
