"""A cycle once more without what was forgotten: the same rules and the same recipe, on what is left.

It is done twice: in the project, whose store held the words, and in an empty store that never did. What comes out must
be the same, byte for byte.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Judged
from selftune.curation.config import Selection
from selftune.curation.stage import curate
from selftune.errors import NothingToTrainOnError, UsageError
from selftune.evals.suites import load_suite
from selftune.loop.configured import gap_on_scale, make_judging
from selftune.loop.ejected import find_text
from selftune.loop.lessons.taking_out import left_out
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.plan import judged_log
from selftune.loop.planning import make_curation
from selftune.loop.study.shuffling import deal_verdicts
from selftune.records import Dataset, Interaction, Judgement, Run, digest_of, not_erased
from selftune.store import BlobStore, Store
from selftune.training.environment import code_version, describe_environment
from selftune.training.repeating import recipe_of
from selftune.training.stage import train

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from selftune.curation.base import Yardstick
    from selftune.curation.config import Curation
    from selftune.loop.opened import Project
    from selftune.records import JudgeIdentity
    from selftune.training.config import Recipe

_MOST_TRIGGER: Final = 1_000
_NOTHING_NEEDED: Final = 1


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One cycle as it was, and what is left out of it. Which answers were the champion's own is not told again.

    Attributes:
        run: What it trained, on `dataset`.
        until: The place up to which verdicts were given by then.
        dropped: Interactions that are left out because what had learnt from the forgotten words answered them.
        left_out: Those that a person had taken out by then.
    """

    run: Run
    dataset: Dataset
    until: int
    dropped: frozenset[str]
    judge: JudgeIdentity
    rubric_digest: str
    curation: Curation
    recipe: Recipe
    yardsticks: tuple[Yardstick, ...]
    seed: int
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What came of it."""

    dataset: Dataset
    run: Run

    @property
    def adapter(self) -> tuple[tuple[str, str], ...]:
        """Name and digest of each file."""
        return tuple((file.name, file.digest) for file in self.run.adapter)


def plan_replay(project: Project, run: Run, dropped: Collection[str]) -> Replay:
    """The cycle that a run was part of, from the records.

    Raises:
        UsageError: it can't come again bit for bit: it was trained by other code or in another environment, on a card,
            on from another adapter, or by rules that are not in force any more.
        NothingToTrainOnError: all of its lessons were forgotten.
    """
    recipe = recipe_of(run)
    _refuse_other_surroundings(run)
    if recipe.continue_from or run.after:
        raise UsageError(
            f"{run.id[:16]} went on from another run's adapter, which is not rebuilt here.",
            next_step="Train anew without them: selftune cycle",
        )
    dataset = project.store.record(run.dataset_id, Dataset)
    verdict = _a_verdict(project, dataset)
    return Replay(
        run=run,
        dataset=dataset,
        until=project.store.sequence_of(dataset.id),
        dropped=frozenset(dropped),
        judge=verdict.judge,
        rubric_digest=verdict.rubric_digest,
        curation=_rules_of(project, dataset),
        recipe=recipe,
        yardsticks=make_yardsticks(
            project.folder, load_suite(find_text(project.folder, "suite", project.config.evaluation.suite))
        ),
        seed=project.config.project.seed,
        left_out=left_out(project, until=project.store.sequence_of(dataset.id)),
    )


def replay(project: Project, wanted: Replay) -> Replayed:
    """Choose lessons and train as the cycle did, from what this project's store holds now; nothing is saved.

    Raises:
        NothingToTrainOnError: nothing is left to learn from.
        UnbalancedError: what is left is one-sided.
    """
    log = judged_log(project.store, wanted.judge, wanted.rubric_digest, until=wanted.until)
    log = replace(log, names=tuple(key for key in log.names if key.interaction_id not in wanted.dropped))
    if wanted.curation.selection == Selection.SHUFFLED:
        log = replace(log, names=deal_verdicts(log.names, wanted.seed))
    judged = Judged(
        pairs=log,
        watermark=wanted.dataset.watermark,
        yardsticks=wanted.yardsticks,
        left_out=wanted.left_out,
    )
    scratch = digest_of(["replay", wanted.run.id, sorted(wanted.dropped)])
    context = replace(project.context(), work=project.store.step_work(scratch))
    dataset = curate(judged, wanted.curation, context)
    run = train(dataset, wanted.recipe, context)
    project.store.work_clear(scratch)
    return Replayed(dataset=dataset, run=run)


@contextmanager
def never_held(project: Project, wanted: Replay) -> Iterator[Project]:
    """The same project on an empty store that is given what is left and was never given anything else."""
    with TemporaryDirectory(dir=project.hidden / "work", prefix="control-") as folder:
        home = Path(folder)
        with Store.open(home) as store:
            # What may be learnt from today counts on both sides, so later states of conversations are there too.
            last = project.store.last_sequence()
            project.store.copy_surviving(store, Interaction, until=last, without=wanted.dropped)
            project.store.copy_surviving(store, Judgement, until=wanted.until, without=wanted.dropped)
            yield replace(project, folder=home, store=store, blobs=BlobStore(home / ".selftune" / "blobs"))


def _refuse_other_surroundings(run: Run) -> None:
    then = dict(run.environment) | {"code": run.code_version}
    now = dict(describe_environment()) | {"code": code_version()}
    differs = [
        f"{name}: {then.get(name, 'not on record')} then, {now.get(name, 'absent')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if differs:
        raise UsageError(
            f"{run.id[:16]} can't come again bit for bit: {'; '.join(differs)}.",
            next_step="Rebuild it where it was trained, or train anew without a proof: selftune cycle",
        )
    if "card" in now:
        raise UsageError(
            "a graphics card does not repeat itself bit for bit.",
            next_step="Rebuild on the processor: hide the card with CUDA_VISIBLE_DEVICES= before the command.",
        )


def _a_verdict(project: Project, dataset: Dataset) -> Judgement:
    """Any verdict that chose a lesson which is left: who judged, and by which rubric."""
    names = (one.judgement_id for one in not_erased((*dataset.train, *dataset.disliked, *dataset.holdout)))
    for found in project.store.kept_records((name for name in names if name is not None), Judgement):
        return found
    raise NothingToTrainOnError(
        f"no judged lesson of {dataset.id[:20]} is left.", next_step="Collect or import more: selftune import FILE"
    )


def _rules_of(project: Project, dataset: Dataset) -> Curation:
    """The rules by which these lessons were chosen, if they are still in force; as many lessons as there are do.

    How many new ones the cycle waited for is the one thing that moves from cycle to cycle; it is found by trying.
    """
    today = replace(make_curation(project), disagreement=gap_on_scale(make_judging(project)))
    for trigger in range(_MOST_TRIGGER + 1):
        if digest_of(replace(today, trigger=trigger)) == dataset.config_digest:
            return replace(today, trigger=_NOTHING_NEEDED)
    raise UsageError(
        f"the lessons of {dataset.id[:20]} were chosen by other rules than those in force.",
        next_step="Put [curation] and the judge in selftune.toml back as they were then, or train anew: selftune cycle",
    )
