"""`selftune alarms`, `samples` and `projection`: what was looked at, what was drawn, what was expected."""

from __future__ import annotations

import getpass
import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.governance.alarms.collapse import collapsed
from selftune.governance.alarms.of_releases import look_at_promotion, newest_promotion
from selftune.governance.alarms.of_sessions import look_at_sessions
from selftune.governance.alarms.on_record import RELEASES, judge_on_record
from selftune.governance.archive.finding import find_programme, find_session
from selftune.governance.samples import Draw, Sample, draw_samples, look_at_cited
from selftune.interactions.door import redact_words
from selftune.loop.incoming.privacy import door_of
from selftune.records import Projection, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.governance.alarms.base import Look
    from selftune.governance.alarms.projections import JudgedProjection
    from selftune.loop.project import Project
    from selftune.store.sessions import SessionFacts

DRAWN: Final = "samples drawn"
PROJECTED: Final = "projection registered"
_TEXTS: Final = 300
_PARTS: Final = 5


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """Everything that the alarms looked at about one subject."""

    subject: str
    looks: tuple[Look, ...]


@dataclass(frozen=True, kw_only=True)
class DrawnSamples:
    """A draw from a programme's sessions, with the ids by number, and what was said of cited ones."""

    programme: str
    draw: Draw
    numbers: dict[str, int]
    cited: Look | None


def look_at_all(project: Project, *, programme: str = "", examiner: str = "") -> tuple[LookedAt, ...]:
    """What the alarms say of the newest promotion and of every archived programme, or of one.

    Args:
        project: Whose.
        programme: Only this one.
        examiner: A programme whose answers show the manner of the one who judges, teaches or audits.

    Raises:
        UnknownNameError: there is no such programme.
    """
    names = [find_programme(project.store, programme)] if programme else _names(project)
    own = (
        answers_of(project, list(project.store.sessions.facts(find_programme(project.store, examiner))))
        if examiner
        else []
    )
    promoting = None if programme else newest_promotion(project.store)
    about_releases = () if promoting is None else look_at_promotion(project.store, promoting)
    found = [LookedAt(subject=RELEASES, looks=about_releases)] if about_releases else []
    return (*found, *(_look_at_programme(project, name, examiner, own) for name in names))


def draw_sessions(
    project: Project, *, programme: str, drawn: int, worst: int, cited: Sequence[str] = ()
) -> DrawnSamples:
    """Some sessions by lot and the worst; the draw is put on record. Cited ones are held against it.

    The worst are the flagged ones with the lowest mean score, then others with the lowest.

    Raises:
        UsageError: none is archived, none is to be drawn, or a cited one is not there.
        UnknownNameError: there is no such programme.
    """
    name = find_programme(project.store, programme)
    facts = list(project.store.sessions.facts(name))
    samples = samples_of(facts)
    draw = draw_samples(samples, drawn=drawn, worst=worst)
    project.store.note(
        DRAWN,
        {
            "programme": name,
            "seed": str(draw.seed),
            "of": str(draw.of),
            "digest": draw.digest,
            "drawn": str(drawn),
            "worst": str(worst),
        },
    )
    ids = [find_session(project.store, one, name) for one in cited]
    told = look_at_cited(ids, samples, (draw,)) if ids else None
    numbers = {one.session_id: one.number for one in facts if one.session_id in {*draw.drawn, *draw.worst}}
    return DrawnSamples(programme=name, draw=draw, numbers=numbers, cited=told)


def register_projection(
    project: Project,
    *,
    subject: str,
    series: str,
    points: Sequence[tuple[int, float]],
    tolerance: float,
    author: str = "",
) -> str:
    """Put a projection on record; its id.

    A programme need not be archived yet: what comes later is what a projection is for.

    Raises:
        UsageError: no point, one that stands twice or is no finite number, a tolerance below 0, or a name that is empty
            or holds half of a character.
    """
    numbers = [at for at, _ in points]
    figures = [*(value for _, value in points), tolerance]
    if not points or len(set(numbers)) < len(numbers) or not all(map(math.isfinite, figures)) or tolerance < 0:
        raise UsageError(
            "a projection takes points of different numbers and a tolerance that is not below 0.",
            next_step="Give each point once, as --point 12000=0.02.",
        )
    if not subject.strip() or not series.strip():
        raise UsageError("a projection is of a series.", next_step="Name one that `selftune alarms` shows.")
    for text in (subject, series, author):
        redact_words(text, door_of(project))  # for what it refuses: names are kept as they are
    projection = Projection(
        salt=project.context().draw_salt(),
        subject=subject,
        series=series,
        points=tuple(sorted(points)),
        tolerance=tolerance,
        by=author or getpass.getuser(),
    )
    return project.store.save([projection], event=PROJECTED)[0]


def judge_projections(project: Project) -> tuple[tuple[str, JudgedProjection], ...]:
    """Every projection on record with its id, against what was measured since; worked out each time."""
    return judge_on_record(project.store)


def _names(project: Project) -> list[str]:
    return [one.name for one in project.store.sessions.programmes()]


def _look_at_programme(project: Project, name: str, examiner: str, own: list[str]) -> LookedAt:
    facts = list(project.store.sessions.facts(name))
    looks = look_at_sessions(facts)
    if own and name != examiner:
        looks = (*looks, *look_at_manner(project, facts, examiner, own))
    return LookedAt(subject=name, looks=looks)


def look_at_manner(project: Project, facts: list[SessionFacts], examiner: str, own: list[str]) -> tuple[Look, ...]:
    """Whether the answers of a programme's last fifth took on the manner of the one whose `own` answers these are."""
    last = max(1, len(facts) // _PARTS)
    before, after = (answers_of(project, part) for part in (facts[:-last], facts[-last:]))
    return collapsed(before, after, examiners={examiner: own})


def answers_of(project: Project, facts: list[SessionFacts]) -> list[str]:
    """Answers of some of the sessions, evenly spread over them."""
    step = max(1, -(-len(facts) // _TEXTS))
    ids = [one.session_id for one in facts[::step] if one.words is not None]
    return [answer for one in project.store.records(ids, Session) for answer in one.answers[-1:]]


def samples_of(facts: Sequence[SessionFacts]) -> list[Sample]:
    """Every session as something that may be shown: flagged ones are worse than all others, then by mean score."""
    means = [fmean(one.scores.values()) if one.scores else None for one in facts]
    known = [mean for mean in means if mean is not None]
    below = max(known) - min(known) + 1 if known else 1.0
    return [
        Sample(id=one.session_id, score=_badness(mean, below if one.flags else 0.0), name=str(one.number))
        for one, mean in zip(facts, means, strict=True)
    ]


def _badness(mean: float | None, below: float) -> float | None:
    """The mean score, flagged ones below all others; a flag without a score is a score."""
    if mean is None:
        return -below if below else None
    return mean - below
