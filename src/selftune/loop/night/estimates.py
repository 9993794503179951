"""How long one experiment will take, what it will cost and how much disk it writes, before it is begun.

What ran on this base before tells; until something has, it is a guess by arithmetic, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final

from selftune.bases.memory import lora_parameters
from selftune.bases.shape import read_shape
from selftune.records import Evaluation, Experiment, ExperimentResult, Run, RunStatus, ServingForm
from selftune.training.elsewhere.cost import flops_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.builds.config import BuildConfig
    from selftune.evals.config import EvaluationConfig
    from selftune.loop.project import Project
    from selftune.records import Dataset
    from selftune.training.config import Recipe

GUESSED_FLOPS: Final = 2e10
"""Operations a second of a training where none ran here yet: two older processor cores. A guess."""
GUESSED_ANSWERS: Final = 1.0
"""Answers a second of a served model where none was asked here yet. A guess."""
GUESSED_START_SECONDS: Final = 20.0
"""From a training to the first answer of what it made, and from nothing to its first step. A guess."""
_GUESS_MAY_BE_OFF: Final = 5.0
_CHARACTERS_PER_TOKEN: Final = 3.0
_LATEST: Final = 20
_HOUR: Final = 3600.0
# A full precision adapter; bytes of an element of what is served, the larger block formats rounded up.
_ADAPTER_BYTES: Final = 4
_ELEMENT_BYTES: Final = {"F32": 4.0, "F16": 2.0, "Q8_0": 1.07, "Q6_K": 0.83, "Q5_K_M": 0.72, "Q4_K_M": 0.62}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one experiment takes.

    Attributes:
        seconds: What is likely, by medians; `low` and `high` are the least and the most that was met, or is guessed.
        source: What the seconds rest on, in words.
        usd: Money that a training on this machine and the judge of a screen cost; 0 where neither has a price.
        judge_calls: Calls of a judge.
        disk_bytes: Adapter, merged weights and served file together.
    """

    seconds: float
    low: float
    high: float
    source: str
    usd: float = 0.0
    judge_calls: int = 0
    disk_bytes: int = 0

    def times(self, count: int) -> Estimate:
        """Of so many experiments alike, one after the other; what they write on the disk stays."""
        return Estimate(
            seconds=self.seconds * count,
            low=self.low * count,
            high=self.high * count,
            source=self.source,
            usd=self.usd * count,
            judge_calls=self.judge_calls * count,
            disk_bytes=self.disk_bytes * count,
        )

    def beside(self, other: Estimate) -> Estimate:
        """Of this and another one, one after the other."""
        return Estimate(
            seconds=self.seconds + other.seconds,
            low=self.low + other.low,
            high=self.high + other.high,
            source=self.source,
            usd=self.usd + other.usd,
            judge_calls=self.judge_calls + other.judge_calls,
            disk_bytes=self.disk_bytes + other.disk_bytes,
        )


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Seconds as likely, at least and at most."""

    likely: float
    low: float
    high: float

    def __add__(self, other: _Span) -> _Span:
        return _Span(likely=self.likely + other.likely, low=self.low + other.low, high=self.high + other.high)

    def __mul__(self, factor: float) -> _Span:
        return _Span(likely=self.likely * factor, low=self.low * factor, high=self.high * factor)

    def at_most(self, seconds: float) -> _Span:
        return _Span(likely=min(self.likely, seconds), low=min(self.low, seconds), high=min(self.high, seconds))


def seconds_for(
    project: Project, recipe: Recipe, dataset: Dataset, screen: EvaluationConfig, form: BuildConfig
) -> Estimate:
    """What trying this recipe on these lessons takes: trained, built, and asked the screen as served.

    More steps never take less, nor do more lessons in a pass, or more items.
    """
    runs, evaluations, experiments = _runs(project, recipe), _evaluations(project, screen), _experiments(project)
    trained, of_runs = _training(project, recipe, dataset, runs)
    asked, of_evaluations = _asking(screen, evaluations)
    between, of_experiments = _between(experiments)
    whole = trained + asked + between
    judged = [one.judge_calls / len(one.outcomes) for one in evaluations]
    paid = [one.cost_usd / len(one.outcomes) for one in evaluations]
    answers = _answers(screen)
    return Estimate(
        seconds=whole.likely,
        low=whole.low,
        high=whole.high,
        source=f"training by {of_runs}, screen by {of_evaluations}, the rest by {of_experiments}",
        usd=_training_usd(project, trained.likely, runs) + answers * (median(paid) if paid else 0.0),
        judge_calls=round(answers * median(judged)) if judged else answers if screen.grader is not None else 0,
        disk_bytes=disk_bytes_for(project, recipe, form),
    )


def seconds_to_look(
    project: Project, recipe: Recipe, dataset: Dataset, screen: EvaluationConfig, form: BuildConfig
) -> float:
    """What a try by this recipe takes beside its steps: to get ready, to be built, and to be asked the screen."""
    shortest = replace(recipe, max_steps=1, epochs=0.0, ranges=())
    return seconds_for(project, shortest, dataset, screen, form).seconds


def disk_bytes_for(project: Project, recipe: Recipe, form: BuildConfig) -> int:
    """What one try writes: its adapter, the merged weights, and the file that is served."""
    shape = read_shape(project.base_folder)
    adapter = lora_parameters(shape, recipe.lora_rank, recipe.lora_targets, recipe.lora_layers) * _ADAPTER_BYTES
    if form.form == ServingForm.ADAPTER.value:
        return 2 * adapter  # as it was trained, and as it is served
    return adapter + round(shape.parameters * (_ELEMENT_BYTES["F16"] + _ELEMENT_BYTES[form.quantisation]))


def _training(project: Project, recipe: Recipe, dataset: Dataset, runs: Sequence[Run]) -> tuple[_Span, str]:
    lessons = len(dataset.taught) - round(recipe.held_out_share * len(dataset.taught))
    met = recipe.steps_for(max(1, lessons)) * recipe.examples_per_step
    told = [run for run in runs if run.trained_seconds > 0 and run.lessons_seen > 0]
    if told:
        begun = _span(run.wall_seconds - run.trained_seconds for run in told)
        span = begun + _span(run.trained_seconds / run.lessons_seen for run in told) * met
        source = f"{len(told)} earlier run{'s' if len(told) > 1 else ''}"
    else:
        letters = sum(len(message.content) for example in dataset.taught for message in example.messages)
        tokens = met * letters / max(1, len(dataset.taught)) / _CHARACTERS_PER_TOKEN
        flops = flops_of(read_shape(project.base_folder).parameters, round(tokens))
        span, source = _guess(GUESSED_START_SECONDS + flops / GUESSED_FLOPS), "a guess, as nothing was trained here yet"
    # A recipe's own seconds are held by whoever trains; what comes before its first step is not among them.
    return (span.at_most(recipe.max_seconds + GUESSED_START_SECONDS) if recipe.max_seconds else span), source


def _asking(screen: EvaluationConfig, evaluations: Sequence[Evaluation]) -> tuple[_Span, str]:
    if evaluations:
        paces = _span(one.wall_seconds / (len(one.outcomes) - one.recalled) for one in evaluations)
        return paces * _answers(screen), f"{len(evaluations)} earlier one{'s' if len(evaluations) > 1 else ''}"
    return _guess(_answers(screen) / GUESSED_ANSWERS), "a guess, as nothing was asked here yet"


def _between(experiments: Sequence[Experiment]) -> tuple[_Span, str]:
    """Building, proving and starting: what of an experiment is neither training nor asking.

    Only a try that is kept is proved, and which one will be nobody knows: as long as that took, where one was.
    """
    if experiments:
        span = _span(map(_neither, experiments))
        kept = [_neither(one) for one in experiments if one.result is ExperimentResult.KEPT]
        likely = max(span.likely, median(kept)) if kept else span.likely
        return replace(
            span, likely=likely
        ), f"{len(experiments)} earlier experiment{'s' if len(experiments) > 1 else ''}"
    return _guess(GUESSED_START_SECONDS), "a guess, as nothing was tried here yet"


def _neither(one: Experiment) -> float:
    return max(0.0, one.elapsed_seconds - one.training_seconds - one.evaluation_seconds)


def _answers(screen: EvaluationConfig) -> int:
    return len(screen.suite.items) * screen.rounds


def _training_usd(project: Project, seconds: float, runs: Sequence[Run]) -> float:
    paid = [run.cost_usd / run.wall_seconds for run in runs if run.wall_seconds > 0]
    return seconds * (median(paid) if paid else project.config.machine.usd_per_hour / _HOUR)


def _runs(project: Project, recipe: Recipe) -> list[Run]:
    """The last finished trainings of this base by this back-end and objective."""
    alike = [
        run
        for _, run in project.store.each(Run)
        if run.status is RunStatus.FINISHED
        and (run.base_digest, run.backend, run.objective) == (project.base.digest, recipe.backend, recipe.objective)
    ]
    return alike[-_LATEST:]


def _evaluations(project: Project, screen: EvaluationConfig) -> list[Evaluation]:
    """The last ones that asked most of it anew: of the same suite where there are any, else of any."""
    every = (one for _, one in project.store.each(Evaluation))
    # A server's start is shared by all answers: two that were missing say nothing of the pace of many.
    asked = [one for one in every if one.wall_seconds and len(one.outcomes) > 2 * one.recalled]
    alike = [one for one in asked if one.suite_digest == screen.asked_digest]
    return (alike or asked)[-_LATEST:]


def _experiments(project: Project) -> list[Experiment]:
    """The last ones of this base that came to their end."""
    whole = [
        one
        for _, one in project.store.each(Experiment)
        if one.base_digest == project.base.digest and one.evaluation_id is not None
    ]
    return whole[-_LATEST:]


def _span(values: Iterable[float]) -> _Span:
    seconds = [max(0.0, value) for value in values]
    return _Span(likely=median(seconds), low=min(seconds), high=max(seconds))


def _guess(seconds: float) -> _Span:
    return _Span(likely=seconds, low=seconds / _GUESS_MAY_BE_OFF, high=seconds * _GUESS_MAY_BE_OFF)
