"""What a training would do, before it costs anything: its arithmetic, and every rule held against it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.curriculum import judge_curriculum
from selftune.training.elsewhere.cost import START_SECONDS, UTILISATION, find_accelerator, flops_of, seconds_on
from selftune.training.findings import Finding, Standing, overrule, see
from selftune.training.habits import judge_habits
from selftune.training.machine import needed_bytes, trains_here
from selftune.training.objectives import objective_of
from selftune.training.preflight import (
    SAMPLE,
    check_attention,
    check_layers,
    check_precision,
    check_rendering,
    check_share,
    check_stop,
    check_thinking,
    check_vocabulary,
    plan_text,
    sides_of,
    taken,
    tokenise,
)
from selftune.training.stopping import hold_out, judge_stopping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.bases.shape import ModelShape
    from selftune.records import DatasetKind, Example, Reject, Run
    from selftune.training.base import Row
    from selftune.training.config import Recipe
    from selftune.training.machine import Machine

_PASSES: Final = "passes"
_MANY_PASSES: Final = 20
_ANY_LENGTH: Final = 10**9
_HOUR: Final = 3600
_TAKES_MEMORY: Final = ("lora_layers", "lora_rank", "batch_size", "max_length")


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """What would be learnt from.

    Attributes:
        name: Id of a dataset, or the name of a file.
        held_out: Examples that are kept back for measuring.
        unreadable: Entries of the file that came to no example.
        kind: What they are, where they are a dataset; None for a file, whose entries say so themselves.
    """

    name: str
    examples: tuple[Example, ...]
    held_out: int
    unreadable: int = 0
    kind: DatasetKind | None = None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where it would be trained, and what is known of trainings there.

    Attributes:
        base: What the base is called: its version shows there at best.
        earlier: Runs on this very base, oldest first.
        history: Objectives that made the adapter to begin with, `unknown` where its file does not say.
        served_as: Number type in which the model will be served.
        usd_per_hour: What an hour of the machine costs; 0 where nobody said.
        gpu: A card that would be rented, by the name in the list of prices; empty: none.
    """

    shape: ModelShape
    machine: Machine
    base: str = ""
    earlier: tuple[Run, ...] = ()
    history: tuple[str, ...] = ()
    served_as: str = ""
    usd_per_hour: float = 0.0
    gpu: str = ""


@dataclass(frozen=True, kw_only=True)
class TimeEstimate:
    """Seconds it would take, by the median, the fastest and the slowest of `runs` earlier ones; 0 of them: reckoned."""

    seconds: float
    least: float
    most: float
    runs: int


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What would be trained.

    Attributes:
        left_out: Examples that would not be trained on, each with its reason.
        samples: Examples met over all steps, each as often as it is met.
        passes: How often an example that is learnt is met on average.
        tokens: Over all examples that are trained on, both sides of a pair.
        tokens_learnt: Of these, tokens under the loss.
        time: None while no run on this base, by this back-end, tells.
        cost_usd: None where the time or the price of an hour is unknown.
    """

    recipe: str
    objective: str
    backend: str
    dataset: str
    examples: int
    held_out: int
    left_out: tuple[Reject, ...]
    steps: int
    warmup_steps: int
    samples: int
    passes: float
    tokens: int
    tokens_learnt: int
    memory_bytes: int
    machine: Machine
    time: TimeEstimate | None
    cost_usd: float | None
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether a rule speaks against it that nobody set aside."""
        return any(finding.standing is Standing.REFUSED for finding in self.findings)


def plan_training(
    lessons: Lessons, recipe: Recipe, tokenizer: Any, setting: Setting, found: Sequence[Finding] = ()
) -> tuple[TrainingPlan, tuple[Row, ...]]:
    """The plan, and the rows that would be trained on; `found` are findings of others about the same lessons.

    Nothing is raised over the lessons: what speaks against them is a finding. No row is left of them where they can't
    even be rendered.
    """
    try:
        rows, rejects = tokenise(lessons.examples, recipe, tokenizer)
        unreadable: tuple[Finding, ...] = ()
    except UsageError as error:
        rows, rejects = (), ()
        unreadable = (
            Finding(rule="template", standing=Standing.REFUSED, text=error.message, next_step=error.next_step),
        )
    learnt = _learnt(rows, recipe)
    steps = recipe.steps_for(len(learnt)) if rows else 0
    samples = steps * recipe.examples_per_step
    needed = needed_bytes(rows, recipe, setting.shape)
    time = _time(rows, samples, recipe, setting) if rows else None
    findings = (
        *unreadable,
        *judge_kind(lessons, recipe),
        judge_examples(lessons, rows, rejects),
        *(_about_rows(lessons, rows, recipe, tokenizer, setting) if rows else ()),
        *found,
        *judge_habits(
            recipe,
            setting.shape,
            setting.earlier,
            history=setting.history,
            examples=len(rows),
            served_as=setting.served_as,
            base=setting.base,
        ),
        judge_memory(needed, setting.machine),
        *(_about_ranges(lessons, rows, recipe, tokenizer, setting) if recipe.ranges and rows else ()),
        judge_time(time, setting.usd_per_hour, setting.gpu),
    )
    sides = sides_of(rows)
    plan = TrainingPlan(
        recipe=recipe.name,
        objective=recipe.objective,
        backend=recipe.backend,
        dataset=lessons.name,
        examples=len(learnt),
        held_out=lessons.held_out,
        left_out=rejects,
        steps=steps,
        warmup_steps=recipe.warmup_for(steps),
        samples=samples,
        passes=samples / len(learnt) if rows else 0.0,
        tokens=sum(len(side.tokens) for side in sides),
        tokens_learnt=sum(sum(side.supervised) for side in sides),
        memory_bytes=needed,
        machine=setting.machine,
        time=time,
        cost_usd=_cost(time, setting.usd_per_hour),
        findings=tuple(overrule(findings, recipe.overrules)),
    )
    return plan, rows


def judge_kind(lessons: Lessons, recipe: Recipe) -> Iterator[Finding]:
    """A refusal where a dataset is of another kind than the objective learns from; nothing else."""
    wanted = objective_of(recipe).learns_from
    if lessons.kind not in {None, wanted}:
        yield Finding(
            rule="kind of lessons",
            standing=Standing.REFUSED,
            text=f"{recipe.objective} learns from {wanted.value}, and {lessons.name[:20]} is {lessons.kind}",
            next_step=f'Set kind = "{wanted.value}" under [curation], or use a recipe for this kind.',
        )


def judge_examples(lessons: Lessons, rows: Sequence[Row], rejects: Sequence[Reject]) -> Finding:
    """Whether there is anything to learn from, and what is left out why."""
    rule = "examples"
    told = f"{len(rows):,} to learn from, {lessons.held_out:,} held out, {len(rejects):,} left out"
    if not rows:
        reasons = [reject.reason for reject in rejects]
        commonest = max(sorted(set(reasons)), key=reasons.count, default="there were none")
        step = "Raise max_length in the recipe, or collect more."
        return Finding(rule=rule, standing=Standing.REFUSED, text=f"{told}: {commonest}", next_step=step)
    if rejects:
        step = "Look at them: `selftune train --plan --json` names each with its reason."
        return Finding(rule=rule, standing=Standing.WARNING, text=told, next_step=step)
    return Finding(rule=rule, standing=Standing.FINE, text=told)


def judge_length(lessons: Lessons, rows: Sequence[Row], recipe: Recipe, tokenizer: Any) -> Finding:
    """How many tokens the recipe's length leaves out; no example is cut short."""
    lengths = sorted(len(side.tokens) for side in sides_of(rows))
    kept = f"{sum(lengths):,} tokens kept, 95% of the texts within {lengths[math.ceil(0.95 * len(lengths)) - 1]:,}"
    left = frozenset(lessons.examples) - frozenset(taken(lessons.examples, rows))
    longer, _ = tokenise(tuple(left), replace(recipe, max_length=_ANY_LENGTH, ranges=()), tokenizer)
    if not longer:
        return Finding(rule="length", standing=Standing.FINE, text=f"{kept}, none left out at {recipe.max_length:,}")
    lost = sum(len(side.tokens) for side in sides_of(longer))
    told = f"{kept}; {lost:,} left out in {len(longer):,} examples longer than {recipe.max_length:,}"
    step = f"Set max_length = {max(len(side.tokens) for side in sides_of(longer))} in the recipe to keep them all."
    return Finding(rule="length", standing=Standing.WARNING, text=told, next_step=step)


def judge_passes(rows: Sequence[Row], recipe: Recipe) -> Finding:
    """How often each example is met: less than once is a training that stops early, very often learns by heart."""
    steps = recipe.steps_for(len(rows))
    text = plan_text(steps, recipe.examples_per_step, len(rows), 0)
    passes = steps * recipe.examples_per_step / len(rows)
    if passes < 1:
        step = f"Set epochs = 1 in the recipe: {recipe.max_steps} steps meet {passes:.0%} of the examples."
        return Finding(rule=_PASSES, standing=Standing.WARNING, text=text, next_step=step)
    if passes > _MANY_PASSES:
        step = "Look whether it learns by heart: the suite `leakage` asks that of each candidate."
        return Finding(rule=_PASSES, standing=Standing.WARNING, text=text, next_step=step)
    return Finding(rule=_PASSES, standing=Standing.FINE, text=text)


def judge_memory(needed: int, machine: Machine) -> Finding:
    """Whether it fits."""
    if machine.free_bytes is None:
        text = f"about {needed / 1e9:.1f} GB; what is free on {machine.name}, nobody knows"
        step = "Say it: --memory-gb, or ssh_memory_gb under [machine]."
        return Finding(rule="memory", standing=Standing.UNKNOWN, text=text, next_step=step)
    text = f"about {needed / 1e9:.1f} GB of {machine.free_bytes / 1e9:.1f} GB that are free on {machine.name}"
    if needed > machine.free_bytes:
        step = "Lower batch_size, max_length or lora_layers in the recipe, or use a smaller base."
        return Finding(rule="memory", standing=Standing.REFUSED, text=text, next_step=step)
    return Finding(rule="memory", standing=Standing.FINE, text=text)


def judge_ranges(rows: Sequence[Row], recipe: Recipe, shape: ModelShape, machine: Machine) -> Finding:
    """Whether all that a search may try fits the machine too, by the values that take most (C12).

    `rows` are those that the longest max_length takes.
    """
    rule = "ranges"
    most = {key: bounds[1] for key, bounds in recipe.ranges if key in _TAKES_MEMORY}
    layers = int(min(most.get("lora_layers", recipe.lora_layers), shape.layers))
    values: dict[str, Any] = {key: int(value) for key, value in most.items()} | {"lora_layers": layers}
    largest = replace(recipe, ranges=(), **values)
    needed = needed_bytes(rows, largest, shape)
    told = ", ".join(f"{key} {getattr(largest, key)}" for key in most) or "nothing that takes memory"
    text = f"{len(recipe.ranges)} keys may be varied; {told} would take about {needed / 1e9:.1f} GB"
    if machine.free_bytes is None:
        return Finding(rule=rule, standing=Standing.UNKNOWN, text=text)
    if needed <= machine.free_bytes:
        return Finding(rule=rule, standing=Standing.FINE, text=text)
    fewer = ((n, needed_bytes(rows, replace(largest, lora_layers=n), shape)) for n in range(layers, 0, -1))
    fitting = [n for n, bytes_of_n in fewer if bytes_of_n <= machine.free_bytes]
    step = "Narrow [ranges]: such a training would be refused."
    if fitting and "lora_layers" in most:
        step = f"Set lora_layers = [{min(_least(recipe, 'lora_layers'), fitting[0])}, {fitting[0]}] in [ranges]."
    text += f", {machine.free_bytes / 1e9:.1f} GB are free on {machine.name}"
    return Finding(rule=rule, standing=Standing.WARNING, text=text, next_step=step)


def _least(recipe: Recipe, key: str) -> int:
    return int(dict(recipe.ranges)[key][0])


def estimate_time(samples: int, recipe: Recipe, earlier: Sequence[Run]) -> TimeEstimate | None:
    """What the runs that finished here say, by their seconds for each example they met; None where none says."""
    paces = [
        run.whole_seconds / (run.passes * run.examples)
        for run in earlier
        if run.status is RunStatus.FINISHED
        and (run.backend, run.objective) == (recipe.backend, recipe.objective)
        and run.passes * run.examples > 0
    ]
    if not paces:
        return None
    return TimeEstimate(
        seconds=samples * median(paces), least=samples * min(paces), most=samples * max(paces), runs=len(paces)
    )


def judge_time(time: TimeEstimate | None, usd_per_hour: float, gpu: str = "") -> Finding:
    """How long and how dear, as far as earlier runs tell."""
    rule = "time and cost"
    if time is None:
        text = "no finished run on this base by this back-end and objective tells"
        return Finding(rule=rule, standing=Standing.UNKNOWN, text=text)
    cost = _cost(time, usd_per_hour)
    money = "no price of an hour is known" if cost is None else f"about {cost:.2f} USD"
    if gpu:
        share, start = f"{UTILISATION:.0%} of its peak", f"{START_SECONDS / 60:.0f} min to start"
        text = f"about {time.seconds / 60:.1f} min on one {gpu} by arithmetic ({share} and {start} assumed), {money}"
        return Finding(rule=rule, standing=Standing.FINE, text=text)
    spread = f"{time.least / 60:.1f} to {time.most / 60:.1f} min by {time.runs} earlier runs"
    return Finding(rule=rule, standing=Standing.FINE, text=f"about {time.seconds / 60:.1f} min ({spread}), {money}")


def _time(rows: Sequence[Row], samples: int, recipe: Recipe, setting: Setting) -> TimeEstimate | None:
    """By arithmetic on a rented card; else by what ran where this would run: over ssh, or here for a machine here."""
    if setting.gpu:
        tokens = sum(len(side.tokens) for side in sides_of(rows)) * samples / len(rows)
        seconds = seconds_on(find_accelerator(setting.gpu), flops_of(setting.shape.parameters, round(tokens)))
        return TimeEstimate(seconds=seconds, least=seconds, most=seconds, runs=0)
    told = setting.machine.is_here or not trains_here(recipe)
    return estimate_time(samples, recipe, setting.earlier) if told else None


def _about_rows(
    lessons: Lessons, rows: tuple[Row, ...], recipe: Recipe, tokenizer: Any, setting: Setting
) -> Iterator[Finding]:
    sides, shape = sides_of(rows), setting.shape
    some = sides_of(rows[:SAMPLE])
    yield judge_passes(_learnt(rows, recipe), recipe)
    yield from judge_curriculum(_learnt(rows, recipe), recipe)
    yield from judge_stopping(rows, recipe)
    yield judge_length(lessons, rows, recipe, tokenizer)
    yield see("loss", lambda: check_share(some, recipe))
    yield see("stop token", lambda: check_stop(some, tokenizer.eos_token_id))
    examples = taken(lessons.examples, rows)[:SAMPLE]
    yield see("template", lambda: check_rendering(examples, tokenizer))
    yield see("thinking", lambda: check_thinking(examples, tokenizer, learnt=recipe.learn_reasoning))
    yield see("vocabulary", lambda: check_vocabulary(sides, shape))
    yield see("context", lambda: check_attention(sides, shape))
    yield see("layers", lambda: check_layers(recipe, shape))
    if setting.machine.is_here:
        yield see("precision", lambda: check_precision(recipe))


def _about_ranges(
    lessons: Lessons, rows: tuple[Row, ...], recipe: Recipe, tokenizer: Any, setting: Setting
) -> Iterator[Finding]:
    longest = int(dict(recipe.ranges).get("max_length", (0, 0))[1])
    if longest > recipe.max_length:
        rows, _ = tokenise(lessons.examples, replace(recipe, max_length=longest, ranges=()), tokenizer)
    yield judge_ranges(rows, recipe, setting.shape, setting.machine)


def _learnt(rows: Sequence[Row], recipe: Recipe) -> Sequence[Row]:
    """Those that are not held out to measure by; all where none can be, which is a finding of its own."""
    try:
        return hold_out(rows, recipe)[0]
    except UsageError:
        return rows


def _cost(time: TimeEstimate | None, usd_per_hour: float) -> float | None:
    return None if time is None or not usd_per_hour else time.seconds / _HOUR * usd_per_hour
