"""What speaks against a proposal: the space, a lesson, earlier tries beside it, a region known to be bad, a rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.loop.experiments.agenda.knobs import lane_of, now_of
from selftune.loop.experiments.agenda.points import distance, ends_of, values_in
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.lessons.recipes import find_recipe, history_before, runs_on_base, with_rules_set_aside
from selftune.training.findings import Standing, overrule
from selftune.training.habits import is_too_far, judge_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.loop.experiments.base import Agenda, Asked, Knob, Lesson, Proposal, Seen
    from selftune.loop.project import Project

# Nearer than this share of a knob's range to an earlier try, one more tells hardly anything.
_CROWDED: Final = 0.05
# So near to a try that was clearly worse nothing is tried again on the same base.
_BAD: Final = 0.15
_SIGN: Final = re.compile(r"[=<>]")


def objection_to(proposal: Proposal, asked: Asked, project: Project) -> str | None:
    """Why this is not tried, in one sentence; None where nothing speaks against it."""
    return next(_objections(proposal, asked, project), None)


def _objections(proposal: Proposal, asked: Asked, project: Project) -> Iterator[str]:
    """Cheap looks first; the last ones may take for granted that the proposal lies in the space."""
    outside = list(_outside(proposal, asked.agenda))
    yield from outside
    if outside:
        return
    values = values_in(proposal.changes)
    yield from (_told(lesson) for lesson in asked.agenda.lessons if _forbids(lesson, values, project))
    yield from _too_near(asked.agenda.knobs, values, asked)
    yield from _broken_rules(proposal, project)


def _outside(proposal: Proposal, agenda: Agenda) -> Iterator[str]:
    knobs = {knob.key: knob for knob in agenda.knobs}
    values = values_in(proposal.changes)
    if not values:
        yield "it changes nothing"
    if len(values) != len(proposal.changes):
        yield "it changes one knob twice"
    if agenda.constraints.most_changes and len(values) > agenda.constraints.most_changes:
        yield f"it turns {len(values)} knobs, and {agenda.constraints.most_changes} may be turned at once"
    for key, text in values.items():
        if key not in knobs:
            yield f"{key} is not in the search space"
        elif not _within(knobs[key], text):
            yield f"{key}={text} lies outside of {' to '.join(_ends(knobs[key]))}"
        elif text == knobs[key].now:
            yield f"{key} is {text} already"
    lanes = {lane_of(key) for key in values if key in knobs}
    if lanes - {proposal.lane}:
        yield f"it turns knobs of another lane than {proposal.lane}"


def _within(knob: Knob, text: str) -> bool:
    if knob.choices:
        return text in knob.choices
    try:
        value = float(text)
    except ValueError:
        return False
    least, most = (float(end) for end in ends_of(knob))
    return least <= value <= most and (value.is_integer() or not knob.whole)


def _ends(knob: Knob) -> tuple[str, str]:
    ends = ends_of(knob)
    return ends[0], ends[-1]


def _forbids(lesson: Lesson, values: Mapping[str, str], project: Project) -> bool:
    if not lesson.conditions or lesson.base not in {"", project.base.name}:
        return False
    return all(_holds(condition, values, project) for condition in lesson.conditions)


def _holds(condition: str, values: Mapping[str, str], project: Project) -> bool:
    sign = _SIGN.findall(condition)[0]
    key, wanted = condition.split(sign, maxsplit=1)
    found = values.get(key) or now_of(key, find_recipe(project), project.config)
    try:
        value, bound = float(found), float(wanted)
    except ValueError:
        return sign == "=" and found == wanted
    return {"=": value == bound, "<": value < bound, ">": value > bound}[sign]


def _told(lesson: Lesson) -> str:
    source = f" ({lesson.source})" if lesson.source else ""
    return f"a lesson speaks against it: {lesson.text}{source}"


def _too_near(knobs: tuple[Knob, ...], values: Mapping[str, str], asked: Asked) -> Iterator[str]:
    near = distance(knobs, values, {})
    if near < _CROWDED:
        yield f"it lies within {_CROWDED:.0%} of the range of what is in force"
    for seen in asked.seen:
        before = _place(seen, knobs)
        if before is None or (seen.cut_off and seen.changes not in asked.done):
            continue
        apart = distance(knobs, values, before)
        if seen.effect is not None and seen.effect.interval[1] < 0 and apart <= _BAD:
            yield f"it lies near {seen.experiment}, which was worse by {-seen.effect.mean:.3f}, clear of noise"
        elif apart < _CROWDED:
            yield f"it lies within {_CROWDED:.0%} of the range of {seen.experiment}, which was tried"


def _place(seen: Seen, knobs: tuple[Knob, ...]) -> dict[str, str] | None:
    """Where an earlier try lay in today's space; None where it turned a knob that is not in it."""
    values, known = values_in(seen.changes), {knob.key: knob for knob in knobs}
    inside = all(key in known and _within(known[key], text) for key, text in values.items())
    return values if inside else None


def _broken_rules(proposal: Proposal, project: Project) -> Iterator[str]:
    """What recipe, curation and the rules that others paid for say of it."""
    try:
        varied = apply_changes(project, proposal.changes)
        recipe = find_recipe(varied)
    except UsageError as error:
        yield error.message
        return
    findings = judge_history(recipe, runs_on_base(varied), history_before(varied, recipe))
    standing = overrule(findings, with_rules_set_aside(varied, recipe).overrules)
    yield from (f"{one.rule}: {one.text}" for one in standing if one.standing is Standing.REFUSED)
    before = find_recipe(project)
    if recipe.objective == "orpo" and is_too_far(before.beta, recipe.beta):
        yield f"beta would go from {before.beta:g} to {recipe.beta:g} in one step"
