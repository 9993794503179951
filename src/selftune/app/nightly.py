"""A night for the commands of that name: what it would do, and what it did, as plain data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.app.nights_report import morning_note
from selftune.app.summary import decision_summary, release_summary
from selftune.errors import ConfigError, NotYet
from selftune.loop.experiments.agenda.reading import read_agenda
from selftune.loop.experiments.agreement import agreement_on
from selftune.loop.experiments.screening import make_screen
from selftune.loop.lessons.recipes import recipe_in_force
from selftune.loop.night.clock import SystemClock
from selftune.loop.night.estimates import seconds_for
from selftune.loop.night.serving import must_make_room
from selftune.loop.night.shift import allowance_of
from selftune.loop.night.trying import USED_UP, seconds_to_weigh
from selftune.loop.night.window import last_time, next_time, seconds_between
from selftune.loop.nodes.base import in_words, on_node
from selftune.loop.nodes.finding import find_node
from selftune.loop.planning import form_of, make_plan
from selftune.loop.prompts.wishes import trains
from selftune.records import Dataset, digest_of
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from datetime import datetime

    from selftune.evals.config import EvaluationConfig
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.night.estimates import Estimate
    from selftune.loop.night.night import NightReport
    from selftune.loop.night.shift import Wishes
    from selftune.loop.nodes.base import Node
    from selftune.loop.project import Project
    from selftune.records import Suite

MORNING_NOTES: Final = Path("memory") / "nights"
BUDGETS: Final = frozenset({"money", "judge calls", "disk", USED_UP})
"""What a night is ended by where it could not pay for more."""


@dataclass(frozen=True, kw_only=True)
class NightPlan:
    """What a night would do, as far as it can be told without doing anything.

    Attributes:
        begins: When; `until` its hard stop, both by this machine's clock.
        news: What is new in the log, or why nothing of it would be learnt.
        screen: What tries are asked; None where nothing can be tried, and `untried` says why.
        agreement: How far its effects went with the gate's so far.
        each: What one try takes; None where nothing was ever learnt here, so that nothing can be reckoned.
        tries: So many fit into the night, the baseline beside them.
        gate_seconds: What asking the gate takes.
        rests: Why what serves would be stopped and started again; empty: it goes on serving.
    """

    begins: datetime
    until: datetime
    node: Node
    agenda: Agenda
    news: str
    screen: Suite | None
    untried: str
    agreement: str
    proposer: str
    max_experiments: int
    budget_usd: float | None
    each: Estimate | None
    tries: int | None
    gate_seconds: float | None
    rests: str


def plan_night(project: Project, wishes: Wishes) -> NightPlan:
    """What a night that begins now, or at its hour, would do; nothing is touched.

    Raises:
        ConfigError: the agenda or the config can't be read.
        NodeAwayError: the machine that trains does not answer, and nothing may stand in.
    """
    section, now = project.config.nightly, SystemClock().now()
    until = wishes.until or section.until
    in_hours = seconds_between(now, next_time(last_time(now, section.at), until)) > 0
    begins = now if wishes.now or in_hours else next_time(now, section.at)
    ends = next_time(begins, until)
    node = find_node(project, wishes.mode)
    agenda = read_agenda(on_node(project, node))
    most = section.max_experiments if wishes.max_experiments is None else wishes.max_experiments
    screen, untried = _screen(project, agenda)
    each, rests = _try(on_node(project, node), screen)
    news, gate_seconds = _news(project)
    left = seconds_between(begins, ends) - (gate_seconds or 0.0)
    return NightPlan(
        begins=begins,
        until=ends,
        node=node,
        agenda=agenda,
        news=news,
        screen=None if screen is None else screen.suite,
        untried=untried,
        agreement="" if screen is None else _agreement(project, screen.suite),
        proposer=section.proposer,
        max_experiments=most,
        budget_usd=allowance_of(project, wishes).usd,
        each=each,
        tries=None if each is None else max(0, min(most, int(left // each.seconds) - 1)),
        gate_seconds=gate_seconds,
        rests=rests,
    )


def describe_plan(plan: NightPlan) -> tuple[str, ...]:
    """The plan in lines for a person."""
    agenda, each = plan.agenda, plan.each
    knobs = ", ".join(f"{knob.key} ({knob.lane.value})" for knob in agenda.knobs)
    tries = "nothing can be reckoned before a first training" if plan.tries is None else f"{plan.tries} fit in"
    lines = [
        f"begins   {plan.begins:%Y-%m-%d %H:%M}, hard stop {plan.until:%Y-%m-%d %H:%M}",
        f"node     {in_words(plan.node)}",
        f"new      {plan.news}",
        f"agenda   {agenda.goal}",
        f"         {knobs}",
        f"tries    up to {plan.max_experiments} by {plan.proposer}; {tries}",
        f"screen   {plan.untried or _screen_line(plan)}",
    ]
    if each is not None:
        lines.append(
            f"each     {each.seconds:.0f} s [{each.low:.0f}, {each.high:.0f}], {each.usd:.2f} USD: {each.source}"
        )
    if plan.gate_seconds is not None:
        lines.append(f"gate     about {plan.gate_seconds:.0f} s for one candidate, on items that no try has seen")
    budget = "no limit" if plan.budget_usd is None else f"{plan.budget_usd:.2f} USD at most"
    lines.append(f"money    {budget}")
    rests = f"stopped for each training and started again after it: {plan.rests}" if plan.rests else "goes on all night"
    lines.append(f"serving  {rests}")
    return tuple(lines)


def leave_morning_note(project: Project, report: NightReport) -> str:
    """What a person reads in the morning, also as a file in the project; empty where no night began."""
    if report.night is None:
        return ""
    note = morning_note(project, report.night)
    path = project.folder / MORNING_NOTES / f"{report.night.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, f"{note}\n".encode())
    return note


def night_summary(project: Project, report: NightReport) -> dict[str, Any]:
    """A night as `--json` prints it."""
    return {
        "night": report.night,
        "experiments": report.experiments,
        "decision": None if report.decision is None else decision_summary(report.decision),
        "release": None if report.release is None else release_summary(project, report.release),
        "halted": report.halted,
    }


def exit_code_of(report: NightReport) -> int:
    """As a cycle ends; where nothing serves any more, or a budget was used up before the gate was asked, that one's."""
    from selftune.app.cli.exit_codes import ExitCode, code_of

    if report.night is not None and any(outage.seconds is None for outage in report.night.outages):
        return ExitCode.INVALID
    if report.decision is not None:
        return code_of(report.decision.outcome)
    if report.halted is not None and report.halted.exit_code:
        return report.halted.exit_code
    night = report.night
    return ExitCode.BUDGET if night is not None and night.ended_by in BUDGETS else ExitCode.OK


def _screen_line(plan: NightPlan) -> str:
    assert plan.screen is not None, "what can't be tried says why"  # noqa: S101 - can't happen
    size = f"{len(plan.screen.items)} items in {len(plan.screen.categories)} categories"
    return f"{plan.screen.name}, {size}; it {plan.agreement}"


def _agreement(project: Project, screen: Suite) -> str:
    return agreement_on(project.store, digest_of(screen), project.base.digest).in_words


def _screen(project: Project, agenda: Agenda) -> tuple[EvaluationConfig | None, str]:
    if not trains(project.config):
        return None, 'nothing is trained here: the recipe is "none"'
    try:
        return make_screen(project, agenda), ""
    except ConfigError as error:
        return None, f"nothing is tried: {error.message} {error.next_step}"


def _try(project: Project, screen: EvaluationConfig | None) -> tuple[Estimate | None, str]:
    """What a try takes, and why what serves must rest for it, by the newest lessons."""
    dataset = project.store.last(Dataset)
    if screen is None or dataset is None:
        return None, ""
    recipe = recipe_in_force(project)
    return seconds_for(project, recipe, dataset, screen, form_of(project)), must_make_room(project, recipe, dataset)


def _news(project: Project) -> tuple[str, float | None]:
    try:
        plan = make_plan(project)
    except NotYet as halt:
        return halt.message, None
    return f"{plan.new_interactions} interactions", seconds_to_weigh(project, plan)
