"""A training made ready for another machine: one folder with the data, the program's own config and what to type."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.datasets import find_dataset
from selftune.bases.provenance import Provenance
from selftune.bases.shape import read_shape
from selftune.curation.exporting import export
from selftune.errors import IntegrityError, MissingFileError, UnknownNameError, UsageError
from selftune.loop.ejected import find_text
from selftune.records import Dataset, Interaction, not_erased
from selftune.training.config import load_recipe
from selftune.training.elsewhere.base import TOKENS, check_carried, rows_as_tokens
from selftune.training.elsewhere.cost import Estimate, estimate, estimate_by_token, find_accelerator
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.elsewhere.jobs import SentJob, begin_job, write_job
from selftune.training.elsewhere.ordering import place_order, sift_examples
from selftune.training.elsewhere.own import JOB
from selftune.training.elsewhere.readme import readme
from selftune.training.elsewhere.ssh import BACKEND_THERE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.curation.exporting import Exported
    from selftune.loop.project import Project
    from selftune.records import Example
    from selftune.training.base import Row
    from selftune.training.config import Recipe
    from selftune.training.elsewhere.base import Destination, Order

README: Final = "README.md"
BASE: Final = "base"
_HUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+")
_METERED: Final = "together"
_OWN: Final = "selftune"
_USUAL: Final = "bfloat16"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for; an empty text leaves the choice to the project.

    Attributes:
        to: Name of the destination.
        base: What the base is called there.
        precision: Number type of the sums there; empty: the recipe's own for selftune, else bfloat16.
        four_bit: Whether the base is held in 4 bits there; None: as the recipe says.
        usd_per_hour: Price of the accelerator; None: as shipped.
        usd_per_million: Price of a million tokens, where a service counts tokens.
    """

    to: str
    out: Path
    dataset: str = ""
    recipe: str = ""
    base: str = ""
    precision: str = ""
    four_bit: bool | None = None
    gpu: str = "L4"
    usd_per_hour: float | None = None
    usd_per_million: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was written, what was left out and why, and what it will take."""

    folder: Path
    files: tuple[str, ...]
    dataset_id: str
    examples: int
    steps: int
    left_out: tuple[tuple[str, int], ...]
    commands: tuple[str, ...]
    come_back: str
    estimate: Estimate


def send_elsewhere(project: Project, asked: Asked) -> Sent:
    """Write everything that another machine needs into a new folder. Nothing is run and nothing leaves by itself.

    Raises:
        UnknownNameError: no such destination, dataset, recipe or accelerator.
        UsageError: the folder is there already, a value of the recipe can't be said there, or no example may go.
    """
    if asked.to not in DESTINATIONS:
        raise UnknownNameError("destination", asked.to, DESTINATIONS)
    find_accelerator(asked.gpu)
    destination = DESTINATIONS[asked.to]
    dataset = _dataset(project, asked.dataset)
    kept, left_out, order = _order(project, dataset, destination, asked)
    check_carried(order, destination.traits)
    texts = destination.files(order)
    estimated = _estimate(order, project, asked)
    come_back = f"selftune train import {asked.out / destination.traits.adapter} --dataset {dataset.id}"
    with _new_folder(asked.out) as draft:
        if destination.traits.data[order.recipe.objective] == JOB:
            _write_job([row for _, row in kept], dataset, project, order, draft)
        else:
            _write_data(kept, dataset, destination, order, draft)
        for file in texts:
            (draft / file.name).write_text(file.text, encoding="utf-8")
        page = readme(order, destination, estimated, come_back=come_back)
        (draft / README).write_text(page, encoding="utf-8")
        if order.base == BASE and asked.to != _OWN:  # a job brings its base itself
            _copy_base(project, draft / BASE)
        names = tuple(sorted(path.name for path in draft.iterdir()))
    return Sent(
        folder=asked.out,
        files=names,
        dataset_id=dataset.id,
        examples=order.examples,
        steps=order.steps,
        left_out=left_out,
        commands=destination.commands(order),
        come_back=come_back,
        estimate=estimated,
    )


def _dataset(project: Project, name: str) -> Dataset:
    """The dataset of this name, else the newest."""
    if name:
        return find_dataset(project, name)
    newest = project.store.last(Dataset)
    return find_dataset(project, newest.id if newest else "")


def _order(
    project: Project, dataset: Dataset, destination: Destination, asked: Asked
) -> tuple[tuple[tuple[Example, Row], ...], tuple[tuple[str, int], ...], Order]:
    from selftune.training.rows import load_tokenizer

    recipe = _recipe(project, asked)
    project.check_base_files()
    tokenizer = load_tokenizer(project.base_folder)
    examples, kept_back = _may_leave(project, not_erased(dataset.taught), hosted=destination.traits.hosted)
    kept, rejects = sift_examples(examples, recipe, tokenizer)
    order = place_order(
        [row for _, row in kept],
        recipe,
        tokenizer,
        read_shape(project.base_folder),
        seed=project.config.project.seed if recipe.seed is None else recipe.seed,
        base=_base(project, asked),
        precision=asked.precision or (recipe.precision if asked.to == _OWN else _USUAL),
        gpu=asked.gpu,
        answers=max(sum(message.role == "assistant" for message in example.messages) for example, _ in kept),
    )
    reasons = [reject.reason for reject in rejects]
    counted = tuple((reason, reasons.count(reason)) for reason in dict.fromkeys(reasons))
    return kept, (*kept_back, *counted), order


def _recipe(project: Project, asked: Asked) -> Recipe:
    recipe = load_recipe(find_text(project.folder, "recipe", asked.recipe or project.config.training.recipe))
    return recipe if asked.four_bit is None else replace(recipe, load_in_4bit=asked.four_bit)


def _base(project: Project, asked: Asked) -> str:
    """What the base is called there: as asked, by its name on the hub, or a folder that travels with the rest."""
    if asked.to == _OWN:
        return BASE
    if asked.base:
        return asked.base
    if _HUB_NAME.fullmatch(project.base.name):
        return project.base.name
    if asked.to == _METERED:
        raise UsageError(
            f"Together trains bases of its own list; {project.base.name!r} is none of them.",
            next_step="Name the same model there with --base, such as --base Qwen/Qwen2.5-7B-Instruct.",
        )
    return BASE


def _may_leave(
    project: Project, examples: Sequence[Example], *, hosted: bool
) -> tuple[list[Example], tuple[tuple[str, int], ...]]:
    """The examples whose people agreed that their words are sent, where a service would get them."""
    if not hosted:
        return list(examples), ()
    free = [example for example in examples if _agreed(project, example)]
    kept_back = len(examples) - len(free)
    if not free:
        raise UsageError(
            f"none of {len(examples)} examples comes from a person who agreed that the words are sent to a service.",
            next_step="Train on a machine of your own, such as --to selftune or --to unsloth, or ask for consent.",
        )
    return free, (("no consent to send its words beyond this machine", kept_back),) if kept_back else ()


def _agreed(project: Project, example: Example) -> bool:
    try:
        return project.store.record(example.interaction_id, Interaction).consent.send
    except IntegrityError:
        # Erased with the rest of what the person said: nobody is left who agreed.
        return False


def _estimate(order: Order, project: Project, asked: Asked) -> Estimate:
    if asked.to == _METERED:
        return estimate_by_token(order, project.base.parameters, usd_per_million=asked.usd_per_million)
    return estimate(order, project.base.parameters, usd_per_hour=asked.usd_per_hour)


def _write_data(
    kept: tuple[tuple[Example, Row], ...], dataset: Dataset, destination: Destination, order: Order, folder: Path
) -> Exported | None:
    """The examples in the form that the program reads; one that it can't hold stops everything, none is dropped."""
    traits, objective = destination.traits, order.recipe.objective
    path, form = folder / traits.data_file(objective), traits.data[objective]
    if form == TOKENS:
        path.write_text(rows_as_tokens([row for _, row in kept]), encoding="utf-8")
        return None
    # The canaries are planted already.
    told = export(replace(dataset, train=tuple(example for example, _ in kept), canaries=()), form, path)
    if told.left_out:
        raise UsageError(
            f"{len(told.left_out[0].interaction_ids)} examples do not fit {traits.program}: {told.left_out[0].reason}.",
            next_step="Use a destination that takes tokens (unsloth, axolotl), or curate without them.",
        )
    if traits.looked_at:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / traits.looked_at).write_text("".join(lines[: order.recipe.batch_size]), encoding="utf-8")
    return told


def _write_job(rows: Sequence[Row], dataset: Dataset, project: Project, order: Order, folder: Path) -> None:
    backend = BACKEND_THERE if order.recipe.backend == "ssh" else order.recipe.backend
    recipe = replace(order.recipe, precision=order.precision, backend=backend)
    job = begin_job(rows, recipe, order.steps, order.seed, project.base, (project.base_folder, folder))
    origin = Provenance(stage_history=(recipe.objective,), base_digest=project.base.digest, dataset_id=dataset.id)
    write_job(SentJob(job=job, base=project.base, origin=origin), folder)


def _copy_base(project: Project, folder: Path) -> None:
    for file in project.base.files:
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.base_folder / file.name, target)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A draft beside the folder, which becomes the folder when the block ends well."""
    if path.exists():
        raise UsageError(f"{path} is there already.", next_step="Name another folder, or move that one away.")
    if not path.absolute().parent.is_dir():
        raise MissingFileError(f"there is no folder {path.parent}.", next_step="Make it first.")
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    try:
        yield draft
        os.replace(draft, path)  # noqa: PTH105 - Path.replace would return what nobody reads
    finally:
        shutil.rmtree(draft, ignore_errors=True)
