"""When the next training is worth its time: as soon as the gate could see what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.forecast import (
    MOST,
    Curve,
    days_until,
    fit_curve,
    lessons_needed,
    rate_per_day,
    trigger_for,
)
from selftune.evals.suites import load_suite
from selftune.loop.config import Profile
from selftune.loop.ejected import find_text, rubric_of
from selftune.loop.incoming.news import read_news
from selftune.loop.lessons.learnt import last_learnt, last_shown
from selftune.loop.prompts.wishes import trains
from selftune.records import Arm, Decision, Evaluation, Outcome, Run, digest_of
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from selftune.gate.config import Policy
    from selftune.loop.config import ProjectConfig
    from selftune.loop.project import Project
    from selftune.records import Dataset, Suite

UNKNOWN_ERRORS: Final = 0.5
FEWEST_TO_SHOW: Final = 24
"""New golden items from which on a prompt is searched for: three quarters of their questions choose it."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How far the next training is away.

    Attributes:
        new: New interactions, judged or not.
        ready: New conversations with a golden answer; near-duplicates and held-out ones are not yet taken out.
        unjudged: New interactions that no judge has seen yet.
        has_examples: There are golden answers, from before or since, that could be shown to the model as examples.
        trigger: How many start a training.
        set_by_hand: The config says so; else it is what the gate could see.
        days: Whole days until there are as many; None where the log does not tell.
    """

    new: int
    ready: int
    trigger: int
    set_by_hand: bool
    days: int | None
    unjudged: int = 0
    has_examples: bool = False

    @property
    def in_words(self) -> str:
        """For a person: how many there are of how many, and when the next verdict comes."""
        counted = f"{self.ready} of {'' if self.set_by_hand else 'about '}{self.trigger} lessons"
        if self.ready >= self.trigger:
            return f"{counted}, enough for the next verdict"
        if self.unjudged:
            return f"{counted}; new and not judged yet: {self.unjudged}"
        if self.days is None:
            return f"{counted}; the log does not tell how fast they come"
        return f"{counted}, next verdict in about {self.days} day{'' if self.days == 1 else 's'}"

    @property
    def helps_sooner(self) -> str | None:
        """What can be tried before there are enough lessons; None when there are."""
        if self.ready >= self.trigger:
            return None
        if self.ready >= FEWEST_TO_SHOW:
            return "search a prompt and the best answers to show in it: `selftune prompt`"
        if self.has_examples:
            return "put your best answers before the model as examples: `selftune examples --out prompt.txt`"
        return "write a system prompt, name it as `prompt_only` under [evaluation], and see what it is worth"


def learnt_so_far(project: Project) -> Dataset | None:
    """The newest dataset that was decided about: of a run, or where nothing is trained, of a prompt; None before."""
    return (last_learnt if trains(project.config) else last_shown)(project.store)


def trigger_of(project: Project, policy: Policy, suite: Suite) -> int:
    """New golden items that start a training: set by hand; in `solo` what the gate sees; else the plan's number."""
    said = _trigger_said(project.config)
    return _trigger_seen(project, policy, suite, last_learnt(project.store)) if said is None else said


def _trigger_said(config: ProjectConfig) -> int | None:
    """The same where it rests on no suite; None where it is what the gate sees."""
    if config.curation.trigger:
        return config.curation.trigger
    if not trains(config):
        return FEWEST_TO_SHOW
    return None if config.project.profile is Profile.SOLO else MOST


def _trigger_seen(project: Project, policy: Policy, suite: Suite, learnt: Dataset | None) -> int:
    from selftune.gate.planning import forecast

    needed = lessons_needed(
        learnt=0 if learnt is None else len(learnt.train),
        errors=_errors_of_champion(project, suite),
        detectable=forecast(policy, suite).detectable_gain,
        curve=_curve_of(project),
    )
    return trigger_for(needed)


def _trigger_foreseen(project: Project, learnt: Dataset | None) -> int:
    """What `trigger_of` says under the policy and the suite that the config names."""
    said = _trigger_said(project.config)
    if said is not None:
        return said
    # To read a suite and wake the gate takes longer than all else that a status does.
    from selftune.gate.policies import load_policy

    policy = load_policy(find_text(project.folder, "policy", project.config.gate.policy))
    suite = load_suite(find_text(project.folder, "suite", project.config.evaluation.suite))
    return _trigger_seen(project, policy, suite, learnt)


def look_ahead(project: Project) -> Outlook:
    """How many lessons are ready, how many it takes, and when there will be as many."""
    learnt = learnt_so_far(project)
    news = read_news(project, 0 if learnt is None else learnt.watermark)
    rubric = rubric_of(project.folder, project.config).id
    progress = project.store.progress(news.span, rubric_digest=rubric, threshold=project.config.curation.threshold)
    ready = len(progress.golden_at)
    trigger = _trigger_foreseen(project, learnt)
    rate = rate_per_day([at for at in progress.golden_at if at is not None])
    return Outlook(
        new=len(news.fresh),
        ready=ready,
        trigger=trigger,
        set_by_hand=bool(project.config.curation.trigger),
        days=days_until(trigger - ready, rate),
        unjudged=progress.conversations - progress.judged,
        has_examples=ready > 0 or learnt is not None,
    )


def _errors_of_champion(project: Project, suite: Suite) -> float:
    """Share of the suite that the serving build fails, where it was measured; else a guess in the middle."""
    serving = project.store.last(Decision)
    arms = {} if serving is None else dict(serving.arms)
    promoted = serving is not None and serving.outcome is Outcome.PROMOTE
    evaluation_id = arms.get(Arm.CANDIDATE if promoted else Arm.CHAMPION)
    errors = None if evaluation_id is None else _errors_on_record(project, evaluation_id, suite)
    return UNKNOWN_ERRORS if errors is None else errors


def _curve_of(project: Project) -> Curve:
    """The learning curve through the last run that was promoted; the prior one before there is any."""
    curve = Curve()
    for _, decision in project.store.each(Decision):
        arms = dict(decision.arms)
        before = arms.get(Arm.BASE, arms.get(Arm.CHAMPION))
        if decision.outcome is not Outcome.PROMOTE or decision.run_id is None or before is None:
            continue
        lessons = project.store.record(decision.run_id, Run).examples
        left = _share_left(project, before, arms[Arm.CANDIDATE])
        curve = curve if left is None else fit_curve(lessons, left, Curve())
    return curve


def _share_left(project: Project, before_id: str, after_id: str) -> float | None:
    before, after = (_errors_on_record(project, each, None) for each in (before_id, after_id))
    return None if before is None or after is None or before == 0 else after / before


def _errors_on_record(project: Project, evaluation_id: str, suite: Suite | None) -> float | None:
    """The same of what is on record; None where its answers quoted somebody whose words were erased."""
    evaluation = next(project.store.kept_records([evaluation_id], Evaluation), None)
    return None if evaluation is None else _errors(evaluation, suite)


def _errors(evaluation: Evaluation, suite: Suite | None) -> float | None:
    if suite is not None and evaluation.suite_digest != digest_of(suite):
        return None
    unit = "pair" if any(outcome.pair for outcome in evaluation.outcomes) else "item"
    mean = mean_of(unit_scores(evaluation.outcomes, unit)).value
    return None if mean is None else 1 - mean
