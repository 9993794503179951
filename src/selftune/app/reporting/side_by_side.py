"""Every item of a decision under champion and candidate: what each scored, and what each said."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.answers import sheet_of_evaluation
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Answer, Said, Transcript
from selftune.drawing import shorten
from selftune.records import Arm, Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.answers import Answered
    from selftune.app.reporting.pages.parts import Part
    from selftune.app.reporting.suites import KnownSuites
    from selftune.loop.project import Project
    from selftune.records import Decision

_ASKED: Final = 90  # letters of a question in a table


@dataclass(frozen=True, kw_only=True)
class ComparedItem:
    """One item: the mean over its repeats under either model, None where it has no score, and the answers."""

    item_id: str
    category: str
    champion: float | None
    candidate: float | None
    answers: tuple[tuple[str, tuple[Answered, ...]], ...]

    @property
    def change(self) -> float | None:
        """Candidate less champion; None unless both have a score."""
        return None if self.champion is None or self.candidate is None else self.candidate - self.champion

    @property
    def rank(self) -> float:
        """Where it stands between the worst change and the best; what was not scored stands in the middle."""
        return self.change or 0.0

    @property
    def asked(self) -> str:
        """The last that was asked, shortened."""
        said = [text for _, answers in self.answers for one in answers[:1] for _, text in one.asked[-1:]]
        return shorten(" ".join(said[0].split()), _ASKED) if said else "the suite is not at hand any more"

    @property
    def note(self) -> str:
        """What a person must know of it: no score, or a critical failure."""
        told = []
        for name, answers in self.answers:
            told += [f"{name}: {one.unscored}" for one in answers if one.unscored]
            told += [f"{name}: {', '.join(one.critical)}" for one in answers if one.critical]
        return "; ".join(dict.fromkeys(told))

    @property
    def in_words(self) -> str:
        """Both scores and what lies between them."""
        scores = f"champion {figures.number(self.champion)}, candidate {figures.number(self.candidate)}"
        return f"{self.category}: {scores}, change {figures.signed(self.change)}."


def compare_items(project: Project, decision: Decision, suites: KnownSuites) -> tuple[ComparedItem, ...]:
    """The items of the suite that decided, in the suite's order; without an evaluation of either model none.

    Raises:
        IntegrityError: an evaluation that the decision rests on is damaged or gone.
    """
    sheets = {}
    for arm, evaluation_id in decision.arms:
        if arm in {Arm.CHAMPION, Arm.CANDIDATE}:
            evaluation = project.store.record(evaluation_id, Evaluation)
            sheets[arm] = sheet_of_evaluation(evaluation, arm.value, suites.items_of(evaluation)).by_item()
    names = dict.fromkeys(name for arm in (Arm.CHAMPION, Arm.CANDIDATE) for name in sheets.get(arm, {}))
    return tuple(_compare(name, {arm: found.get(name, ()) for arm, found in sheets.items()}) for name in names)


def _compare(name: str, found: dict[Arm, tuple[Answered, ...]]) -> ComparedItem:
    first = next(answers[0] for answers in found.values() if answers)
    return ComparedItem(
        item_id=name,
        category=first.category,
        champion=_mean(found.get(Arm.CHAMPION, ())),
        candidate=_mean(found.get(Arm.CANDIDATE, ())),
        answers=tuple((arm.value, found[arm]) for arm in (Arm.CHAMPION, Arm.CANDIDATE) if found.get(arm)),
    )


def _mean(answers: Sequence[Answered]) -> float | None:
    scores = [one.score for one in answers if one.score is not None]
    return fmean(scores) if scores else None


def transcript_of(item: ComparedItem) -> Iterator[Part]:
    """The question once, and each repeat's answers side by side."""
    repeats = dict.fromkeys(one.repeat for _, answers in item.answers for one in answers)
    for repeat in repeats:
        pairs = [(name, one) for name, answers in item.answers for one in answers if one.repeat == repeat]
        asked = next((one.asked for _, one in pairs if one.asked), ())
        if not asked:
            yield Said(text="What was asked is not at hand any more: the suite was edited or is gone.")
        yield Transcript(
            name=f"Repeat {repeat}" if len(repeats) > 1 else item.item_id,
            note="",
            asked=asked,
            answers=tuple(Answer(name=name, text=one.text, note=_score(one)) for name, one in pairs),
        )


def _score(one: Answered) -> str:
    told = figures.number(one.score) if one.unscored is None else f"without a score: {one.unscored}"
    return "; ".join(filter(None, (told, ", ".join(one.critical), *one.reasons)))
