"""What people picked between champion and candidate, read from the record; and a decision opened again by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from selftune.errors import NothingNewError
from selftune.gate.nights import nights_of, tonight
from selftune.gate.picks.again import Reopened, decide_again, weigh_again
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.picks.bet import picks_at_best
from selftune.gate.policies import load_policy
from selftune.governance.doubts import standing
from selftune.governance.keys import statement_is_signed
from selftune.ledger.keys import load_machine_key
from selftune.loop.ejected import find_text
from selftune.loop.releasing.service import serving_release
from selftune.records import Arm, BlindPair, Build, Decision, Evaluation, Outcome, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.gate.config import Policy
    from selftune.loop.executor import Executor
    from selftune.loop.project import Project

LEFT: Final = "left"
RIGHT: Final = "right"
TIE: Final = "tie"
SKIP: Final = "skip"

_PAUSE_SECONDS: Final = 300.0
"""Who took longer between two picks was doing something else."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A candidate that the gate was not sure of, and who it stands against.

    Attributes:
        policy: With the alpha of the night on which it was decided.
    """

    decision: Decision
    champion: Build
    candidate: Build
    policy: Policy


def open_contest(project: Project) -> Contest:
    """The contest that picks may settle: the last decision's, if it was inconclusive and its champion still serves.

    Raises:
        NothingNewError: there is none, and the message says why.
    """
    decision = project.store.last(Decision)
    if decision is None or decision.build_id is None:
        raise _nothing_to_pick("no candidate has come before the gate yet", "Run `selftune cycle`.")
    if decision.outcome is not Outcome.INCONCLUSIVE:
        raise _nothing_to_pick(
            f"the last decision is {decision.outcome.value!r}, and picks help only where the gate is not sure",
            "Read why with `selftune why`; the next cycle brings another candidate.",
        )
    champion = project.store.record(dict(decision.arms)[Arm.CHAMPION], Evaluation).build_id
    if champion != serving_release(project).build_id:
        raise _nothing_to_pick("another model serves than the last candidate was held against", "Run `selftune cycle`.")
    policy = load_policy(find_text(project.folder, "policy", project.config.gate.policy))
    if policy.digest != decision.policy_digest:
        raise _nothing_to_pick(
            "the policy is another one than the last candidate was decided under",
            "Put it back, or run `selftune cycle` for a candidate that is decided under the new one.",
        )
    return Contest(
        decision=decision,
        champion=project.store.record(champion, Build),
        candidate=project.store.record(decision.build_id, Build),
        policy=tonight(policy, nights_of(_before(decision, project))),
    )


def _before(decision: Decision, project: Project) -> Iterator[Decision]:
    """The decisions of the nights before; this one's own is among them neither as it was nor as it was made again."""
    return (one for _, one in project.store.each(Decision) if one.build_id != decision.build_id)


def _nothing_to_pick(why: str, next_step: str) -> NothingNewError:
    return NothingNewError(f"nothing to pick: {why}.", next_step=next_step)


def caveat_of(contest: Contest) -> str | None:
    """Why even a clear preference for the candidate would not promote it; None where it would."""
    clear = Picks(choices=(Choice.CANDIDATE,) * picks_at_best(contest.policy.alpha))
    found = weigh_again(Reopened(decision=contest.decision, picks=clear), contest.policy)
    return None if found.outcome is Outcome.PROMOTE else found.reason


def decide_by_picks(project: Project, step: Executor) -> Decision | None:
    """The last decision made again, if somebody has picked since; None where there is nothing new to weigh."""
    try:
        contest = open_contest(project)
    except NothingNewError:
        return None
    picks = picks_between(project, contest.champion, contest.candidate)
    if picks.statement_ids == contest.decision.picks:
        return None
    return step(decide_again, Reopened(decision=contest.decision, picks=picks), contest.policy)


def picks_between(project: Project, champion: Build, candidate: Build) -> Picks:
    """Every pick of a person between these two builds that this project's key has signed, the first of each pair."""
    pairs = pairs_between(project, champion, candidate)
    said = [one for one in first_of_each(statements_about(project, pairs)) if one.text != SKIP]
    return Picks(
        choices=tuple(choice_of(pairs[one.subject], one.text) for one in said),
        identical=sum(pair.identical for pair in pairs.values()),
        seconds_each=pace_of(said),
        statement_ids=tuple(one.id for one in said),
    )


def pairs_between(project: Project, champion: Build, candidate: Build) -> dict[str, BlindPair]:
    """Every pair of answers of these two builds by its id, in the order they were drawn."""
    wanted = (champion.id, candidate.id)
    return {
        pair.id: pair
        for _, pair in project.store.each(BlindPair)
        if (pair.champion_build_id, pair.candidate_build_id) == wanted
    }


def statements_about(project: Project, pairs: Mapping[str, BlindPair]) -> list[Statement]:
    """What people said about these pairs and have not withdrawn, signed by this project's key, in order."""
    public_key = load_machine_key(project.hidden / "keys").trusted
    about = [one for _, one in project.store.each(Statement) if one.subject in pairs]
    return [
        one
        for one in standing(about)
        if one.kind is StatementKind.PICK and not one.author_is_model and statement_is_signed(one, public_key)
    ]


def first_of_each(said: Iterable[Statement]) -> list[Statement]:
    """One statement for each pair: a second look at the same answers is no second piece of evidence."""
    first: dict[str, Statement] = {}
    for one in said:
        first.setdefault(one.subject, one)
    return list(first.values())


def choice_of(pair: BlindPair, side: str) -> Choice:
    """Whose answer stood on that side."""
    if side == TIE:
        return Choice.TIE
    return Choice.CANDIDATE if (side == LEFT) is pair.candidate_left else Choice.CHAMPION


def pace_of(said: Sequence[Statement]) -> float | None:
    """Seconds between two picks, in the middle, pauses left out."""
    moments = [datetime.fromisoformat(one.said_at) for one in said]
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    working = [gap for gap in gaps if 0 <= gap <= _PAUSE_SECONDS]
    return median(working) if working else None
