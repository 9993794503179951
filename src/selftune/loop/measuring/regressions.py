"""The suite `regression`, which grows by itself: what was put right once is asked from then on, every time.

Two things make an item. A person corrected an answer, and code can tell the correction from what was said. Or a cycle
mended it: the old champion was wrong, the candidate that replaced it right, and so was another candidate, trained
later. Without that second training the items would be those on which the champion was lucky, and every equal candidate
would seem to break some of them.

The file is the project's own and holds people's words (`taking_back.py` takes those out that may no longer be kept).
What a person takes out of it does not come back.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from selftune.curation.select import PERSON
from selftune.evals.base import is_graded
from selftune.evals.coverage import HELD_OUT, scorer_of, unit_of
from selftune.evals.suite_files import keep_out_of_git, write_suite
from selftune.evals.suites import SUITES, load_suite
from selftune.evals.telling import with_telling_scorer
from selftune.gate.rules.further import REGRESSION
from selftune.loop.ejected import find_text
from selftune.loop.incoming.taking_back import may_be_kept
from selftune.records import (
    Arm,
    Dataset,
    Decision,
    Evaluation,
    Interaction,
    Outcome,
    Run,
    Suite,
    SuiteItem,
    canonical_json,
    digest_of,
    not_erased,
)
from selftune.scoring.units import RIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Message
    from selftune.store import Store

MOST: Final = 120
MOST_PER_BEHAVIOUR: Final = 8
CORRECTED: Final = "corrected"
_UNRATED: Final = "unrated"
_COMMENT: Final = """\
Grown by selftune: what a person corrected, and what a cycle mended and a second training confirmed.
These are people's words; git leaves the file alone. An item that you delete does not come back."""
_BY_CORRECTION: Final = "correction"
# Corrections that are looked at in one growth; more than this many newest ones would not find room.
_LOOKED_AT: Final = 2_000
# Of answers that were drawn by chance, so many must agree before an item is called mended.
_LEAST_DRAWS: Final = 3
_ROLES: Final = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What one growth did: items that came in, items that left, and how many there are."""

    added: tuple[str, ...]
    left: tuple[str, ...]
    items: int


def path_of(folder: Path) -> Path:
    """Where a project's regression suite stands."""
    return folder / SUITES.folder / f"{REGRESSION}{SUITES.endings[0]}"


def grow_regressions(project: Project, decision: Decision) -> Growth:
    """Bring the regression suite up to this decision; done twice, it adds nothing.

    Raises:
        ConfigError: somebody edited the file and it is no suite any more; it is left as it is.
    """
    store, path = project.store, path_of(project.folder)
    before = load_suite(path).items if path.exists() else ()
    measured = load_suite(find_text(project.folder, "suite", project.config.evaluation.suite))
    known = {item.id for item in before}
    looked_at = dict(_candidates(decision, measured, store))
    fresh = [item for name, item in looked_at.items() if item is not None and name not in known]
    kept = _capped(_newest([*before, *fresh]))
    if kept != before:
        _write(path, kept, measured)
    for name in looked_at:
        store.remember(_mark(name), decision.id)
    names = {item.id for item in kept}
    return Growth(
        added=tuple(item.id for item in fresh if item.id in names),
        left=tuple(name for name in known if name not in names),
        items=len(kept),
    )


def _write(path: Path, items: tuple[SuiteItem, ...], measured: Suite) -> None:
    keep_out_of_git(path)
    suite = Suite(
        name=REGRESSION,
        version="1",
        description="What was put right once, and must stay so.",
        scorer=measured.scorer,
        unit="item",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=measured.generation,
        seed=measured.seed,
        items=items,
        purpose=REGRESSION,
    )
    write_suite(suite, path, _COMMENT)


def _candidates(decision: Decision, measured: Suite, store: Store) -> Iterator[tuple[str, SuiteItem | None]]:
    """What might come in, by its id, each looked at once and never again; None where code can't score it."""
    for item in _mended(decision, measured, store):
        if store.seen(_mark(item.id)) is None:
            yield item.id, item
    for interaction in corrections_in(_dataset(decision, store), store, is_new=lambda name: _is_new(name, store)):
        made = item_of_correction(interaction)
        by_code = made is not None and made.scorer is not None and not is_graded(made.scorer)
        yield _corrected_id(interaction.id), made if by_code and may_be_kept(interaction.id, store) else None


def _is_new(interaction_id: str, store: Store) -> bool:
    return store.seen(_mark(_corrected_id(interaction_id))) is None


def _corrected_id(interaction_id: str) -> str:
    return f"{CORRECTED}-{interaction_id.partition(':')[2][:12]}"


def _mark(name: str) -> str:
    return f"regression item {name}"


def _newest(items: Sequence[SuiteItem]) -> list[SuiteItem]:
    """Of items that ask the same, the last: a person who corrects a correction means the new one."""
    last = {digest_of([item.messages, item.follow_ups]): item.id for item in items}
    return [item for item in items if last[digest_of([item.messages, item.follow_ups])] == item.id]


def _capped(items: Sequence[SuiteItem]) -> tuple[SuiteItem, ...]:
    """The newest of each behaviour, then the newest of all; the sides of a pair stay or leave together."""
    groups: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in items:
        groups[item.pair or item.id].append(item)
    room: dict[tuple[str, str], int] = defaultdict(lambda: MOST_PER_BEHAVIOUR)
    kept, left = set(), MOST
    for name, members in reversed(groups.items()):
        first = members[0]
        place = first.category, first.behaviour
        if room[place] > 0 and left >= len(members):
            room[place] -= 1
            left -= len(members)
            kept.add(name)
    return tuple(item for item in items if (item.pair or item.id) in kept)


# --- What a cycle mended ----------------------------------------------------------------------------------------------


def _mended(decision: Decision, measured: Suite, store: Store) -> Iterator[SuiteItem]:
    """What the promotion before this decision put right, and this decision's candidate has right as well."""
    confirming = _evaluation(decision, Arm.CANDIDATE, store)
    promoted = _promotion_before(decision, store)
    if confirming is None or promoted is None:
        return
    old, new = (_evaluation(promoted, arm, store) for arm in (Arm.CHAMPION, Arm.CANDIDATE))
    # Answers to another suite, or drawn by chance and only once, confirm nothing.
    if old is None or new is None or not all(_is_of(one, measured) for one in (old, new, confirming)):
        return
    if confirming.build_digest == new.build_digest:
        return
    right = _settled(new, measured, right=True) & _settled(confirming, measured, right=True)
    mended = right & _settled(old, measured, right=False)
    # Suites run from easy to hard; where there is no room for all, a mixture stays.
    for item in sorted(measured.items, key=lambda item: (digest_of(unit_of(item, measured)), item.id)):
        if unit_of(item, measured) in mended and item.tier != HELD_OUT:
            name = scorer_of(item, measured)
            if not is_graded(name):
                pair = None if item.pair is None else f"{measured.name}-{item.pair}"
                yield replace(
                    item, id=f"{measured.name}-{item.id}", pair=pair, scorer=name, tier="gold", weight=1.0,
                    origin=promoted.id,
                )  # fmt: skip


def _promotion_before(decision: Decision, store: Store) -> Decision | None:
    before = takewhile(lambda one: one.id != decision.id, (one for _, one in store.each(Decision)))
    return next(reversed([one for one in before if one.outcome is Outcome.PROMOTE]), None)


def _evaluation(decision: Decision, arm: Arm, store: Store) -> Evaluation | None:
    name = dict(decision.arms).get(arm)
    return None if name is None else next(store.kept_records([name], Evaluation), None)


def _is_of(evaluation: Evaluation, suite: Suite) -> bool:
    drawn_once = suite.generation.temperature > 0 and len(evaluation.seeds) < _LEAST_DRAWS
    return evaluation.suite_digest == digest_of(suite) and not drawn_once


def _settled(evaluation: Evaluation, suite: Suite, *, right: bool) -> frozenset[str]:
    """Units that are right, or wrong, in every repeat; a pair is wrong where one of its sides is."""
    unit = {item.id: unit_of(item, suite) for item in suite.items}
    tries: dict[str, dict[int, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for outcome in evaluation.outcomes:
        tries[unit[outcome.item_id]][outcome.repeat].append(outcome.score)
    return frozenset(
        name for name, repeats in tries.items() if all(_is_right(scores) is right for scores in repeats.values())
    )


def _is_right(scores: Sequence[float | None]) -> bool | None:
    """Whether a try at a unit is right; None where a score is missing, for that is neither."""
    known = [score for score in scores if score is not None]
    return None if len(known) < len(scores) else all(score >= RIGHT for score in known)


# --- What a person corrected ------------------------------------------------------------------------------------------


def corrections_in(
    dataset: Dataset | None, store: Store, *, is_new: Callable[[str], bool] = lambda _: True
) -> Iterator[Interaction]:
    """The interactions that a person corrected among the last lessons of this set, in their order; new ones alone."""
    lessons = () if dataset is None else not_erased(dataset.train)
    names = dict.fromkeys(
        lesson.interaction_id
        for lesson in lessons
        if lesson.taught_by == PERSON or (lesson.pairing is not None and lesson.pairing.verdict == _BY_CORRECTION)
    )
    yield from store.records(filter(is_new, list(names)[-_LOOKED_AT:]), Interaction)


def item_of_correction(interaction: Interaction) -> SuiteItem | None:
    """An item out of a corrected answer; None where nothing may be kept of it, or it does not end with a question."""
    right = interaction.feedback.correction if interaction.feedback is not None else None
    asked, wrong = interaction.prompt, interaction.answer
    if not right or wrong is None or not interaction.consent.keep or not _is_askable(asked):
        return None
    item = SuiteItem(
        id=_corrected_id(interaction.id),
        category=CORRECTED,
        behaviour=interaction.task_id,
        difficulty=_UNRATED,
        messages=tuple(replace(message, persona=None, reasoning=None, tool_calls=()) for message in asked),
        expect=canonical_json({}),
        origin=interaction.id,
    )
    return with_telling_scorer(item, right, wrong)


def _is_askable(asked: Sequence[Message]) -> bool:
    return bool(asked) and asked[-1].role == "user" and all(message.role in _ROLES for message in asked)


def _dataset(decision: Decision, store: Store) -> Dataset | None:
    if decision.run_id is None:
        return None
    return store.record(store.record(decision.run_id, Run).dataset_id, Dataset)
