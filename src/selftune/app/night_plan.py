"""What a night would do, told before it does anything: by the same rules that the night itself then goes by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from selftune.errors import ConfigError, NothingNewError, NotYet, SelftuneError
from selftune.loop.braking import check_brake, check_freeze
from selftune.loop.config import EngineChoice
from selftune.loop.experiments.agenda.reading import read_agenda
from selftune.loop.experiments.agreement import agreement_on
from selftune.loop.experiments.halving import arms_for
from selftune.loop.experiments.screening import doubt_of_race, make_screen
from selftune.loop.lessons.recipes import recipe_in_force
from selftune.loop.night.alarms import refuse_stopped
from selftune.loop.night.clock import SimulatedClock, SystemClock
from selftune.loop.night.estimates import seconds_for, seconds_to_look
from selftune.loop.night.night import (
    plan_of,
    refuse_arms_that_cannot_pause,
    refuse_engine_on,
    was_trained_before,
    weighed_project,
)
from selftune.loop.night.serving import Service, must_make_room
from selftune.loop.night.shift import allowance_of, call_night, engine_of, most_tries, next_begin, open_window
from selftune.loop.night.trying import FEWEST_ARMS, seconds_to_weigh
from selftune.loop.night.window import next_time
from selftune.loop.nodes.base import in_words, may_promote, on_node
from selftune.loop.nodes.finding import find_node
from selftune.loop.planning import form_of, make_plan
from selftune.loop.prompts.wishes import trains
from selftune.loop.runner import check_breaker
from selftune.records import Dataset, Experiment, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from selftune.evals.config import EvaluationConfig
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.night.clock import Clock
    from selftune.loop.night.estimates import Estimate
    from selftune.loop.night.shift import Wishes
    from selftune.loop.nodes.base import Node
    from selftune.loop.project import Project
    from selftune.records import Suite


@dataclass(frozen=True, kw_only=True)
class NightPlan:
    """What a night would do, as far as it can be told without doing anything.

    Attributes:
        name: What it is called; `resumed` where it was begun before, cut off, and goes on.
        hindered: Why it does not begin as things stand, each reason with its next step.
        begins: When; `until` its hard stop, both by this machine's clock.
        news: What is new in the log, or why nothing of it would be learnt.
        screen: What tries are asked; None where nothing can be tried, and `untried` says why.
        agreement: How far its effects went with the gate's so far.
        doubt: Why it is small for so many arms; None where it is not.
        engine: Who trains the tries.
        arms: So many at most are halved, in place of `max_experiments` tries to their end; 0: none are.
        each: What one try takes; None where nothing was ever learnt here, so that nothing can be reckoned.
        tries: So many tries or arms fit into time and money, the baseline beside them.
        gate_seconds: What asking the gate takes, which is kept free; None where it is not asked.
        rests: Why what serves would be stopped and started again; empty: it goes on serving.
        serving_seconds: What is kept free for its return.
    """

    name: str
    resumed: bool
    hindered: tuple[str, ...]
    begins: datetime
    until: datetime | None
    node: Node
    agenda: Agenda
    news: str
    screen: Suite | None
    untried: str
    agreement: str
    doubt: str | None
    proposer: str
    engine: EngineChoice
    arms: int
    max_experiments: int
    budget_usd: float | None
    each: Estimate | None
    tries: int | None
    gate_seconds: float | None
    rests: str
    serving_seconds: float


@dataclass(frozen=True, kw_only=True)
class _Coming:
    """When the night begins, what it is called, and why it does not, if so."""

    name: str
    resumed: bool
    begins: datetime
    until: datetime | None
    seconds: float
    hindered: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _News:
    """What is new, why nothing can be learnt from it or from what is there, and what the gate then takes.

    Attributes:
        suffices: Whether a cycle alone would have something to do, so that the gate is asked also without a try.
    """

    told: str
    suffices: bool = False
    untried: str = ""
    gate_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Try:
    """What one try takes, its look at the screen alone, and why what serves must rest for it."""

    each: Estimate
    look_seconds: float
    rests: str


def plan_night(project: Project, wishes: Wishes, clock: Clock | None = None) -> NightPlan:
    """What a night that begins now, or at its hour, would do; nothing is touched.

    Raises:
        ConfigError: the agenda or the config can't be read.
        NodeAwayError: the machine that trains does not answer, and nothing may stand in.
    """
    clock = clock or SystemClock()
    coming, node = _coming(project, wishes, clock), find_node(project, wishes.mode)
    agenda = read_agenda(on_node(project, node))
    news, (screen, unscreened) = _news(project, node), _screen(project, agenda)
    tried = _try(on_node(project, node), screen)
    rests = "" if tried is None else tried.rests
    # Kept free for the gate and for what serves: a try that would end in it is not begun.
    kept = Service(project, because=rests, clock=clock).reserve_seconds
    gate = news.gate_seconds if screen is not None or news.suffices else None
    left = max(0.0, coming.seconds - (gate or 0.0) - kept)
    return NightPlan(
        name=coming.name,
        resumed=coming.resumed,
        hindered=(*coming.hindered, *_refused(project, wishes, node)),
        begins=coming.begins,
        until=coming.until,
        node=node,
        agenda=agenda,
        news=news.told,
        screen=None if screen is None else screen.suite,
        untried=unscreened or news.untried,
        agreement="" if screen is None else _agreement(project, screen.suite),
        doubt=None if screen is None else doubt_of_race(screen.suite, project.config.nightly.arms),
        proposer=project.config.nightly.proposer,
        engine=engine_of(project, wishes),
        arms=project.config.nightly.arms,
        max_experiments=most_tries(project, wishes),
        budget_usd=allowance_of(project, wishes).usd,
        each=None if tried is None else tried.each,
        tries=None if tried is None else _fitting(project, wishes, coming, tried, left),
        gate_seconds=gate,
        rests=rests,
        serving_seconds=kept,
    )


def describe_plan(plan: NightPlan) -> tuple[str, ...]:
    """The plan in lines for a person."""
    agenda, each = plan.agenda, plan.each
    knobs = ", ".join(f"{knob.key} ({knob.lane.value})" for knob in agenda.knobs)
    stop = "no hard stop" if plan.until is None else f"hard stop {plan.until:%Y-%m-%d %H:%M}"
    lines = [
        f"night    {plan.name}{', which was cut off and goes on' if plan.resumed else ''}",
        *(f"not yet  {reason}" for reason in plan.hindered),
        f"begins   {plan.begins:%Y-%m-%d %H:%M}, {stop}",
        f"node     {in_words(plan.node)}",
        f"new      {plan.news}",
        f"agenda   {agenda.goal}",
        f"         {knobs}",
        f"tries    {_tries_line(plan)}",
        f"engine   {_engine_line(plan)}",
        f"screen   {plan.untried or _screen_line(plan)}",
        *([] if plan.doubt is None else [f"         {plan.doubt}"]),
    ]
    if each is not None:
        lines.append(
            f"each     {each.seconds:.0f} s [{each.low:.0f}, {each.high:.0f}], {each.usd:.2f} USD: {each.source}"
        )
    lines.append(f"gate     {_gate_line(plan)}")
    budget = "no limit" if plan.budget_usd is None else f"{plan.budget_usd:.2f} USD at most"
    lines.append(f"money    {budget}")
    lines.append(f"serving  {_serving_line(plan)}")
    return tuple(lines)


def plan_summary(plan: NightPlan) -> dict[str, Any]:
    """The plan as `--json` prints it: records by name, moments as ISO 8601."""
    return {
        **{each.name: getattr(plan, each.name) for each in fields(plan)},
        "begins": plan.begins.isoformat(),
        "until": None if plan.until is None else plan.until.isoformat(),
        "node": {"mode": plan.node.mode, "name": plan.node.name, "base": plan.node.base.name},
        "agenda": {"goal": plan.agenda.goal, "knobs": {knob.key: knob.lane.value for knob in plan.agenda.knobs}},
        "screen": None if plan.screen is None else {"name": plan.screen.name, "items": len(plan.screen.items)},
    }


def _tries_line(plan: NightPlan) -> str:
    most = f"{plan.arms} arms" if plan.arms else f"{plan.max_experiments}"
    fitting = "nothing can be reckoned before a first training" if plan.tries is None else f"{plan.tries} fit in"
    return f"up to {most} by {plan.proposer}; {fitting}"


def _engine_line(plan: NightPlan) -> str:
    serial = plan.engine is EngineChoice.SERIAL
    return f"{plan.engine.value}, {'one after the other' if serial else 'several at once'}"


def _screen_line(plan: NightPlan) -> str:
    assert plan.screen is not None, "what can't be tried says why"  # noqa: S101 - can't happen
    size = f"{len(plan.screen.items)} items in {len(plan.screen.categories)} categories"
    return f"{plan.screen.name}, {size}; it {plan.agreement}"


def _gate_line(plan: NightPlan) -> str:
    if plan.gate_seconds is not None:
        return f"about {plan.gate_seconds:.0f} s kept free for one candidate, on items that no try has seen"
    return "not asked: " + ("nothing is tried" if may_promote(plan.node) else "a base that stands in promotes nothing")


def _serving_line(plan: NightPlan) -> str:
    if not plan.rests:
        return "goes on all night"
    kept = f"{plan.serving_seconds:.0f} s are kept free for its return"
    return f"stopped for each training and started again after it: {plan.rests}; {kept}"


def _coming(project: Project, wishes: Wishes, clock: Clock) -> _Coming:
    now, hindered = clock.now(), []
    try:
        begins = next_begin(project, wishes, now)
    except NothingNewError as none:
        hindered.append(_said(none))
        begins = next_time(now, project.config.nightly.at)
    then = SimulatedClock(begins)
    window = open_window(project, wishes, then)
    try:
        name, resumed = call_night(project, window, again=wishes.now)
    except NothingNewError as had:
        hindered.append(_said(had))
        name, resumed = window.date, False
    return _Coming(
        name=name,
        resumed=resumed,
        begins=begins,
        until=window.until,
        seconds=window.seconds_left(then),
        hindered=tuple(hindered),
    )


def _refused(project: Project, wishes: Wishes, node: Node) -> Iterator[str]:
    """Why the night would be refused before it begins; whether somebody trains at its hour can't be told now."""
    checks: tuple[Callable[[], None], ...] = (
        lambda: check_brake(project),
        lambda: check_freeze(project),
        lambda: check_breaker(project),
        lambda: refuse_stopped(project),
        lambda: refuse_arms_that_cannot_pause(project),
        lambda: refuse_engine_on(project, node, engine_of(project, wishes)),
    )
    for check in checks:
        try:
            check()
        except SelftuneError as refusal:
            yield _said(refusal)


def _news(project: Project, node: Node) -> _News:
    try:
        plan, waits = plan_of(weighed_project(project, node), make_plan)
    except NotYet as halt:
        return _News(told=halt.message, untried=f"nothing is tried: {_said(halt)}")
    if waits is not None and not was_trained_before(project):
        return _News(told=waits.message, untried=f"nothing is tried: {_said(waits)}")
    return _News(
        told=f"{plan.new_interactions} interactions" if waits is None else waits.message,
        suffices=waits is None,
        gate_seconds=seconds_to_weigh(project, plan) if may_promote(node) else None,
    )


def _screen(project: Project, agenda: Agenda) -> tuple[EvaluationConfig | None, str]:
    if not trains(project.config):
        return None, 'nothing is trained here: the recipe is "none"'
    try:
        return make_screen(project, agenda), ""
    except ConfigError as error:
        return None, f"nothing is tried: {_said(error)}"


def _agreement(project: Project, screen: Suite) -> str:
    return agreement_on(project.store, digest_of(screen), project.base.digest).in_words


def _try(project: Project, screen: EvaluationConfig | None) -> _Try | None:
    """One try by the newest lessons; None where nothing can be tried or was ever learnt."""
    dataset = project.store.last(Dataset)
    if screen is None or dataset is None:
        return None
    recipe, form = recipe_in_force(project), form_of(project)
    return _Try(
        each=seconds_for(project, recipe, dataset, screen, form),
        look_seconds=seconds_to_look(project, recipe, dataset, screen, form),
        rests=must_make_room(project, recipe, dataset),
    )


def _fitting(project: Project, wishes: Wishes, coming: _Coming, tried: _Try, seconds: float) -> int:
    """How many tries, or arms, there is time and money for."""
    each, look, most = tried.each, tried.look_seconds, project.config.nightly.arms
    if most:
        arms = arms_for(seconds, max(0.0, each.seconds - look), seconds_per_look=look, most=most)
        return arms if arms >= FEWEST_ARMS else 0
    made = sum(1 for _, one in project.store.each(Experiment) if coming.resumed and one.night == coming.name)
    in_time = int(seconds // each.seconds) - 1  # the baseline beside them
    return max(0, min(most_tries(project, wishes) - made, in_time, _paid_for(project, wishes, each)))


def _paid_for(project: Project, wishes: Wishes, each: Estimate) -> int:
    """How many tries the night's money suffices for; the first one is begun before its baseline is paid."""
    usd = allowance_of(project, wishes).usd
    if usd is None or not each.usd:
        return most_tries(project, wishes)
    return max(int(usd >= each.usd), int(usd // each.usd) - 1)


def _said(error: SelftuneError) -> str:
    return f"{error.message} {error.next_step}".rstrip()
