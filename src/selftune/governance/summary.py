"""What the breaker shows a person: the gain of each promotion, a few lessons drawn by lot, and the worst of them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.records import Dataset, Decision, Judgement, Run, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Reader
    from selftune.records import Example, Release

_DRAWN: Final = 3
_WORST: Final = 2
_LONGEST_QUOTE: Final = 160


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A lesson that a promotion learnt from; `overall` is None where no judge scored it (a person's correction)."""

    interaction_id: str
    prompt: str
    answer: str
    overall: float | None


def summarise(read: Reader, promotions: Sequence[Release]) -> Iterator[str]:
    """Lines for a person: gains first, then the worst lessons, then some drawn by lot with the seed beside them."""
    if not promotions:
        return
    decisions = [read.record(release.decision_id, Decision) for release in promotions if release.decision_id]
    for release, decision in zip(promotions, decisions, strict=True):
        yield f"{release.version} (generation {release.generation}): {gain_in_words(decision)}"
    lessons = tuple(_lessons(read, decisions))
    seed = draw_seed(promotions)
    worst, drawn = choose_samples(lessons, seed)
    yield from _quote("the lowest-scored lessons", worst)
    yield from _quote(f"lessons drawn by lot (seed {seed}, of {len(lessons)})", drawn)


def gain_in_words(decision: Decision) -> str:
    """The measured difference, with its interval and n."""
    if decision.difference is None or decision.interval is None:
        return "no measured difference on record"
    low, high = decision.interval
    return f"{decision.difference:+.3f} [{low:+.3f}, {high:+.3f}], n = {decision.n}"


def draw_seed(promotions: Sequence[Release]) -> int:
    """The seed of the draw: fixed by what is shown, so that nobody can draw again until the samples look better."""
    names = "\n".join(release.id for release in promotions)
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4], "big")


def choose_samples(lessons: Sequence[Sample], seed: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The lowest-scored lessons, and some of the others by lot; fewer where there are fewer."""
    scored = sorted(
        (lesson for lesson in lessons if lesson.overall is not None), key=lambda lesson: (lesson.overall, lesson.prompt)
    )
    worst = tuple(scored[:_WORST])
    others = [lesson for lesson in lessons if lesson not in worst]
    drawn = random.Random(seed).sample(others, min(_DRAWN, len(others)))  # noqa: S311 - the draw must repeat
    return worst, tuple(drawn)


def _lessons(read: Reader, decisions: Iterable[Decision]) -> Iterator[Sample]:
    seen = set()
    for decision in decisions:
        if decision.run_id is None:
            continue
        dataset = read.record(read.record(decision.run_id, Run).dataset_id, Dataset)
        for example in not_erased(dataset.train):
            key = (example.interaction_id, example.judgement_id)
            if key not in seen:
                seen.add(key)
                yield _sample(read, example)


def _sample(read: Reader, example: Example) -> Sample:
    judgement = None if example.judgement_id is None else read.record(example.judgement_id, Judgement)
    prompts = [message.content for message in example.messages if message.role == "user"]
    return Sample(
        interaction_id=example.interaction_id,
        prompt=prompts[-1] if prompts else "",
        answer=example.messages[-1].content if example.messages else "",
        overall=judgement.overall if judgement else None,
    )


def _quote(title: str, samples: Sequence[Sample]) -> Iterator[str]:
    if not samples:
        return
    yield f"{title}:"
    for sample in samples:
        score = "not scored" if sample.overall is None else f"{sample.overall:.2f}"
        yield f"  [{score}] {_short(sample.prompt)} → {_short(sample.answer)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 1]}…"
