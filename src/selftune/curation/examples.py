"""A system prompt out of the best answers: what helps before there are enough lessons to train on."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Final

from selftune.curation.holdout import draw_holdout
from selftune.curation.likeness.contamination import Measured, decontaminate, held_yardsticks
from selftune.curation.rejects import Rejects
from selftune.curation.select import select, sift
from selftune.curation.taken_out import without_taken_out
from selftune.curation.traits import kinds_of
from selftune.plugins import load_plugin
from selftune.records import ShownLessons, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.base import Judged
    from selftune.curation.config import Curation
    from selftune.curation.select import Candidate
    from selftune.records import Example, Message

_OPENING: Final = "Answer in the manner of these examples."
_MOST_WORDS: Final = 120


def choose_examples(judged: Judged, config: Curation, seed: int, count: int) -> tuple[Candidate, ...]:
    """The best short golden answers, of every kind in turn; nothing held out, nothing that measures."""
    rejects, pairs = Rejects(), tuple(judged.pairs)
    split = draw_holdout(
        pairs, config.holdout_share, config.holdout_seed, config.near_duplicate, config.clean_room_share
    )
    measured = Measured((*judged.yardsticks, *held_yardsticks((*split.held, *split.clean_room))))
    filters = [load_plugin("selftune.filters", name)() for name in config.filters]
    wanted = without_taken_out(split.pool, judged.left_out, rejects)
    golden = select(decontaminate(sift(wanted, filters, rejects), measured, rejects), config, seed, rejects)
    short = [item for item in golden if is_short(item)]
    by_kind: dict[str, list[Candidate]] = defaultdict(list)
    for kind, item in zip(kinds_of(item.pair for item in short), short, strict=True):
        by_kind[kind].append(item)
    ranked = [sorted(items, key=lambda item: item.rank, reverse=True) for items in by_kind.values()]
    in_turn = chain.from_iterable(zip_longest(*ranked))
    return tuple(islice((item for item in in_turn if item is not None), count))


def is_short(item: Candidate | Example) -> bool:
    """Whether it can be shown in a prompt that holds several."""
    return sum(len(message.content.split()) for message in _said(item)) <= _MOST_WORDS


def write_prompt(examples: Sequence[Candidate | Example]) -> str:
    """The examples as a system prompt: what was asked and what was answered, turn by turn."""
    names = {"user": "Asked", "assistant": "Answered"}
    shown = ["\n".join(f"{names[one.role]}: {one.content.strip()}" for one in _said(item)) for item in examples]
    return "\n\n".join([_OPENING, *shown]) + "\n"


def show(lessons: Sequence[Example]) -> ShownLessons:
    """Lessons as they stand in a prompt; equal lessons give an equal record, salted by the salts of their words."""
    return ShownLessons(
        salt=digest_of(["shown", *(lesson.salt for lesson in lessons)]),
        text=write_prompt(lessons),
        interaction_ids=tuple(lesson.interaction_id for lesson in lessons),
    )


def _said(item: Candidate | Example) -> list[Message]:
    return [message for message in item.messages if message.role in {"user", "assistant"}]
