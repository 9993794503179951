"""Train: a dataset and a recipe in, a run out, with its adapter if it learnt anything."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from selftune.bases.memory import give_memory_back
from selftune.bases.provenance import Provenance, stamp, trained_before
from selftune.bases.shape import read_shape
from selftune.context import Progress
from selftune.errors import IntegrityError, UsageError
from selftune.interrupts import asked_to_stop
from selftune.platforms import peak_memory_bytes
from selftune.plugins import load_plugin
from selftune.records import FileDigest, Run, RunStatus, has_words
from selftune.training.base import TrainingJob, TrainingResult
from selftune.training.curriculum import parts_met
from selftune.training.energy import estimate_cost, estimate_energy, read_counters
from selftune.training.environment import code_version, describe_environment
from selftune.training.evidence import gather_evidence
from selftune.training.lora import FILES, WEIGHTS, load_adapter, new_adapter, save_adapter
from selftune.training.objectives import objective_of
from selftune.training.order import check_stage_order
from selftune.training.preflight import look_over, preflight, read_by_lessons
from selftune.training.resident import kept_in_memory, made_once, name_files
from selftune.training.rows import load_tokenizer
from selftune.training.sampling import plan_batches
from selftune.training.state import keep_file, keep_state, lay_out_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Dataset
    from selftune.training.base import Backend
    from selftune.training.config import Recipe
    from selftune.training.preflight import Lessons, Preflight

STAGE_VERSION: Final = 4
_LEAVE_AN_ADAPTER: Final = frozenset({RunStatus.FINISHED, RunStatus.OUT_OF_TIME, RunStatus.PAUSED})


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """A result with what was found in the files it left."""

    result: TrainingResult
    adapter: tuple[FileDigest, ...] = ()
    mean_abs_delta: float | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which of its steps a training takes: from where an earlier part paused, up to a share of them."""

    share: float = 1.0
    before: Run | None = None


WHOLE: Final = Part()
"""A training from its first step to its last."""


def train(dataset: Dataset, recipe: Recipe, context: Context) -> Run:
    """Teach the base what the dataset holds; a training that goes wrong is a run that says how.

    Raises:
        NothingToTrainOnError: no example fits the recipe.
        StageOrderError: the objective would undo an earlier one.
        TrainingStoppedError: a person or the system asked it to stop; the next try goes on from there.
        UsageError: the recipe doesn't fit the base, the dataset or the machine.
    """
    return train_with(lambda name: load_plugin("selftune.backends", name)(), dataset, recipe, context)


def train_with(
    load: Callable[[str], Backend], dataset: Dataset, recipe: Recipe, context: Context, part: Part = WHOLE
) -> Run:
    """`train` with another way to find a back-end by its name, and of a part of the steps where one is named."""
    started, counters = context.elapsed(), read_counters()
    codex_id = context.codex_id() if context.codex_id else None  # before the hours in which its file may change
    ready = get_ready(dataset, recipe, context, part)
    job, flight, history = ready.job, ready.flight, ready.history
    origin = Provenance(
        stage_history=(*history, recipe.objective), base_digest=context.base.digest, dataset_id=dataset.id
    )
    with kept_in_memory():  # what was trained is looked at on the base that it was trained on
        outcome = _run_backend(load(recipe.backend), job, origin, context)
    result = outcome.result
    counted = context.elapsed() - started
    before = part.before.trained_seconds if part.before else 0.0
    seconds = max(0.0, result.earlier_seconds - before) + counted
    energy = estimate_energy(counters, read_counters(), counted=counted, seconds=seconds, machine=context.machine)
    return Run(
        recipe=recipe.name,
        recipe_digest=recipe.digest,
        dataset_id=dataset.id,
        base_digest=context.base.digest,
        stage_history=(*history, recipe.objective),
        objective=recipe.objective,
        backend=recipe.backend,
        status=result.status,
        seed=job.seed,
        steps=result.steps,
        planned_steps=flight.steps,
        passes=result.steps * recipe.examples_per_step / len(flight.rows),
        examples=len(flight.rows),
        supervised_tokens=result.supervised_tokens,
        adapter=outcome.adapter,
        curve=result.curve,
        mean_abs_delta=outcome.mean_abs_delta,
        wall_seconds=seconds,
        trained_seconds=result.seconds,
        peak_memory_bytes=peak_memory_bytes(),
        cost_usd=estimate_cost(energy, seconds=seconds, machine=context.machine),
        energy_joules=None if energy is None else energy.joules,
        energy_from="" if energy is None else energy.source,
        code_version=code_version(),
        environment=describe_environment(),
        rejects=flight.rejects,
        reason=result.reason,
        purpose=recipe.purpose,
        settings=recipe.settings,
        parts=parts_met(job, result.steps),
        held_out=len(job.held_out),
        adapter_step=result.adapter_step,
        after=part.before.id if part.before else None,
        state=keep_state(job, context) if result.status is RunStatus.PAUSED else (),
        codex_id=codex_id,
    )


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A training that can begin: its job, what was found on looking it over, and what its base learnt before."""

    job: TrainingJob
    flight: Preflight
    history: tuple[str, ...]


def get_ready(dataset: Dataset, recipe: Recipe, context: Context, part: Part = WHOLE) -> Ready:
    """All of a training but its steps; the job's folders lie in the context's scratch. Errors as `train`."""
    _check_kind(dataset, recipe)
    previous = context.read.record(recipe.continue_from, Run) if recipe.continue_from else None
    history = previous.stage_history if previous else trained_before(context.base_folder)
    check_stage_order(history, recipe.objective, recipe.overrules)
    lessons, shape = _lessons_of(dataset, recipe, context.base_folder), read_shape(context.base_folder)
    flight = preflight(lessons, recipe, shape)
    context.report(Progress(done=0, total=flight.steps, note=flight.plan))
    seed = context.seed if recipe.seed is None else recipe.seed
    job = replace(_prepare(flight, recipe, previous, seed, context), examples=lessons.taken)
    if part is not WHOLE:
        job = replace(job, until=ceil(part.share * flight.steps))
        lay_out_state(part.before, job, context)
    return Ready(job=job, flight=flight, history=history)


def _check_kind(dataset: Dataset, recipe: Recipe) -> None:
    wanted = objective_of(recipe).learns_from
    if dataset.kind is not wanted:
        raise UsageError(
            f"recipe {recipe.name!r} ({recipe.objective}) can't learn from a {dataset.kind.value} dataset.",
            next_step=f'Set kind = "{wanted.value}" under [curation], or use a recipe for this kind.',
        )
    gone = sum(not has_words(example) for example in dataset.taught)
    if gone:
        raise UsageError(
            f"the words of {gone} of the {len(dataset.taught)} lessons of {dataset.id[:20]} were erased.",
            next_step="Train on what is left: selftune cycle",
        )


def _lessons_of(dataset: Dataset, recipe: Recipe, base: Path) -> Lessons:
    """The rows to learn, looked over; once where several trainings of a night learn the same ones."""
    everything = (dataset.id, name_files(base), read_by_lessons(recipe))
    return made_once(everything, lambda: look_over(dataset.taught, recipe, load_tokenizer(base), read_shape(base)))


def _prepare(flight: Preflight, recipe: Recipe, previous: Run | None, seed: int, context: Context) -> TrainingJob:
    initial = context.work.folder("initial_adapter")
    if previous is None:
        adapter = new_adapter(read_shape(context.base_folder), recipe, seed)
        save_adapter(initial, adapter, recipe, context.base.name)
    else:
        _lay_out(previous, recipe, initial, context)
    return TrainingJob(
        recipe=recipe,
        rows=flight.rows,
        batches=plan_batches(flight.rows, recipe, flight.steps, seed),
        seed=seed,
        base_folder=context.base_folder,
        initial=initial,
        checkpoints=context.work.folder("checkpoints"),
        adapter=context.work.folder("adapter"),
        held_out=flight.held_out,
    )


def _lay_out(previous: Run, recipe: Recipe, folder: Path, context: Context) -> None:
    """Put an earlier run's adapter into `folder`, so that training goes on from it."""
    if previous.base_digest != context.base.digest or not previous.adapter:
        raise UsageError(
            f"run {previous.id} can't be continued: it has no adapter on this base.",
            next_step="Name a finished run of the same base in continue_from.",
        )
    for file in previous.adapter:
        shutil.copyfile(context.blobs.path(file.digest), folder / file.name)
    tensors, scale = load_adapter(folder)
    fresh = new_adapter(read_shape(context.base_folder), recipe, context.seed)
    same = {name: tensor.shape for name, tensor in tensors.items()} == {n: t.shape for n, t in fresh.items()}
    if not same or scale != recipe.lora_scale:
        raise UsageError(
            f"recipe {recipe.name!r} asks for another rank, scale or set of layers than run {previous.id} has.",
            next_step="Give the recipe the LoRA settings of that run.",
        )


def _run_backend(backend: Backend, job: TrainingJob, origin: Provenance, context: Context) -> _Outcome:
    """Train and look at what came of it; what the machine can't do becomes a failed result."""
    try:
        with asked_to_stop() as asked:
            result = backend.train(replace(job, should_stop=asked), context)
    except (RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return _Outcome(
            result=TrainingResult(status=RunStatus.FAILED, steps=0, supervised_tokens=0, curve=(), reason=reason)
        )
    finally:
        give_memory_back()
    if result.status not in _LEAVE_AN_ADAPTER:
        return _Outcome(result=result)
    return _examine(result, job, origin, context)


def _examine(result: TrainingResult, job: TrainingJob, origin: Provenance, context: Context) -> _Outcome:
    missing = [name for name in FILES if not (job.adapter / name).is_file()]
    if missing:
        raise IntegrityError(
            f"back-end {job.recipe.backend!r} left no {missing[0]}.", next_step="Use another back-end, and report this."
        )
    probes = job.rows[: job.recipe.logit_prompts]
    evidence = gather_evidence(job.base_folder, job.initial, job.adapter, probes)
    stamp(job.adapter / WEIGHTS, origin)
    if evidence.nothing and result.steps:
        result = replace(result, status=RunStatus.TRAINED_NOTHING, reason=evidence.nothing)
    adapter = () if evidence.nothing else tuple(keep_file(job.adapter / name, context) for name in FILES)
    return _Outcome(result=result, adapter=adapter, mean_abs_delta=evidence.mean_abs_delta)
