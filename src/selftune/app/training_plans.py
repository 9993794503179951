"""`selftune train --plan`: what a training would do and what speaks against it, before it costs anything."""

from __future__ import annotations

import getpass
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.app.datasets import Span, find_dataset, spans_of
from selftune.app.growing import suites_of
from selftune.bases.shape import read_shape
from selftune.curation.likeness.contamination import Measured, find_overlaps
from selftune.curation.likeness.near import fingerprint, likenesses
from selftune.errors import UsageError
from selftune.interactions.detect import open_sources
from selftune.interactions.reading.assemble import find_state
from selftune.interactions.stage import capture
from selftune.loop.incoming.privacy import rules_of
from selftune.loop.lessons.recipes import (
    find_recipe,
    history_before,
    runs_on_base,
    set_rules_aside,
    with_rules_set_aside,
)
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.planning import make_curation
from selftune.records import Dataset, Example, Interaction
from selftune.training.elsewhere.cost import find_accelerator
from selftune.training.elsewhere.local import check_installed
from selftune.training.elsewhere.reaching import NodeAwayError
from selftune.training.elsewhere.ssh import SshBackend
from selftune.training.findings import Finding, Standing, overrule, see
from selftune.training.habits import judge_history
from selftune.training.machine import Machine, machine_for, machine_of, trains_here
from selftune.training.plan import Lessons, Setting, plan_training
from selftune.training.rows import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.project import Project
    from selftune.training.base import Row
    from selftune.training.config import Recipe
    from selftune.training.elsewhere.cost import Accelerator
    from selftune.training.plan import TrainingPlan

_SHOWN: Final = 3
# As in [curation]: Jaccard similarity of word trigrams.
_NEAR: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a person says who sets a rule aside; empty: the user's name, and no reason."""

    author: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownLesson:
    """One lesson as training sees it: each side in spans of tokens that are learnt, or only read."""

    interaction_id: str
    sides: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ShownPlan:
    """A plan, and the first lessons."""

    plan: TrainingPlan
    preview: tuple[ShownLesson, ...]


def show_plan(
    project: Project,
    *,
    recipe: str = "",
    lessons: str = "",
    memory_gb: float | None = None,
    usd_per_hour: float | None = None,
    gpu: str = "",
    word: Word | None = None,
) -> ShownPlan:
    """What a training by this recipe on these lessons would do; nothing is trained.

    Args:
        project: Whose base, runs, suites and configuration it is held against.
        recipe: By name or path; empty: the project's own.
        lessons: Id of a dataset, or a file that `selftune import` reads; empty: the newest dataset.
        memory_gb: Memory of another machine that is to train; None: this one's.
        usd_per_hour: What an hour of it costs; None: as [machine] says, or the list of prices for a card.
        gpu: A card that is to be rented, by its name there; it brings its memory and its price.
        word: Set aside, in the ledger, each rule that may be, by this person's word; None: none.

    Raises:
        UnknownNameError: there is no such recipe or dataset.
        UsageError: there is no dataset yet, or the packages for training are not installed.
    """
    chosen = find_recipe(project, recipe)
    card = find_accelerator(gpu) if gpu else None
    given = _lessons_in(project, Path(lessons)) if _is_file(lessons) else _lessons_of(project, lessons)
    project.check_base_files()
    tokenizer = _tokenizer_of(project)
    setting = Setting(
        shape=read_shape(project.base_folder),
        base=project.base.name,
        machine=_machine(project, chosen, memory_gb, card),
        earlier=runs_on_base(project),
        history=history_before(project, chosen),
        served_as=project.config.build.quantisation,
        usd_per_hour=_price(project, card) if usd_per_hour is None else usd_per_hour,
        gpu=gpu,
    )
    here = memory_gb is None and card is None and trains_here(chosen)
    found = (
        *((see("back-end", lambda: check_installed(chosen.backend)),) if here else ()),
        judge_reading(given),
        judge_repeats(given.examples),
        judge_exams(project, given.examples),
    )
    if word is not None:
        set_aside(project, word, recipe)
    plan, rows = plan_training(given, with_rules_set_aside(project, chosen), tokenizer, setting, found)
    return ShownPlan(plan=plan, preview=tuple(_shown(row, tokenizer) for row in rows[:_SHOWN]))


def _price(project: Project, card: Accelerator | None) -> float:
    return project.config.machine.usd_per_hour if card is None else card.usd_per_hour


def _machine(project: Project, recipe: Recipe, memory_gb: float | None, card: Accelerator | None) -> Machine:
    """The machine that was asked about, else the one that the recipe's back-end trains on."""
    if memory_gb is not None:
        return machine_of(memory_gb, recipe)
    if card is not None:
        return machine_of(card.memory_gb, recipe)
    if trains_here(recipe):
        return machine_for(recipe)
    said = project.context().machine
    try:
        return SshBackend().machine_there(said)
    except NodeAwayError as error:
        return Machine(name=f"{said.ssh} ({error.message})", free_bytes=None, is_here=False)


def set_aside(project: Project, word: Word, recipe: str = "") -> tuple[str, ...]:
    """Set aside, by a person's word in the ledger, each rule that this recipe breaks and that may be; their names."""
    chosen = find_recipe(project, recipe)
    findings = judge_history(chosen, runs_on_base(project), history_before(project, chosen))
    standing = overrule(findings, with_rules_set_aside(project, chosen).overrules)
    rules = tuple(one.rule for one in standing if one.standing is Standing.REFUSED and one.can_be_overruled)
    set_rules_aside(project, chosen, rules, author=word.author or getpass.getuser(), text=word.text)
    return rules


def judge_reading(lessons: Lessons) -> Finding:
    """Whether every entry of the file could be read, and ends with an answer."""
    rule = "reading"
    if lessons.unreadable:
        told = f"{lessons.unreadable:,} entries of {lessons.name} can't be read, or end with no answer"
        step = f"See which: `selftune import {lessons.name} --dry-run`."
        return Finding(rule=rule, standing=Standing.WARNING, text=told, next_step=step)
    return Finding(rule=rule, standing=Standing.FINE, text="every entry was read")


def judge_repeats(examples: Sequence[Example]) -> Finding:
    """Whether lessons repeat one another, word for word or nearly."""
    rule = "duplicates"
    texts = [(example.messages, example.rejected) for example in examples]
    same = len(texts) - len(set(texts))
    prints = [fingerprint(messages, find_state(messages)) for messages, _ in dict.fromkeys(texts)]
    near = len({alike.second for alike in likenesses(prints, _NEAR)})
    told = f"{same:,} lessons stand there twice, {near:,} more nearly so"
    if same or near:
        step = "Curate them: `selftune import` and `selftune curate` keep one of each."
        return Finding(rule=rule, standing=Standing.WARNING, text=told, next_step=step)
    return Finding(rule=rule, standing=Standing.FINE, text="no lesson stands there twice, or nearly so")


def judge_exams(project: Project, examples: Sequence[Example]) -> Finding:
    """Whether a lesson asks what a suite asks."""
    suites = suites_of(project)
    asked = [
        ("\n".join(turn.content for turn in example.messages if turn.role == "user"), find_state(example.messages))
        for example in examples
    ]
    overlaps = find_overlaps(asked, Measured(make_yardsticks(project.folder, *suites)))
    if overlaps:
        place = min(overlaps)
        told = f"{len(overlaps):,} of {len(examples):,} lessons lie too close to what measures: {overlaps[place]}"
        step = f"Leave them out, {examples[place].interaction_id} first; `selftune curate` does so by itself."
        return Finding(rule="contamination", standing=Standing.REFUSED, text=told, next_step=step)
    told = f"none of {len(examples):,} lessons lies close to an item of {len(suites)} suites"
    return Finding(rule="contamination", standing=Standing.FINE, text=told)


def _is_file(name: str) -> bool:
    """Whether a file is meant, also one that is not there: an id has no ending."""
    return bool(name) and (bool(Path(name).suffix) or Path(name).expanduser().exists())


def _lessons_of(project: Project, name: str) -> Lessons:
    dataset = find_dataset(project, name) if name else project.store.last(Dataset)
    if dataset is None:
        raise UsageError(
            "there is no dataset yet.", next_step="Make one with `selftune curate`, or name a file with --dataset."
        )
    return Lessons(name=dataset.id, examples=dataset.taught, held_out=len(dataset.holdout), kind=dataset.kind)


def _lessons_in(project: Project, path: Path) -> Lessons:
    """What a file holds, less the share that curation would hold out; which ones is drawn from the project's seed."""
    read = tuple(capture(open_sources(path.expanduser()), rules_of(project.config), project.context()))
    examples = [_example(item) for item in read if isinstance(item, Interaction) and item.answer is not None]
    held = round(len(examples) * make_curation(project).holdout_share)
    draw = random.Random(project.config.project.seed)  # noqa: S311 - draws must repeat, not be secret
    kept = sorted(draw.sample(range(len(examples)), len(examples) - held))
    return Lessons(
        name=path.name,
        examples=tuple(examples[place] for place in kept),
        held_out=held,
        unreadable=len(read) - len(examples),
    )


def _example(item: Interaction) -> Example:
    """The interaction as a lesson; of several answers that lost, the first is the rejected one."""
    lost = [one.messages[0].content for one in item.rejected if one.at == len(item.messages) - 1 and one.messages]
    return Example(
        salt=item.salt,
        interaction_id=f"{item.source} {item.position}",
        judgement_id=None,
        messages=item.messages,
        rejected=lost[0] if lost else None,
        taught_by=item.generated_by,
        source=item.source,
    )


def _tokenizer_of(project: Project) -> Any:
    try:
        return load_tokenizer(project.base_folder)
    except ImportError as error:
        raise UsageError(
            "a plan takes the packages for training, which are not installed.",
            next_step="Install them with `pip install 'selftune[train]'`.",
        ) from error


def _shown(row: Row, tokenizer: Any) -> ShownLesson:
    sides = tuple(tuple(spans_of(side, tokenizer)) for side in row.sides)
    return ShownLesson(interaction_id=row.interaction_id, sides=sides)
