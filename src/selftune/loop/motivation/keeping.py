"""What of the motivator is on record: entries of the ledger without the words of a goal.

The words stand in the dialogue that was held, where they can be erased. A goal is recognised by a keyed digest of its
text, so that one that was refused is not made again, and nobody reads from the ledger what it was.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from selftune.personas.motivator.budget import Spent, charged
from selftune.personas.motivator.goals import Goal, Source

if TYPE_CHECKING:
    from datetime import datetime

    from selftune.loop.project import Project
    from selftune.personas.motivator.budget import Allowance
    from selftune.personas.motivator.choosing import Refused

TAKEN: Final = "goal taken"
RESUMED: Final = "goal resumed"
ENDED: Final = "goal ended"
REFUSED: Final = "goal refused"
BROKE_OFF: Final = "broke off"
KEPT: Final = "kept before a crash"
"""The end of a dialogue that is in the log, and whose end a crash kept from being written down."""
FAILED: Final = "failed"
"""How an end begins of what could not be held at all."""
_TASK: Final = re.compile(r"auto-(\d+)")
_PURPOSE: Final = "motivator goals"
_RESTS_ON_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A goal that was taken, and what became of it.

    Attributes:
        day: The local date on which it was taken.
        resumed_on: The local dates on which a crash's remainder was gone on with.
        ended_by: How its dialogue ended; `broke off` where nobody wrote an end down.
        interaction_id: The dialogue; empty where none was kept.
    """

    task_id: str
    day: str
    source: Source
    why: str
    rests_on: tuple[str, ...]
    novelty: float
    ended_by: str = BROKE_OFF
    interaction_id: str = ""
    tokens: int = 0
    seconds: float = 0.0
    resumed_on: tuple[str, ...] = ()

    @property
    def begun_on(self) -> tuple[str, ...]:
        """The local date of each beginning: a process that took it up."""
        return self.day, *self.resumed_on

    def ended(self, end: End) -> Taken:
        """The same with its end."""
        return replace(
            self,
            ended_by=end.ended_by,
            interaction_id=end.interaction_id,
            tokens=end.tokens,
            seconds=end.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class End:
    """How the dialogue about a goal ended.

    Attributes:
        told: What a person should know of it, for the screen: it may hold words, and the ledger holds none.
    """

    ended_by: str
    interaction_id: str = ""
    tokens: int = 0
    seconds: float = 0.0
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Diary:
    """All that is on record of the motivator, oldest first."""

    taken: tuple[Taken, ...]
    refused: tuple[tuple[str, str], ...]
    keys: frozenset[str] = field(default=frozenset(), repr=False)

    def served(self) -> Counter[Source]:
        """How many goals of each source were taken."""
        return Counter(one.source for one in self.taken)

    def knows(self, project: Project, text: str) -> bool:
        """Whether this goal was taken or refused before, word for word."""
        return key_of(project, text) in self.keys

    def find(self, task_id: str, now: datetime) -> Taken:
        """What is on record of a task; one that never was is as if it had been taken on the day of `now`."""
        unknown = _unknown(task_id, now.date().isoformat())
        return next((one for one in self.taken if one.task_id == task_id), unknown)

    def spent(self, day: str, allowance: Allowance, *, but: str = "") -> Spent:
        """What a day has used; each beginning whose end nobody wrote down counts with a whole dialogue's share.

        What a dialogue took is charged to the day of its last beginning, and its earlier ones keep their shares: what
        those took before they died nobody knows.

        Args:
            day: A local date.
            allowance: What a day may spend.
            but: A task whose last beginning is left out.
        """
        share = charged(allowance)
        whole = [
            one if last and one.ended_by != BROKE_OFF else None
            for one in self.taken
            for at, begun in enumerate(one.begun_on)
            if begun == day and not ((last := at == len(one.resumed_on)) and one.task_id == but)
        ]
        return Spent(
            dialogues=len(whole),
            tokens=sum(share.tokens if one is None else one.tokens for one in whole),
            seconds=sum(share.seconds if one is None else one.seconds for one in whole),
        )


def read_diary(project: Project) -> Diary:
    """What the ledger says of the motivator."""
    store = project.store
    ends = {detail["task"]: detail for _, detail in store.noted(ENDED)}
    refused = store.noted(REFUSED)
    taken = store.noted(TAKEN)
    again = defaultdict[str, list[str]](list)
    for _, detail in store.noted(RESUMED):
        again[detail["task"]].append(detail["day"])
    known = {detail["task"]: _taken(detail) for _, detail in taken}
    lost = {task: _unknown(task, days.pop(0)) for task, days in again.items() if task not in known}
    # What was never spoken of may be asked another time.
    spoken = [detail for _, detail in taken if not ends.get(detail["task"], {}).get("ended_by", "").startswith(FAILED)]
    return Diary(
        taken=tuple(
            replace(_ended(one, ends.get(task)), resumed_on=tuple(again[task]))
            for task, one in {**known, **lost}.items()
        ),
        refused=tuple((at, detail["why"]) for at, detail in refused),
        keys=frozenset(detail["key"] for detail in (*(detail for _, detail in refused), *spoken)),
    )


def note_taken(project: Project, diary: Diary, goal: Goal, novelty: float, day: str) -> Taken:
    """Write a goal down before anything is said about it, under the next name."""
    detail = {
        "task": next_task(diary),
        "day": day,
        "source": goal.source.value,
        "why": goal.why,
        "rests_on": " ".join(goal.rests_on[:_RESTS_ON_SHOWN]),
        "novelty": f"{novelty:.3f}",
        "key": key_of(project, goal.text),
    }
    project.store.note(TAKEN, detail)
    return _taken(detail)


def note_resumed(project: Project, taken: Taken, day: str) -> Taken:
    """Write down that a dialogue that lay unfinished is gone on with, before anything is said in it."""
    project.store.note(RESUMED, {"task": taken.task_id, "day": day})
    return next(one for one in read_diary(project).taken if one.task_id == taken.task_id)


def note_ended(project: Project, task_id: str, end: End) -> None:
    """Write down how the dialogue about a goal ended."""
    detail = {
        "task": task_id,
        "ended_by": end.ended_by,
        "interaction": end.interaction_id,
        "tokens": str(end.tokens),
        "seconds": f"{end.seconds:.3f}",
    }
    project.store.note(ENDED, detail)


def note_refused(project: Project, refused: Refused) -> None:
    """Write down that a goal was refused, and why; not what it was."""
    goal = refused.goal
    detail = {"source": goal.source.value, "why": refused.why, "key": key_of(project, goal.text)}
    project.store.note(REFUSED, detail)


def key_of(project: Project, text: str) -> str:
    """By what a goal is recognised: an HMAC under the project's own secret."""
    return hmac.digest(project.store.derive_key(_PURPOSE), text.encode("utf-8", "replace"), "sha256").hex()[:32]


def next_task(diary: Diary) -> str:
    """The next name; numbers go up for good, so that none is ever given twice."""
    numbers = [int(found[1]) for one in diary.taken if (found := _TASK.fullmatch(one.task_id))]
    return f"auto-{max(numbers, default=0) + 1:03d}"


def _unknown(task_id: str, day: str) -> Taken:
    """A task that nobody wrote down when it was taken."""
    why = "a dialogue that lay unfinished"
    return Taken(task_id=task_id, day=day, source=Source.CURIOSITY, why=why, rests_on=(), novelty=0.0)


def _taken(detail: dict[str, str]) -> Taken:
    return Taken(
        task_id=detail["task"],
        day=detail["day"],
        source=Source(detail["source"]),
        why=detail["why"],
        rests_on=tuple(detail["rests_on"].split()),
        novelty=float(detail["novelty"]),
    )


def _ended(taken: Taken, end: dict[str, str] | None) -> Taken:
    return taken if end is None else taken.ended(_end(end))


def _end(detail: dict[str, str]) -> End:
    return End(
        ended_by=detail["ended_by"],
        interaction_id=detail["interaction"],
        tokens=int(detail["tokens"]),
        seconds=float(detail["seconds"]),
    )
