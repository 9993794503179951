"""Datasets looked at: which there are, what they teach, token by token if asked, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from selftune.curation.base import Pair
from selftune.curation.render import chatml
from selftune.curation.traits import UNJUDGED, kinds_of
from selftune.errors import IntegrityError, UnknownNameError, UsageError
from selftune.records import Dataset, Interaction, Judgement, Run, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selftune.loop.project import Project
    from selftune.records import Example
    from selftune.training.base import Row

ERASED: Final = "erased"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One dataset in a few figures; `runs` counts the trainings on it, `tokens` is None where nobody counted."""

    id: str
    kind: str
    train: int
    tokens: int | None
    holdout: int
    rejects: int
    saved_at: str
    runs: int


@dataclass(frozen=True, kw_only=True)
class Span:
    """Tokens in a row that are all learnt, or all only read."""

    text: str
    tokens: int
    learnt: bool


@dataclass(frozen=True, kw_only=True)
class Masked:
    """An example as training sees it: its tokens in spans, or the reason why it would not be trained on."""

    spans: tuple[Span, ...]
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class ShownExample:
    """One example as text; `masked` where it was asked for."""

    interaction_id: str
    taught_by: str | None
    text: str
    rejected: str | None
    masked: Masked | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A dataset with its card and the first of its examples."""

    id: str
    card: str
    split: str
    total: int
    examples: tuple[ShownExample, ...]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How many training examples come from one part before and after: a source, a teacher, a kind of behaviour."""

    by: str
    name: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one dataset has that another has not, by the interactions that their examples come from.

    Attributes:
        changed: In both, with other words: another rendering, another correction.
        shifts: Parts whose count differs, those that differ most first.
    """

    before: str
    after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    same: int
    shifts: tuple[Shift, ...]


def list_datasets(project: Project) -> tuple[Listed, ...]:
    """Every dataset of the project, oldest first, each checked against its id."""
    runs = Counter(run.dataset_id for _, run in project.store.each(Run))
    return tuple(
        Listed(
            id=dataset.id,
            kind=dataset.kind.value,
            train=len(dataset.train),
            tokens=dataset.tokens,
            holdout=len(dataset.holdout),
            rejects=len(dataset.rejects),
            saved_at=project.store.saved_at(dataset.id),
            runs=runs[dataset.id],
        )
        for _, dataset in project.store.each(Dataset)
    )


def find_dataset(project: Project, name: str) -> Dataset:
    """The dataset of this id, of a unique beginning of it, or of the digits behind the colon; checked against its id.

    Raises:
        UsageError: there is no dataset yet.
        UnknownNameError: none begins so, or several do.
        IntegrityError: it is damaged.
    """
    if not project.store.count(Dataset):
        raise UsageError("there is no dataset yet.", next_step="Make one with `selftune curate` or `selftune cycle`.")
    prefix = f"{Dataset.KIND}:"
    return project.store.record(name if name.startswith(prefix) else prefix + name, Dataset)


def show_dataset(project: Project, name: str, *, split: str = "train", count: int = 3, mask: bool = False) -> Shown:
    """The first examples of a dataset as text, and with `mask` as training would see them.

    Raises:
        UnknownNameError: no such dataset or split.
        UsageError: the mask was asked for, and the packages for training are not installed.
    """
    dataset = find_dataset(project, name)
    splits = {"train": not_erased(dataset.train), "holdout": not_erased(dataset.holdout)}
    if split not in splits:
        raise UnknownNameError("split", split, splits)
    examples = splits[split][:count]
    masks = _mask(project, examples) if mask else (None,) * len(examples)
    return Shown(
        id=dataset.id,
        card=dataset.card,
        split=split,
        total=len(splits[split]),
        examples=tuple(map(_shown, examples, masks)),
    )


def compare_datasets(project: Project, before: str, after: str) -> Difference:
    """What came in, what went out and what changed from one dataset to another."""
    old, new = find_dataset(project, before), find_dataset(project, after)
    held, holds = _by_interaction(old), _by_interaction(new)
    both = [name for name in held if name in holds]
    changed = [name for name in both if held[name] != holds[name]]
    parts = _Parts(project, (*old.train, *new.train))
    return Difference(
        before=old.id,
        after=new.id,
        added=tuple(name for name in holds if name not in held),
        removed=tuple(name for name in held if name not in holds),
        changed=tuple(changed),
        same=len(both) - len(changed),
        shifts=parts.shifts(old.train, new.train),
    )


class _Parts:
    """Source, teacher and kind of behaviour of each example; what was erased is called so."""

    def __init__(self, project: Project, examples: Iterable[Example]) -> None:
        self._sources: dict[str, str] = {}
        judged: dict[str, Pair] = {}
        for example in examples:
            if example.interaction_id in self._sources:
                continue
            try:
                interaction = project.store.record(example.interaction_id, Interaction)
                self._sources[example.interaction_id] = interaction.source
                if example.judgement_id is not None:
                    judgement = project.store.record(example.judgement_id, Judgement)
                    judged[example.interaction_id] = Pair(interaction=interaction, judgement=judgement)
            except IntegrityError:
                # A person's words may be gone; the example that came of them is still counted.
                self._sources.setdefault(example.interaction_id, ERASED)
        self._kinds: Mapping[str, str] = dict(zip(judged, kinds_of(judged.values()), strict=True))

    def shifts(self, before: Iterable[Example], after: Iterable[Example]) -> tuple[Shift, ...]:
        old, new = (Counter(part for each in some for part in self._of(each)) for some in (before, after))
        found = [
            Shift(by=by, name=name, before=old[by, name], after=new[by, name])
            for by, name in sorted(old.keys() | new.keys())
            if old[by, name] != new[by, name]
        ]
        return tuple(sorted(found, key=lambda shift: -abs(shift.after - shift.before)))

    def _of(self, example: Example) -> tuple[tuple[str, str], ...]:
        return (
            ("source", self._sources[example.interaction_id]),
            ("teacher", example.taught_by or UNKNOWN),
            ("kind", self._kinds.get(example.interaction_id, UNJUDGED)),
        )


def _by_interaction(dataset: Dataset) -> dict[str, list[Any]]:
    """The words of a dataset's training examples, by where they come from; one may come in several copies."""
    found: dict[str, list[Any]] = {}
    for example in dataset.train:
        found.setdefault(example.interaction_id, []).append((example.messages, example.rejected))
    return found


def _shown(example: Example, masked: Masked | None) -> ShownExample:
    return ShownExample(
        interaction_id=example.interaction_id,
        taught_by=example.taught_by,
        text=chatml(example.messages),
        rejected=example.rejected,
        masked=masked,
    )


def _mask(project: Project, examples: Iterable[Example]) -> tuple[Masked, ...]:
    """Each example through the very code that training uses, with the project's recipe and base."""
    from selftune.loop.ejected import find_text
    from selftune.training.config import load_recipe
    from selftune.training.preflight import tokenise
    from selftune.training.rows import load_tokenizer

    recipe = load_recipe(find_text(project.folder, "recipe", project.config.training.recipe))
    project.check_base_files()
    try:
        tokenizer = load_tokenizer(project.base_folder)
    except ImportError as error:
        raise UsageError(
            "the mask takes the packages for training, which are not installed.",
            next_step="Install them with `pip install 'selftune[train]'`, or leave --mask out.",
        ) from error
    masks = []
    for example in examples:
        rows, rejects = tokenise([example], recipe, tokenizer)
        refused = rejects[0].reason if rejects else None
        masks.append(Masked(spans=tuple(spans_of(rows[0], tokenizer)) if rows else (), refused=refused))
    return tuple(masks)


def spans_of(row: Row, tokenizer: Any) -> Iterable[Span]:
    """The row's tokens as text, in runs that are all learnt or all only read."""
    pairs = zip(row.tokens, row.supervised, strict=True)
    for learnt, run in groupby(pairs, key=lambda pair: pair[1]):
        tokens = [token for token, _ in run]
        yield Span(text=tokenizer.decode(tokens), tokens=len(tokens), learnt=learnt)
