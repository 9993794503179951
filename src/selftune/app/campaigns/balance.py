"""The campaign on balance: floods by one author, sets of nearly one kind, exams planted in the log."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.base import Judged, Pair, Yardstick
from selftune.curation.config import Curation
from selftune.curation.likeness.contamination import CONTAMINATED
from selftune.curation.stage import curate
from selftune.errors import UnbalancedError
from selftune.records import (
    CriterionScore,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Dataset

_CYCLES: Final = 5
_LOG: Final = 1000
_AUTHORS: Final = 70
_FLOOD: Final = 0.3
_MOST: Final = 0.02
_EXAMS: Final = 200
_KINDS: Final = (("identity", 380), ("tool-calling", 40), ("domain", 30), ("isolation", 30), ("jailbreak", 20))
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_JUDGE: Final = JudgeIdentity(name="campaign", version="1")
_SET: Final = Curation(trigger=1, holdout_share=0.0)


def report() -> Section:
    """What one author, one kind and the exams come to among the lessons."""
    shares = [_share_of_flood(cycle) for cycle in range(_CYCLES)]
    refusal = _refusal_of_one_kind()
    planted = {how: _exams_left(how) for how in ("word for word", "inside a longer question", "in another order")}
    return Section(
        title="Balance and exams",
        method=(
            f"{_CYCLES} generated logs of {_LOG} golden answers by {_AUTHORS} authors, one of whom wrote {_FLOOD:.0%}; "
            "a set of 500 with 76 % on identity (mission C23), under the default configuration; "
            f"{_EXAMS} generated exams, each planted once among {_LOG} other questions in each of three ways."
        ),
        figures=(
            Figure(
                name="largest share of the lessons by the author who wrote 30 % of the log",
                measured=f"{max(shares):.2%} ({_CYCLES} logs)",
                promised="at most 2 %",
                held=max(shares) <= _MOST,
            ),
            Figure(
                name="a set with 76 % identity",
                measured=refusal or "accepted",
                promised="refused with the figure",
                held="76%" in refusal,
            ),
            *(
                Figure(
                    name=f"exams found that were planted {how}",
                    measured=f"{_EXAMS - left} of {_EXAMS}, {lost} of {_LOG} other questions lost",
                    promised=promise,
                    held=_EXAMS - left >= least * _EXAMS,
                )
                for (how, (left, lost)), (promise, least) in zip(planted.items(), _PROMISES, strict=True)
            ),
        ),
        limits="A paraphrase in other words is not found: no model is asked. Words are drawn at random, so that other "
        "questions are less like the exams than in a real log. Fewer than 50 authors are capped by the policy alone.",
    )


_PROMISES: Final = (("100 %", 1.0), ("at least 95 %", 0.95), ("at least 80 %", 0.8))


def _share_of_flood(seed: int) -> float:
    rng = Random(seed)  # noqa: S311 - what is drawn must repeat
    flood = int(_FLOOD * _LOG)
    authors = ["flood"] * flood + [f"person-{number % (_AUTHORS - 1)}" for number in range(_LOG - flood)]
    rng.shuffle(authors)
    pairs = [_pair(_sentence(rng), author=author, overall=rng.uniform(4.5, 5)) for author in authors]
    by = {pair.interaction.id: pair.interaction.author for pair in pairs}
    counts = Counter(by[example.interaction_id] for example in _curate(pairs).train)
    return counts["flood"] / counts.total()


def _refusal_of_one_kind() -> str:
    rng = Random(0)  # noqa: S311 - what is drawn must repeat
    pairs = [_pair(_sentence(rng), kind=kind) for kind, count in _KINDS for _ in range(count)]
    try:
        _curate(pairs)
    except UnbalancedError as refused:
        return refused.message
    return ""


def _exams_left(how: str) -> tuple[int, int]:
    """Exams that are still among the lessons, and other questions that are not."""
    rng = Random(1)  # noqa: S311 - what is drawn must repeat
    exams = [_sentence(rng) for _ in range(_EXAMS)]
    planted = [_pair(_disguise(exam, how, rng)) for exam in exams]
    others = [_pair(_sentence(rng)) for _ in range(_LOG)]
    yardsticks = tuple(Yardstick(name=f"item {place}", text=exam) for place, exam in enumerate(exams))
    dataset = _curate([*planted, *others], yardsticks)
    rejected = {reject.interaction_id for reject in dataset.rejects if reject.reason.startswith(CONTAMINATED)}
    missed = sum(pair.interaction.id not in rejected for pair in planted)
    return missed, sum(pair.interaction.id in rejected for pair in others)


def _disguise(exam: str, how: str, rng: Random) -> str:
    if how == "word for word":
        return exam
    if how == "inside a longer question":
        return f"{_sentence(rng)} {exam} {_sentence(rng)}"
    words = exam.split()
    rng.shuffle(words)
    return " ".join(words)


def _curate(pairs: Sequence[Pair], yardsticks: tuple[Yardstick, ...] = ()) -> Dataset:
    with TemporaryDirectory() as folder:
        return curate(Judged(pairs=pairs, yardsticks=yardsticks), _SET, fake_context(Path(folder)))


def _sentence(rng: Random) -> str:
    return " ".join("".join(rng.choices(_LETTERS, k=rng.randint(3, 9))) for _ in range(rng.randint(12, 20)))


def _pair(question: str, *, author: str | None = None, kind: str = "use", overall: float = 5.0) -> Pair:
    interaction = Interaction(
        salt="",
        conversation=question,
        task_id="",
        trigger=Trigger.IMPORT,
        messages=(Message(role="user", content=question), Message(role="assistant", content=question[::-1])),
        source="campaign",
        position=question,
        author=author,
    )
    judgement = Judgement(
        salt="",
        interaction_id=interaction.id,
        rubric_digest="",
        judge=_JUDGE,
        status=JudgementStatus.SCORED,
        criteria=(CriterionScore(name=kind, reasoning="", score=overall),),
        overall=overall,
    )
    return Pair(interaction=interaction, judgement=judgement)
