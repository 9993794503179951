"""`selftune suite grow`: drafts from a sentence, from corrections and from what was held out; a person keeps or drops.

Every pick is on the disk before the next draft is shown, so that a sitting can end at any key. What was kept becomes
part of the suite when the sitting ends, or when the next one begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.suites.drafts import Draft, DraftBook, Pick
from selftune.app.suites.sentences import draft_from_sentence
from selftune.app.suites.teaching import draft_by_teacher
from selftune.app.teachers import find_teacher
from selftune.errors import NothingNewError, UsageError
from selftune.evals.base import JUDGE
from selftune.evals.coverage import CAN_GATE
from selftune.evals.suite_files import keep_out_of_git, suite_entries, write_suite
from selftune.evals.suites import SUITES, load_suite, suite_from
from selftune.evals.telling import with_state_scorer, with_telling_scorer
from selftune.loop.ejected import find_text
from selftune.loop.incoming.taking_back import may_be_kept
from selftune.loop.lessons.teaching import EndpointTeacher
from selftune.loop.measuring.regressions import corrections_in, item_of_correction
from selftune.records import (
    Dataset,
    GenerationParameters,
    Interaction,
    Judgement,
    Suite,
    SuiteItem,
    digest_of,
    not_erased,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Example

OWN: Final = "own"
"""The suite that grows where nobody names another."""

TEMPLATE: Final = "a template, no model was asked"
CORRECTION: Final = "a correction"
HELD_OUT: Final = "what was held out of the log"
KEYS: Final = {"k": Pick.KEEP, "d": Pick.DROP}
_HELP: Final = "k keep   d drop   s later   q quit (every key is kept)"
_QUIT: Final = frozenset({"q", "", "\x03", "\x04"})
_LATER: Final = "s"
_DIFFICULTY: Final = "as met"
HELD: Final = "held_out_log"


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What a sitting came to: drafts that were new, picks that were made, and what the suite holds now.

    `halves` counts what was kept and waits for the other side of its pair.
    """

    suite: str
    path: str | None
    drafted: int
    kept: int
    dropped: int
    waiting: int
    halves: int
    items: int


class Growing:
    """One sitting over the drafts of one suite."""

    def __init__(self, folder: Path, name: str = OWN) -> None:
        self._folder = folder
        self._path = folder / SUITES.folder / f"{name}{SUITES.endings[0]}"
        self._suite = self._load(name)
        self.name = name
        self.book = DraftBook(folder, name)
        self._drafted = 0
        self._picks = {Pick.KEEP: 0, Pick.DROP: 0}

    def draft(self, drafts: Iterable[Draft], most: int | None = None) -> int:
        """Offer what the suite does not ask already, `most` of it; returns how many drafts are new."""
        asked = {_asks(item) for item in (*self._items, *self.book.items)}
        fresh: dict[str, Draft] = {}
        for draft in drafts:
            if len(fresh) == most:
                break
            if _asks(draft.item) not in asked:
                fresh.setdefault(_asks(draft.item), draft)
        keep_out_of_git(self.book.path.parent)
        added = self.book.add(fresh.values())
        self._drafted += added
        return added

    def pick(self, draft: Draft, pick: Pick) -> None:
        """Keep or drop one; it is on the disk when this returns."""
        self.book.pick(draft, pick)
        self._picks[pick] += 1

    def finish(self) -> Grown:
        """Bring what was kept into the suite, and say what came of it all.

        Raises:
            ConfigError: the items do not fit the suite; what was kept stays in the drafts.
        """
        fresh = self._settled()
        if fresh:
            suite = _with_items(self._suite or _empty(self.name), fresh)
            suite_from(suite_entries(suite), where=f"suite {self.name}")
            if any(_quotes_the_log(item) for item in fresh):
                keep_out_of_git(self._path)
            write_suite(suite, self._path)
            self._suite = suite
            self.book.place(fresh)
        return Grown(
            suite=self.name,
            path=str(self._path) if self._suite is not None else None,
            drafted=self._drafted,
            kept=self._picks[Pick.KEEP],
            dropped=self._picks[Pick.DROP],
            waiting=len(self.book.waiting),
            halves=len(self.book.kept),
            items=len(self._items),
        )

    def _settled(self) -> tuple[SuiteItem, ...]:
        """What was kept and needs no further key: one side of a pair waits until the other is kept or dropped."""
        open_pairs = {draft.item.pair for draft in self.book.waiting} - {None}
        return tuple(item for item in self.book.kept if item.pair not in open_pairs)

    @property
    def _items(self) -> tuple[SuiteItem, ...]:
        return () if self._suite is None else self._suite.items

    def _load(self, name: str) -> Suite | None:
        if not self._path.is_file() and name not in SUITES.names():
            return None
        suite = load_suite(find_text(self._folder, "suite", name))
        if suite.purpose != CAN_GATE:
            raise UsageError(
                f"suite {name!r} is a {suite.purpose} suite, and such a one does not grow this way.",
                next_step="Name another suite with --suite.",
            )
        return suite


def draft_into(
    growing: Growing,
    project: Project,
    *,
    sentence: str = "",
    category: str = "",
    from_log: bool = False,
    teacher: str = "",
    n: int = 40,
) -> int:
    """Offer what was asked for; returns how many drafts are new.

    Raises:
        NothingNewError: nothing was asked for, and no draft waits.
        UsageError: a teacher was named and no sentence.
        ConfigError: the teacher may not be reached.
        ServingError: the teacher does not answer.
    """
    if teacher and not sentence:
        raise UsageError("a teacher drafts from a sentence.", next_step='Say one: selftune suite grow "Never …"')
    new = growing.draft(drafts_from_sentence(sentence, category=category)) if sentence else 0
    if teacher:
        teaching = find_teacher(project, teacher)
        drafts = draft_by_teacher(
            EndpointTeacher(teaching), sentence, n, category=category, max_tokens=teaching.max_tokens
        )
        new += growing.draft(drafts)
    if from_log:
        new += growing.draft(drafts_from_log(project), most=n)
    if not growing.book.waiting and not growing.book.kept:
        raise NothingNewError(
            f"no draft for suite {growing.name!r} waits for you.",
            next_step='Say what it must do, selftune suite grow "Never …", or draft from the log with --from-log.',
        )
    return new


def pick_all(growing: Growing, *, keep: bool) -> None:
    """Keep every draft that waits, or drop it."""
    for draft in growing.book.waiting:
        growing.pick(draft, Pick.KEEP if keep else Pick.DROP)


def review(growing: Growing, *, read_key: Callable[[], str], say: Callable[[str], object]) -> None:
    """Show each draft that waits and take one key for it, until none is left or the person leaves."""
    waiting = growing.book.waiting
    say(f"{len(waiting)} drafts for suite {growing.name}. Keys: {_HELP}")
    for place, draft in enumerate(waiting, start=1):
        say("\n".join(describe(draft, f"{place} of {len(waiting)}")))
        while (key := read_key()) not in {*KEYS, _LATER, *_QUIT}:
            say(_HELP)
        if key in _QUIT:
            return
        if key in KEYS:
            growing.pick(draft, KEYS[key])


def describe(draft: Draft, place: str) -> Iterator[str]:
    """A draft as a person reads it."""
    item = draft.item
    yield f"\n--- {place} [{item.category}, {item.difficulty}] from {draft.by}"
    yield from (f"{message.role}: {message.content}" for message in item.messages)
    yield from (f"then: {text}" for text in item.follow_ups)
    if item.reference:
        yield f"right is: {item.reference}"
    unsure = ", NOT VERIFIED until one has run" if item.scorer == JUDGE else ""
    yield f"scored by {item.scorer}{unsure}" + ("" if item.expect == "{}" else f": {item.expect}")


def drafts_from_sentence(sentence: str, *, category: str = "") -> Iterator[Draft]:
    """Templates filled from the person's own sentence.

    Raises:
        UsageError: the sentence is empty.
    """
    return (Draft(item=item, by=TEMPLATE) for item in draft_from_sentence(sentence, category=category))


def drafts_from_log(project: Project) -> list[Draft]:
    """What people corrected, and what was held out, of the newest dataset; what code can score stands first.

    The clean room stays closed.

    Raises:
        NothingNewError: there is no dataset yet.
    """
    dataset = project.store.last(Dataset)
    if dataset is None:
        raise NothingNewError(
            "there is no dataset yet, so nothing was held out or learnt.",
            next_step='Run `selftune curate` first, or say what it must do: selftune suite grow "Never …"',
        )
    drafts = (*_from_corrections(dataset, project), *_from_holdout(dataset, project))
    return sorted(drafts, key=lambda draft: draft.item.scorer == JUDGE)


def _from_corrections(dataset: Dataset, project: Project) -> Iterator[Draft]:
    for interaction in corrections_in(dataset, project.store):
        item = item_of_correction(interaction)
        if item is not None and may_be_kept(interaction.id, project.store):
            yield Draft(item=item, by=CORRECTION)


def _from_holdout(dataset: Dataset, project: Project) -> Iterator[Draft]:
    for example in not_erased(dataset.holdout):
        interaction = project.store.record(example.interaction_id, Interaction)
        asked = interaction.prompt
        if asked and asked[-1].role == "user" and may_be_kept(interaction.id, project.store):
            right = _right_answer(example, interaction, project)
            yield Draft(item=_held_out_item(interaction, right), by=HELD_OUT)


def _right_answer(example: Example, interaction: Interaction, project: Project) -> str | None:
    """What a person put in its place, or what was said, if the judge found it golden; None where nobody knows."""
    if interaction.feedback is not None and interaction.feedback.correction:
        return interaction.feedback.correction
    judged = None if example.judgement_id is None else project.store.record(example.judgement_id, Judgement)
    overall = None if judged is None else judged.overall
    return interaction.answer if overall is not None and overall >= project.config.curation.threshold else None


def _held_out_item(interaction: Interaction, right: str | None) -> SuiteItem:
    item = SuiteItem(
        id=f"held-{interaction.id.partition(':')[2][:12]}",
        category=HELD,
        behaviour=interaction.task_id,
        difficulty=_DIFFICULTY,
        messages=tuple(replace(message, persona=None, reasoning=None, tool_calls=()) for message in interaction.prompt),
        expect="{}",
        # Who reads an item to keep it has seen it: it is no part of a clean room any more.
        tier="extended",
        origin=interaction.id,
    )
    if right is not None:
        return with_telling_scorer(item, right, "")
    return with_state_scorer(item) or replace(item, scorer=JUDGE)


def _quotes_the_log(item: SuiteItem) -> bool:
    return item.origin is not None and item.origin.startswith(f"{Interaction.KIND}:")


def _asks(item: SuiteItem) -> str:
    return digest_of([item.messages, item.follow_ups])


def _empty(name: str) -> Suite:
    return Suite(
        name=name,
        version="1",
        description="Grown in this project; each item was kept by a person.",
        scorer=JUDGE,
        unit="item",
        categories=(),
        generation=GenerationParameters(temperature=0.0, max_tokens=256),
        seed=0,
        items=(),
    )


def _with_items(suite: Suite, fresh: Sequence[SuiteItem]) -> Suite:
    """The suite with these items; it counts pairs as soon as it has some, and what has none stands apart from them."""
    sides = Counter(item.pair for item in fresh)
    whole = [item for item in fresh if item.pair and sides[item.pair] > 1]
    single = {item.category for item in suite.items if item.pair is None}
    paired = {item.category for item in (*suite.items, *whole) if item.pair}
    items = (*suite.items, *(_placed(item, sides[item.pair] > 1, single, paired) for item in fresh))
    had_pairs = any(item.pair for item in suite.items)
    return replace(
        suite,
        # Where somebody wrote pairs into a suite of items, they meant items.
        unit="pair" if whole and not had_pairs else suite.unit,
        items=items,
        categories=tuple(dict.fromkeys((*suite.categories, *(item.category for item in items)))),
    )


def _placed(item: SuiteItem, whole: bool, single: Container[str], paired: Container[str]) -> SuiteItem:
    """The item in a category where all have a pair, or none has: a mean over units takes them for one kind."""
    if item.pair is not None and whole:
        return replace(item, category=f"{item.category}-pairs") if item.category in single else item
    apart = item.pair is not None or item.category in paired
    return replace(item, pair=None, category=f"{item.category}-alone" if apart else item.category)
