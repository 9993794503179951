"""What a candidate did on real requests, read from the record; and a decision made again by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.live import Lived, decide_live
from selftune.gate.policies import load_policy
from selftune.loop.ejected import find_text
from selftune.loop.releasing.service import serving_release
from selftune.records import Arm, Build, Decision, Evaluation, LiveTrial, Outcome

if TYPE_CHECKING:
    from selftune.loop.executor import Executor
    from selftune.loop.opened import Project
    from selftune.store import Store

_OPEN: Final = frozenset({Outcome.PROMOTE, Outcome.INCONCLUSIVE})


def trials_between(store: Store, champion: Build, candidate: Build) -> tuple[LiveTrial, ...]:
    """Every trial of this candidate beside this champion, in the order in which they ended."""
    wanted = (champion.id, candidate.id)
    return tuple(
        trial for _, trial in store.each(LiveTrial) if (trial.champion_build_id, trial.candidate_build_id) == wanted
    )


def decide_by_live(project: Project, step: Executor) -> Decision | None:
    """The last decision made again, if its candidate was tried since; None where there is nothing new to weigh.

    What was refused stays so, and what is released is not weighed again: the next candidate is.
    """
    decision = project.store.last(Decision)
    if decision is None or decision.build_id is None or decision.outcome not in _OPEN:
        return None
    champion_id = project.store.record(dict(decision.arms)[Arm.CHAMPION], Evaluation).build_id
    if champion_id != serving_release(project).build_id:
        return None
    champion = project.store.record(champion_id, Build)
    trials = trials_between(project.store, champion, project.store.record(decision.build_id, Build))
    if tuple(trial.id for trial in trials) == decision.live:
        return None
    policy = load_policy(find_text(project.folder, "policy", project.config.gate.policy))
    # Under another policy nothing is made again, but for what stops: harm that was shown waits for nobody.
    if policy.digest != decision.policy_digest and not any(trial.returned for trial in trials):
        return None
    return step(decide_live, Lived(decision=decision, trials=trials), policy)
