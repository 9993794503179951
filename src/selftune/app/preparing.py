"""`selftune dataset prepare`: the real log, growth beside it in a stated share, then the splits (mission F10)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.growing import suites_of
from selftune.curation.base import Judged
from selftune.curation.config import MixBy
from selftune.curation.growth.answers import Rule, messages_of
from selftune.curation.growth.grow import grow
from selftune.curation.growth.steer import steered
from selftune.curation.growth.vouch import SOURCE, Vouching, position_of, vouch
from selftune.curation.stage import curate
from selftune.curation.traits import REAL, SYNTHETIC
from selftune.errors import ConfigError, NothingToTrainOnError, UnbalancedError
from selftune.interactions.reading.assemble import find_state
from selftune.interactions.stage import capture
from selftune.judges.stage import judge
from selftune.loop.configured import make_evaluation, make_judging
from selftune.loop.executor import Silent, Stored
from selftune.loop.incoming.privacy import door_of
from selftune.loop.lessons.taking_out import left_out
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.plan import JudgedLog, latest_judgements
from selftune.loop.planning import check_mix_ratio, make_curation, refuse_other_prompting
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.plugins import load_plugin
from selftune.records import Build, Dataset, DatasetKind, Interaction, Judgement, Message, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.context import Context
    from selftune.curation.config import Curation
    from selftune.loop.executor import Executor, Observer
    from selftune.loop.project import Project
    from selftune.records import Suite, Weakness

# More is grown than is needed: some is held out, and some is too close to something else.
_RESERVE: Final = 1.3
_RESERVE_CASES: Final = 52


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What was prepared: the dataset, and how many of its lessons are real and synthetic, of how many held out."""

    dataset: Dataset
    real: int
    synthetic: int
    held_real: int
    held_synthetic: int


@dataclass(frozen=True, kw_only=True)
class GrownSource:
    """Grown examples as a source of interactions: nobody asked them, and the owner of the project answers for them."""

    count: int
    seed: int
    suites: tuple[Suite, ...]
    families: tuple[str, ...]

    def read(self, context: Context) -> Iterator[Interaction]:
        """One interaction an example; the same seed gives the same positions."""
        seen: set[str] = set()
        for example in grow(self.count, self.seed, Rule(seed=self.seed), self.suites, self.families).examples:
            case = example.case
            messages = (*messages_of(case), Message(role="assistant", content=example.answer))
            yield Interaction(
                salt=context.draw_salt(),
                conversation=f"{SOURCE}:{case.pair}",
                task_id=case.family,
                trigger=Trigger.SIMULATED,
                messages=messages,
                source=SOURCE,
                position=position_of(case, second=case.pair in seen),
                state=find_state(messages),
                generated_by=example.by,
                author_is_owner=True,
                flags=("generated",),
            )
            seen.add(case.pair)


def prepare(
    project: Project, *, share: float | None = None, at_least: int = 0, observer: Observer | None = None
) -> Prepared:
    """A frozen dataset of which `share` is real and the rest grown; the project's own ratio unless said otherwise.

    What keeps going wrong in the log is grown more of.

    Raises:
        ConfigError: the share lies outside 0.1 to 0.9, the project makes pairs of answers, or dialogues would be learnt
            otherwise than the release is prompted.
        UnbalancedError: the log holds too little for the share or the size that was asked for; with the figures.
    """
    wanted = check_mix_ratio(project.config.curation.data_mix_ratio if share is None else share)
    config = replace(make_curation(project), trigger=1, mix_by=MixBy.KIND, mixture=())
    if config.kind != DatasetKind.SFT:
        raise ConfigError("growth gives single answers, no pairs.", next_step='Set kind = "sft" under [curation].')
    refuse_other_prompting(project.config, project.store.record(serving_release(project).build_id, Build))
    with hold_lease(project):
        step = make_executor(project, observer or Silent())
        real_ids = _judged_log(project, step)
        real, weaknesses = _look(project, real_ids, config)
        synthetic = plan_growth(real, wanted, at_least)
        count = math.ceil(synthetic * _RESERVE / (1 - config.holdout_share)) + _RESERVE_CASES
        grown_ids = _grow(project, step, count, steered(weaknesses))
        mixed = replace(config, mix_by=MixBy.ORIGIN, mixture=((REAL, wanted), (SYNTHETIC, 1 - wanted)))
        dataset = step(curate, _judged(project, (*real_ids, *grown_ids)), mixed)
    prepared = _count(dataset)
    _refuse_missed(prepared, wanted)
    return prepared


def plan_growth(real: int, share: float, at_least: int) -> int:
    """How many synthetic lessons make `real` of them the stated share.

    Raises:
        UnbalancedError: there is no real lesson, or the whole would be smaller than asked for.
    """
    total = math.floor(real / share)
    if real == 0 or total < at_least:
        needed = math.ceil(max(at_least, 1) * share)
        raise UnbalancedError(
            f"{real} real lessons at a share of {share:.0%} make a set of {total}; {max(at_least, 1)} were asked for, "
            f"which needs {needed} real ones.",
            next_step="Import more, ask for fewer with --at-least, or for a smaller --real-share.",
        )
    return total - real


def _judged_log(project: Project, step: Executor) -> tuple[str, ...]:
    """The judgements of everything real; what was not judged so far is judged now."""
    judging = make_judging(project)
    identity = load_plugin("selftune.judges", judging.name).from_config(judging).identity
    superseded = project.store.superseded()
    ids = latest_judgements(project.store, identity, judging.rubric_digest)
    known = {project.store.record(name, Judgement).interaction_id for name in ids} | superseded
    rest = tuple(
        interaction.id
        for _, interaction in project.store.each(Interaction)
        if interaction.id not in known and interaction.consent.train and interaction.source != SOURCE
    )
    if rest:
        step(judge, Stored(rest, project.store), judging)
        ids = latest_judgements(project.store, identity, judging.rubric_digest)
    return tuple(name for name in ids if _source_of(project, name) != SOURCE)


def _source_of(project: Project, judgement_id: str) -> str:
    judgement = project.store.record(judgement_id, Judgement)
    return project.store.record(judgement.interaction_id, Interaction).source


def _look(project: Project, judgement_ids: tuple[str, ...], config: Curation) -> tuple[int, tuple[Weakness, ...]]:
    """How many real lessons the log gives by the project's own rules, and what goes wrong in it; nothing is kept."""
    try:
        dataset = curate(_judged(project, judgement_ids), config, project.context())
    except NothingToTrainOnError:
        return 0, ()
    return sum(not example.synthetic for example in dataset.train), dataset.weaknesses


def _judged(project: Project, judgement_ids: tuple[str, ...]) -> Judged:
    return Judged(
        pairs=JudgedLog.of(judgement_ids, project.store),
        watermark=project.store.last_sequence(Interaction),
        yardsticks=make_yardsticks(project.folder, make_evaluation(project).suite),
        left_out=left_out(project),
    )


def _grow(project: Project, step: Executor, count: int, families: tuple[str, ...]) -> tuple[str, ...]:
    """The judgements of so many grown interactions, which pass the same door as any."""
    seed = project.config.project.seed
    source = GrownSource(count=count, seed=seed, suites=suites_of(project), families=families)
    grown = step(capture, (source,), door_of(project))
    rubric_digest = make_judging(project).rubric_digest or ""
    return tuple(step(vouch, grown, Vouching(rubric_digest=rubric_digest)).ids)


def _count(dataset: Dataset) -> Prepared:
    synthetic = sum(example.synthetic for example in dataset.train)
    held_synthetic = sum(example.synthetic for example in dataset.holdout)
    return Prepared(
        dataset=dataset,
        real=len(dataset.train) - synthetic,
        synthetic=synthetic,
        held_real=len(dataset.holdout) - held_synthetic,
        held_synthetic=held_synthetic,
    )


def _refuse_missed(prepared: Prepared, share: float) -> None:
    total = prepared.real + prepared.synthetic
    if abs(prepared.real - share * total) > 1:
        raise UnbalancedError(
            f"{prepared.real} of {total} lessons are real ({prepared.real / total:.0%}); {share:.0%} were asked for.",
            next_step="Look at the caps under [curation]: one of them holds back a part of the mixture.",
        )
