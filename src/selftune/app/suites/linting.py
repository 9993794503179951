"""`selftune suite lint`: what is wrong with a suite by itself, under a policy, and beside what was learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.suites.drafts import waiting_drafts
from selftune.app.suites.importing import TABLES, read_any_suite
from selftune.curation.base import Yardstick
from selftune.curation.config import Curation
from selftune.curation.likeness.contamination import Measured, find_overlaps
from selftune.curation.likeness.meaning import gist, same_in_meaning
from selftune.curation.likeness.near import fingerprint, likenesses
from selftune.errors import ConfigError
from selftune.evals.coverage import HELD_OUT, Coverage, Finding, Grade, cover, leak, lint_suite, named
from selftune.evals.rewording import find_reworded
from selftune.evals.suites import SUITES
from selftune.gate.planning import forecast, plan_check
from selftune.gate.policies import load_policy
from selftune.interactions.reading.assemble import find_state
from selftune.loop.config import CONFIG_FILE
from selftune.loop.ejected import find_text
from selftune.loop.measuring.demands import demands_of
from selftune.loop.project import open_project
from selftune.records import Dataset, Message, not_erased

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from selftune.curation.likeness.contamination import Asked
    from selftune.gate.config import Policy
    from selftune.loop.project import Project
    from selftune.records import Suite, SuiteItem
    from selftune.store import Store

_LIKE: Final = Curation()


@dataclass(frozen=True, kw_only=True)
class LintedSuite:
    """What was found, errors first.

    Attributes:
        policy: The policy it was held against; None for none.
        detectable_gain: The smallest true gain that the policy would see with its power; None without a policy.
        datasets: How many datasets it was searched for in.
    """

    suite: str
    coverage: Coverage
    findings: tuple[Finding, ...]
    policy: str | None
    detectable_gain: float | None
    datasets: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be put right before a cycle."""
        return tuple(one for one in self.findings if one.grade is Grade.ERROR)


def lint_named(folder: Path, name: str, *, policy: str = "", project: Project | None = None) -> LintedSuite:
    """A suite by name or file: of the project first, else a shipped one.

    It is held against the policy that is named; else, if it is the suite that decides in the project, against its own.

    Raises:
        UnknownNameError: no suite or policy has that name.
        ConfigError: a file makes no suite or no policy.
    """
    decides = project is not None and project.config.evaluation.suite == name
    asked = policy or (project.config.gate.policy if project is not None and decides else "")
    suite = suite_named(folder, name)
    held = load_policy(find_text(folder, "policy", asked)) if asked else None
    return lint(suite, held, store=project.store if project is not None else None, drafts=waiting_drafts(folder, suite))


def lint_in(folder: Path, name: str, *, policy: str = "") -> LintedSuite:
    """`lint_named` in the project of this folder; a suite by itself where there is no project.

    Raises:
        UnknownNameError: as `lint_named`.
        ConfigError: as `lint_named`.
    """
    if not (folder / CONFIG_FILE).is_file():
        return lint_named(folder, name, policy=policy)
    with open_project(folder) as project:
        return lint_named(folder, name, policy=policy, project=project)


def lint_in_force(project: Project) -> tuple[LintedSuite, ...]:
    """Every suite that a project asks, the one that decides first, and every other one of its own.

    Raises:
        UnknownNameError: the config names a suite that is not there.
        ConfigError: a file makes no suite or no policy.
    """
    section = project.config.evaluation
    own = sorted(path.stem for path in (project.folder / SUITES.folder).glob(f"*{SUITES.endings[0]}"))
    names = dict.fromkeys((section.suite, *section.further, *own))
    return tuple(lint_named(project.folder, name, project=project) for name in names)


def suite_named(folder: Path, name: str) -> Suite:
    """The suite of that name or file, as every command of this group finds it."""
    is_file = name.endswith((*TABLES, *SUITES.endings)) and Path(name).is_file()
    return read_any_suite(name if is_file else find_text(folder, "suite", name))


def lint(suite: Suite, policy: Policy | None, *, store: Store | None = None, drafts: int = 0) -> LintedSuite:
    """All that can be found in a suite without asking anybody anything."""
    demands = None if policy is None else demands_of(policy, suite)
    found = list(lint_suite(suite, demands))
    told = {frozenset(one.items) for one in found if one.code == "leak"}
    found += [one for one in _alike(suite) if frozenset(one.items) not in told]
    found += _unreviewed(suite, drafts)
    seen = None
    if policy is not None and not any(one.grade is Grade.ERROR for one in found):
        seen = forecast(policy, suite).detectable_gain
        found += _weak(seen, policy)
        found += _undecidable(suite, policy)
    datasets = 0
    # What was put right is learnt from on purpose; there, only a fall counts.
    if store is not None and suite.purpose != "regression":
        found += _contaminated(suite, store)
        datasets = store.count(Dataset)
    return LintedSuite(
        suite=suite.name,
        coverage=cover(suite),
        findings=tuple(sorted(found, key=lambda one: one.grade is not Grade.ERROR)),
        policy=None if policy is None else policy.name,
        detectable_gain=seen,
        datasets=datasets,
    )


def asked_of(item: SuiteItem) -> Asked:
    """What an item asks, and under which state."""
    said = [*(message.content for message in item.messages if message.role == "user"), *item.follow_ups]
    return "\n".join(said), find_state(item.messages)


def _undecidable(suite: Suite, policy: Policy) -> Iterator[Finding]:
    """What the gate itself says against deciding on this suite."""
    try:
        plan_check(policy, suite)
    except ConfigError as error:
        yield Finding(
            code="undecidable", grade=Grade.ERROR, sentence=error.message.rstrip("."), next_step=error.next_step
        )


def _weak(seen: float, policy: Policy) -> Iterator[Finding]:
    if seen > policy.least_gain:
        yield Finding(
            code="weak",
            grade=Grade.WARNING,
            sentence=f"policy {policy.name!r} asks for a gain of {policy.least_gain:g}, and the smallest that is seen "
            f"here with a power of {policy.power:.0%} is {seen:.3f}: smaller ones will mostly end as inconclusive",
            next_step="Add items, or let the gains be larger before you ask.",
        )


def _unreviewed(suite: Suite, drafts: int) -> Iterator[Finding]:
    if drafts:
        yield Finding(
            code="unreviewed",
            grade=Grade.WARNING,
            sentence=f"{drafts} drafts for it were reviewed by nobody; they are no part of it and measure nothing",
            next_step=f"Keep or drop them, one key each: `selftune suite grow --suite {suite.name}`.",
        )


def _alike(suite: Suite) -> Iterator[Finding]:
    """Items that say nearly the same, or mean it; the two sides of a pair are meant to."""
    items, telling = suite.items, [_telling(item) for item in suite.items]
    near = likenesses([fingerprint(*one) for one in telling], _LIKE.near_duplicate)
    same = same_in_meaning([gist(*one) for one in telling], _LIKE.same_in_meaning)
    seen: set[frozenset[int]] = set()
    for first, second, similarity in (*near, *same, *_known_elsewhere(suite)):
        one, other = items[first], items[second]
        both = frozenset((first, second))
        paired = one.pair is not None and one.pair == other.pair
        if both in seen or paired or (one.messages, one.follow_ups) == (other.messages, other.follow_ups):
            continue
        seen.add(both)
        ids = (one.id, other.id)
        if _are_apart(one, other):
            yield leak(ids, f"but for a few words (likeness {similarity:.2f})")
        else:
            yield Finding(
                code="near_duplicate",
                grade=Grade.WARNING,
                sentence=f"{named(ids)} say nearly the same (likeness {similarity:.2f}): they count as two and tell "
                "hardly more than one",
                next_step="Replace one of them.",
                items=ids,
            )


def _known_elsewhere(suite: Suite) -> Iterator[tuple[int, int, float]]:
    """Held-out items and what is like them in the other tiers, as loosely as lessons are held against items."""
    held = [place for place, item in enumerate(suite.items) if item.tier == HELD_OUT]
    others = {item.id: place for place, item in enumerate(suite.items) if item.tier != HELD_OUT}
    if not held:
        return
    asked = [asked_of(suite.items[place]) for place in held]
    known = (asked_of(suite.items[place]) for place in others.values())
    measured = Measured(
        tuple(Yardstick(name=name, text=text, state=state) for name, (text, state) in zip(others, known, strict=True))
    )
    for place, one in zip(held, asked, strict=True):
        name = measured.find_exact(*one)
        if name is not None:
            yield others[name], place, 1.0
    gists = (gist((Message(role="user", content=text),), state) for text, state in asked)
    for at, (name, similarity) in measured.find_neighbours(gists).items():
        yield others[name], held[at], similarity


def _are_apart(one: SuiteItem, other: SuiteItem) -> bool:
    return one.tier != other.tier and HELD_OUT in {one.tier, other.tier}


def _telling(item: SuiteItem) -> tuple[Sequence[Message], str | None]:
    turns = (*item.messages, *(Message(role="user", content=text) for text in item.follow_ups))
    return turns, find_state(item.messages)


def _contaminated(suite: Suite, store: Store) -> Iterator[Finding]:
    """Items that lie close to a lesson of any dataset, one finding a dataset; and those that differ by a word."""
    asked = [asked_of(item) for item in suite.items]
    for _, dataset in store.each(Dataset):
        lessons = tuple(_lessons(dataset))
        overlaps = find_overlaps(asked, Measured(lessons))
        yield from _reworded(suite, asked, lessons, known=overlaps.keys(), dataset=dataset.id[:20])
        ids = [suite.items[place].id for place in sorted(overlaps)]
        if ids:
            first = overlaps[min(overlaps)]
            yield Finding(
                code="contaminated",
                grade=Grade.ERROR,
                sentence=f"{named(ids)} lie close to what dataset {dataset.id[:20]} teaches: of {ids[0]}, {first}",
                next_step="Replace these items: they measure what was learnt by heart.",
                items=tuple(ids),
            )


def _reworded(
    suite: Suite, asked: Sequence[Asked], lessons: Sequence[Yardstick], *, known: Collection[int], dataset: str
) -> Iterator[Finding]:
    """Items that a lesson under the same state asks but for a word; it says nothing of the right answer to them."""
    near: dict[int, str] = {}
    for state in dict.fromkeys(state for _, state in asked):
        places = [place for place, one in enumerate(asked) if one[1] == state and place not in known]
        taught = [lesson for lesson in lessons if lesson.state == state]
        found = find_reworded([asked[place][0] for place in places], [lesson.text for lesson in taught])
        near |= {places[at]: taught[lesson].name for at, lesson, _ in found}
    if near:
        ids = [suite.items[place].id for place in sorted(near)]
        yield Finding(
            code="reworded",
            grade=Grade.WARNING,
            sentence=f"{named(ids)} differ by a word or so from what dataset {dataset} teaches: {ids[0]} from "
            f"{near[min(near)]}",
            next_step="Read both: where a name or a thing was changed it is another question, else replace the item.",
            items=tuple(ids),
        )


def _lessons(dataset: Dataset) -> Iterable[Yardstick]:
    """What each lesson asks, once."""
    for messages, interaction_id in dict.fromkeys(
        (one.messages, one.interaction_id) for one in not_erased(dataset.train)
    ):
        text = "\n".join(message.content for message in messages if message.role == "user")
        yield Yardstick(name=f"lesson {interaction_id[:24]}", text=text, state=find_state(messages))
