"""What the breaker shows a person: the gain of each promotion, a few lessons drawn by lot, and the worst of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.governance.samples import Sample, draw_samples
from selftune.records import Dataset, Decision, Judgement, Run, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Reader
    from selftune.governance.samples import Draw
    from selftune.records import Example, Release

_DRAWN: Final = 3
_WORST: Final = 2
_LONGEST_QUOTE: Final = 160


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A lesson that a promotion learnt from; `overall` is None where no judge scored it (a person's correction)."""

    id: str
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
    if lessons:
        draw, worst, drawn = draw_lessons(lessons)
        yield from _quote("the lowest-scored lessons", worst)
        yield from _quote(f"lessons drawn by lot (seed {draw.seed}, of {draw.of})", drawn)


def gain_in_words(decision: Decision) -> str:
    """The measured difference, with its interval and n."""
    if decision.difference is None or decision.interval is None:
        return "no measured difference on record"
    low, high = decision.interval
    return f"{decision.difference:+.3f} [{low:+.3f}, {high:+.3f}], n = {decision.n}"


def draw_lessons(lessons: Sequence[Lesson]) -> tuple[Draw, tuple[Lesson, ...], tuple[Lesson, ...]]:
    """The draw by which lessons are shown, then the worst and those by lot; fewer where there are fewer.

    Raises:
        UsageError: there is none.
    """
    drawn = draw_samples([Sample(id=one.id, score=one.overall) for one in lessons], drawn=_DRAWN, worst=_WORST)
    by_id = {one.id: one for one in lessons}
    return drawn, tuple(by_id[name] for name in drawn.worst), tuple(by_id[name] for name in drawn.drawn)


def _lessons(read: Reader, decisions: Iterable[Decision]) -> Iterator[Lesson]:
    seen = set()
    for decision in decisions:
        if decision.run_id is None:
            continue
        dataset = read.record(read.record(decision.run_id, Run).dataset_id, Dataset)
        for example in not_erased(dataset.train):
            key = (example.interaction_id, example.judgement_id)
            if key not in seen:
                seen.add(key)
                yield _lesson(read, example)


def _lesson(read: Reader, example: Example) -> Lesson:
    judgement = None if example.judgement_id is None else read.record(example.judgement_id, Judgement)
    prompts = [message.content for message in example.messages if message.role == "user"]
    return Lesson(
        id=f"{example.interaction_id} {example.judgement_id or ''}".strip(),
        prompt=prompts[-1] if prompts else "",
        answer=example.messages[-1].content if example.messages else "",
        overall=judgement.overall if judgement else None,
    )


def _quote(title: str, lessons: Sequence[Lesson]) -> Iterator[str]:
    if not lessons:
        return
    yield f"{title}:"
    for one in lessons:
        score = "not scored" if one.overall is None else f"{one.overall:.2f}"
        yield f"  [{score}] {_short(one.prompt)} → {_short(one.answer)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 1]}…"
