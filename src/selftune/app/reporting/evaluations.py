"""The page of one evaluation, or of several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.answers import sheet_of_evaluation
from selftune.app.reporting.arms import PLACES, arm_parts, part_tables, view
from selftune.app.reporting.caveats import unscored_part
from selftune.app.reporting.costs import cost_parts
from selftune.app.reporting.measures import measure_parts
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Section, Table
from selftune.app.reporting.repeating import repeating_parts
from selftune.app.reporting.sheets import best_and_worst_answers
from selftune.app.reporting.thinking import thinking_parts, thinking_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.pages.parts import Part
    from selftune.app.reporting.suites import KnownSuites
    from selftune.records import Evaluation

_SHOWN: Final = 3  # arms whose best and worst items are shown
_REPEATS: Final = {True: "yes", False: "no", None: "not asked"}


def evaluation_page(
    evaluations: Sequence[tuple[str, Evaluation]], suites: KnownSuites, further: Sequence[Section] = ()
) -> Page:
    """Evaluations side by side, each under the name given, which no other has; `further` stands behind their parts."""
    arms = [view(name, one, suites.unit_of(one)) for name, one in evaluations]
    asked = sorted({one.suite for _, one in evaluations})
    return Page(
        title=f"Evaluation on {' and '.join(asked)}",
        lead=tuple(_lead(arms)),
        sections=(
            Section(title="Arms", parts=tuple(arm_parts(arms))),
            Section(title="Parts", parts=(*part_tables(arms), *measure_parts(arms), *thinking_parts(arms))),
            *further,
            *(best_and_worst(arm, suites) for arm in arms[:_SHOWN]),
            Section(title="Without a score", parts=(unscored_of(arms),)),
            Section(title="Conditions", parts=(conditions(arms),)),
            Section(title="Cost", parts=tuple(cost_parts(arms, None))),
            Section(title="To make them again", folded=True, parts=tuple(repeating_parts(arms))),
        ),
        foot="Every figure is reckoned from the outcomes on record.",
        again=" ".join(one.id for _, one in evaluations),
    )


def _lead(arms: Sequence[ArmView]) -> Iterator[str]:
    for arm in arms:
        overall, worst = arm.summary.overall, arm.summary.lowest
        lowest = f"; lowest in {worst[0]}, {figures.number(worst[1].value, PLACES)}" if worst else ""
        over = figures.counted(overall.n, arm.summary.unit)
        mean = figures.mean(overall.value, overall.interval, PLACES)
        yield f"{arm.name}: {mean} over {over}{lowest}; {overall.unscored} without a score."
    for arm in arms:
        if arm.evaluation.deterministic is False:
            yield (
                f"Beware: asked the same twice at temperature 0, the server of {arm.name} gave two answers, so the "
                "same evaluation gives other figures the next time."
            )
    yield from thinking_warnings(arms)
    if len({arm.evaluation.suite_digest for arm in arms}) > 1:
        yield "Beware: these were not asked the same suite, so their means can't be held against each other."


def best_and_worst(arm: ArmView, suites: KnownSuites) -> Section:
    """The items with the highest and the lowest score, with what was asked and answered."""
    sheet = sheet_of_evaluation(arm.evaluation, arm.name, suites.items_of(arm.evaluation))
    return Section(title=f"Best and worst items of {arm.name}", folded=True, parts=tuple(best_and_worst_answers(sheet)))


def unscored_of(arms: Sequence[ArmView]) -> Part:
    """Every item that has no score, by name and with its reason; none of them counts as zero."""
    return unscored_part(
        [(item_id, arm.name, reason) for arm in arms for item_id, reason in arm.summary.unscored], "arm"
    )


def conditions(arms: Sequence[ArmView]) -> Table:
    """Under what each arm was asked: they must be equal for means to be compared."""
    rows = tuple(
        (
            arm.name,
            f"{arm.evaluation.suite} {arm.evaluation.suite_digest[:15]}",
            arm.evaluation.scorer,
            ", ".join(arm.evaluation.scorer_lineage) or "code, no model",
            f"{arm.evaluation.generation.temperature:g}",
            str(arm.evaluation.generation.max_tokens),
            ", ".join(map(str, arm.evaluation.seeds)),
            f"{arm.evaluation.proof.server}, {arm.evaluation.proof.model_digest[:15]}",
            _REPEATS[arm.evaluation.deterministic],
        )
        for arm in arms
    )
    head = (
        *("arm", "suite", "scorer", "scorer's models", "temperature", "most tokens", "seeds", "served and proved"),
        "one answer when asked twice",
    )
    return Table(caption="Conditions", head=head, rows=rows)
