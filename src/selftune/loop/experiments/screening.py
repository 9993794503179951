"""What a night's tries are asked: a screen that shares no item with the gate, and holds whatever is guarded.

Tries are chosen by their answers to it, night after night, so that nothing it says may decide; what decides is asked
on items that no try was chosen by.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final

from selftune.curation.likeness.contamination import Measured
from selftune.curation.likeness.meaning import gist
from selftune.errors import ConfigError
from selftune.evals.config import EvaluationConfig
from selftune.evals.coverage import CAN_GATE, Grade, lint_suite, unit_of
from selftune.evals.suites import SUITES, load_suite
from selftune.loop.configured import make_evaluation
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.ejected import find_text
from selftune.loop.experiments.agreement import agreement_on
from selftune.loop.experiments.screen import SCREEN, draw_screen, drawable, part_of
from selftune.loop.measuring.demands import demands_of
from selftune.loop.measuring.further import further_suites
from selftune.loop.measuring.grading import make_gate_judge
from selftune.loop.measuring.yardsticks import yardsticks_of
from selftune.records import Message, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.base import Yardstick
    from selftune.curation.likeness.meaning import Gist
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.records import Suite

DECIDES_ENDING: Final = "_gate"
SCREEN_ENDING: Final = "_screen"
"""A suite that decides is called NAME or NAME_gate, and its screen NAME_screen."""

FEW_ARMS: Final = 4
UNITS_FOR_FEW: Final = 36
UNITS_FOR_MANY: Final = 60
"""Units of a screen on which a race of up to so few arms, and of more, finds a gain of 0.20 that shows soon in nineteen
of twenty or more, by `make report REPORT_ARGS=halving`."""


def make_screen(project: Project, agenda: Agenda) -> EvaluationConfig:
    """The screen that the agenda names, or the one that goes with the suite that decides; and how it is asked.

    Of a whole suite `[nightly] screen_items` are drawn, in every night the same ones, so that nights can be compared.
    A screen that was shown to run against the gate is not asked again: all of its suite is, or nothing.

    Raises:
        ConfigError: there is none, it is switched off, it has an error, it shares an item with a suite that the gate
            asks, or it lacks a guarded category.
        UnknownNameError: no suite has the name that the agenda gives.
        UsageError: so few items can't hold every part of it.
    """
    section, guarded = project.config.evaluation, agenda.constraints.guarded
    deciding = make_evaluation(project).suite
    asked = (deciding, *(one.suite for one in further_suites(project, deciding)))
    whole = _find(project, agenda, deciding)
    wanted = (*demands_of(policy_of(project), deciding).guarded, *guarded)
    suite = _choose_trusted(project, whole, wanted)
    refuse_unsound_screen(suite)
    refuse_blind_screen(suite, wanted)
    refuse_shared_items(suite, asked)
    grader = make_gate_judge(project, suite)
    return EvaluationConfig(suite=suite, repeats=section.repeats, slots=section.slots, grader=grader)


def _choose_trusted(project: Project, whole: Suite, wanted: Sequence[str]) -> Suite:
    """The part of it that is drawn; all of it once that is shown to choose the worse, and nothing once that is too.

    Raises:
        ConfigError: the screen is switched off.
    """
    choices = [whole]
    if whole.purpose == CAN_GATE:
        seed, items = project.config.project.seed, project.config.nightly.screen_items
        drawn = draw_screen(whole, items=items, seed=seed, guarded=wanted)
        named = replace(drawn, name=f"{whole.name}-{len(drawn.items)}")
        choices = [named, part_of(whole, drawable(whole), purpose=SCREEN)]
    for suite in choices:
        found = agreement_on(project.store, digest_of(suite), project.base.digest)
        if not found.is_off:
            return suite
    raise ConfigError(
        f"screen {whole.name!r} {found.in_words}.",
        next_step="Name another screen under Constraints in program.md: what does well on this one does badly.",
    )


def hold_off(plan: Plan, screen: Suite) -> Plan:
    """The plan under which nothing is learnt that lies close to the screen."""
    known = frozenset(plan.yardsticks)
    further = (one for one in yardsticks_of(screen) if one not in known)
    return replace(plan, yardsticks=(*plan.yardsticks, *further))


def refuse_unsound_screen(screen: Suite) -> None:
    """Stop before a run that a fault of the screen would spoil.

    Raises:
        ConfigError: it has an error; the message is its first one.
    """
    errors = [one for one in lint_suite(screen) if one.grade is Grade.ERROR]
    if errors:
        raise ConfigError(f"screen {screen.name!r}: {errors[0].sentence}.", next_step=errors[0].next_step)


def units_for_race(arms: int) -> int:
    """How many units a screen must have for so many arms to be raced on it."""
    return UNITS_FOR_FEW if arms <= FEW_ARMS else UNITS_FOR_MANY


def doubt_of_race(screen: Suite, arms: int) -> str | None:
    """Why a screen is too small to race so many arms on it, and what to do, in words; None where it is not.

    Such a race does no harm, for it decides nothing: it is likely to find less than it could.
    """
    units, wanted = len({unit_of(item, screen) for item in screen.items}), units_for_race(arms)
    if not arms or units >= wanted:
        return None
    items = ceil(wanted * len(screen.items) / units)
    fewer = "" if arms <= FEW_ARMS else f"; up to {FEW_ARMS} arms take {UNITS_FOR_FEW}"
    return (
        f"{arms} arms are raced on {units} {screen.unit}s, where chance may drop the best of them: to find a gain of "
        f"0.20 in nineteen races of twenty takes {wanted} {screen.unit}s{fewer}. Set screen_items = {items} under "
        "[nightly], or ask a larger suite."
    )


def refuse_blind_screen(screen: Suite, guarded: Sequence[str]) -> None:
    """Stop before a run when the screen could not see a guarded category fall (mission B35).

    Raises:
        ConfigError: it has no item in one; the message names it.
    """
    held = {item.category for item in screen.items}
    missing = [category for category in guarded if category not in held]
    if missing:
        raise ConfigError(
            f"screen {screen.name!r} has no item in guarded category {missing[0]!r}, where no try may fall.",
            next_step="Name a screen that has some under Constraints in program.md, or drop the guard.",
        )


def refuse_shared_items(screen: Suite, asked: Sequence[Suite]) -> None:
    """Stop before a run when tries would be chosen by what the gate asks them later: it would measure the choice.

    Raises:
        ConfigError: an item is, word for word or nearly, one of a suite that the gate asks; both are named.
    """
    found = find_shared(screen, asked)
    if found:
        place = min(found)
        name, likeness = found[place]
        raise ConfigError(
            f"screen {screen.name!r} shares {len(found)} of its {len(screen.items)} items with what the gate asks: "
            f"{screen.items[place].id} is {name}, or nearly (likeness {likeness:.2f}).",
            next_step="Name another screen under Constraints in program.md, or cut one off the suite that decides: "
            f"`selftune suite split {asked[0].name} --screen 0.3`.",
        )


def find_shared(screen: Suite, asked: Sequence[Suite]) -> dict[int, tuple[str, float]]:
    """Places in the screen whose question is one of these suites', word for word or nearly: which, and how near.

    As the lint of suites holds items that are held out against the others. Eight words in a row, by which a lesson is
    left out, say nothing here: items of one suite share their phrasings, and ask different things.
    """
    items, measured = yardsticks_of(screen), Measured(yardsticks_of(*asked))
    near = measured.find_neighbours(gist_of(one) for one in items)
    exact = ((place, measured.find_exact(one.text, one.state)) for place, one in enumerate(items))
    return {**near, **{place: (name, 1.0) for place, name in exact if name is not None}}


def gist_of(asked: Yardstick) -> Gist:
    """What the meaning of a question is compared by."""
    return gist((Message(role="user", content=asked.text),), asked.state)


def _find(project: Project, agenda: Agenda, deciding: Suite) -> Suite:
    """The suite that the agenda names, else the one that is called after the suite that decides."""
    if agenda.constraints.screen:
        return load_suite(find_text(project.folder, "suite", agenda.constraints.screen))
    name = deciding.name.removesuffix(DECIDES_ENDING) + SCREEN_ENDING
    own = project.folder / SUITES.folder / f"{name}{SUITES.endings[0]}"
    if not own.is_file() and name not in SUITES.names():
        raise ConfigError(
            f"there is no screen beside suite {deciding.name!r}, which decides, and tries may not be chosen by that.",
            next_step=f"Cut one off it, `selftune suite split {deciding.name} --screen 0.3`, or name a suite that the "
            "gate does not ask as screen under Constraints in program.md.",
        )
    return load_suite(find_text(project.folder, "suite", name))
