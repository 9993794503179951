"""A study, for the commands of that name: made, registered, lived through night by night, and read again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.app.approving import approve_next
from selftune.app.kits import demo_kit
from selftune.app.projects import bring_base
from selftune.errors import MissingFileError, UsageError, WaitingForPersonError
from selftune.loop.project import open_project
from selftune.loop.releasing.service import stop_service
from selftune.loop.study.arms import Ground, folder_of, make_arms, refuse_change, registered
from selftune.loop.study.plan import PLAN_FILE, StudyArm, check_plan, load_study
from selftune.loop.study.running import Coming, live_through, nights_of, prompts_in
from selftune.loop.study.scenarios import DrawnGoals, Replay, Scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from selftune.app.reporting.pages.parts import Page
    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.loop.study.plan import StudyPlan
    from selftune.records import Message, Statement, StudyNight

FIRST_NIGHT: Final = date(2026, 1, 1)
"""The first date of simulated time."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a study is.

    Attributes:
        nights: Of each arm the nights that are complete, oldest first.
    """

    plan: StudyPlan
    nights: Mapping[StudyArm, tuple[StudyNight, ...]]

    @property
    def complete(self) -> int:
        """Nights that all arms have lived through."""
        return min(len(nights) for nights in self.nights.values())


def init_study(folder: Path, plan: StudyPlan, observer: Observer) -> StudyPlan:
    """Make the arms and register the plan in their ledgers; begun again after a crash, it goes on.

    Raises:
        UsageError: something else lies in the folder.
        ConfigError: a number of the plan makes no sense, or another plan is registered there.
        UnknownNameError: there is no kit of users and questions for that base.
    """
    plan = check_plan(plan, f"study {plan.name}")
    kit = demo_kit(plan.base)
    if folder.exists() and any(folder.iterdir()) and not (folder / PLAN_FILE).exists():
        raise UsageError(f"{folder} is not empty.", next_step="Name a new folder for the study.")
    bring_base(plan.base)
    folder.mkdir(parents=True, exist_ok=True)
    text = plan_text(plan)
    if not (folder / PLAN_FILE).exists():
        (folder / PLAN_FILE).write_text(text, encoding="utf-8")
    make_arms(folder, plan, Ground(recipe=kit.recipe, suite=kit.suite, settings=kit.settings), observer)
    return plan


def plan_text(plan: StudyPlan) -> str:
    """The plan as the TOML that it is read from again."""
    import tomlkit

    from selftune.records.codec import to_builtins

    document = tomlkit.document()
    document.add(tomlkit.comment("Registered in the ledger of every arm: what is changed here is refused from now on."))
    for key, value in to_builtins(plan).items():
        document[key] = value
    return tomlkit.dumps(document)


def chosen_plan(name: str, *, nights: int | None, seed: int | None, approve: str | None) -> StudyPlan:
    """A plan by name or file, with what the command line said in place of its own."""
    plan = load_study(name)
    return replace(
        plan,
        nights=plan.nights if nights is None else nights,
        seed=plan.seed if seed is None else seed,
        approve=plan.approve if approve is None else approve,
    )


def plan_of(folder: Path) -> StudyPlan:
    """The plan of the study in a folder.

    Raises:
        MissingFileError: there is no study.
        ConfigError: its plan can't be read.
    """
    if not (folder / PLAN_FILE).is_file():
        raise MissingFileError(f"there is no study in {folder}.", next_step="Make one: selftune study init FOLDER")
    return load_study(folder / PLAN_FILE)


def standing_of(folder: Path) -> Standing:
    """The plan, if it is the one that is registered, and the nights of each arm.

    Raises:
        MissingFileError: there is no study.
        ConfigError: plan or settings were changed after they were registered.
    """
    plan, nights = plan_of(folder), {}
    for arm in StudyArm:
        with open_project(folder_of(folder, arm)) as project:
            refuse_change(project, plan, registered(project))
            nights[arm] = nights_of(project)
    return Standing(plan=plan, nights=nights)


def run_study(
    folder: Path,
    observer: Observer,
    tell: Callable[[StudyNight], None],
    *,
    nights: int | None = None,
    simulated: bool = False,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
) -> Standing:
    """Live through nights, every arm in each before the next begins; what is complete is not lived through again.

    In real time there is one night a day, and none is due before; in simulated time they follow each other at once.

    Args:
        folder: Of the study.
        observer: Sees the stages.
        tell: Called with each night of an arm once it is on record.
        nights: So many at most; None: all that are due.
        simulated: Whether no calendar goes by.
        today: The date, in real time.

    Raises:
        UsageError: nights of both kinds of time would stand in one study, or real ones would need no person.
        WaitingForPersonError: the circuit breaker is open and the plan names nobody.
    """
    standing = standing_of(folder)
    plan = standing.plan
    refuse_other_time(standing, simulated=simulated)
    scenarios = _scenarios_of(folder, plan)
    try:
        for coming in nights_due(standing, nights, simulated=simulated, today=today):
            with open_project(folder_of(folder, coming.arm)) as opened:
                project = replace(opened, simulated=simulated)
                approve = _approver(plan) if plan.approve else None
                with _waiting_there(project.folder):
                    tell(live_through(project, coming, scenarios, observer, approve))
    finally:
        for arm in StudyArm:
            stop_service(folder_of(folder, arm))
    return standing_of(folder)


def page_of_study(folder: Path) -> Page:
    """The report of a study, from the records of its arms as they are now.

    Raises:
        MissingFileError: there is no study.
        ConfigError: plan or settings were changed after they were registered.
    """
    from selftune.app.reporting.month import month_page
    from selftune.app.reporting.month_records import gather_arm, gather_month

    standing = standing_of(folder)
    unit, arms, updated = demo_kit(standing.plan.base).probe(0, 1).unit, [], [""]
    for arm, nights in standing.nights.items():
        with open_project(folder_of(folder, arm)) as project:
            arms.append(gather_arm(project, arm, nights, unit))
            updated += [project.store.saved_at(night.id) for night in nights[-1:]]
    return month_page(gather_month(standing.plan, arms, max(updated)))


def refuse_other_time(standing: Standing, *, simulated: bool) -> None:
    """A study has nights of one kind of time, and only simulated ones may be approved by nobody.

    Raises:
        UsageError: its nights so far are of the other kind, or its plan names who approves in real time.
    """
    done = {night.simulated for nights in standing.nights.values() for night in nights}
    if done and simulated not in done:
        kind = "simulated" if simulated else "real"
        raise UsageError(
            f"the nights of this study so far are not {kind}.",
            next_step="Go on with the same kind: --simulated, or without it.",
        )
    if standing.plan.approve and not simulated:
        raise UsageError(
            f"the plan lets {standing.plan.approve!r} approve, which is for simulated time alone.",
            next_step="Run it with --simulated, or register a plan without approve.",
        )


def _scenarios_of(folder: Path, plan: StudyPlan) -> Scenarios:
    kit = demo_kit(plan.base)
    replayed: tuple[tuple[Message, ...], ...] = ()
    if plan.replay:
        with open_project(folder_of(folder, StudyArm.LEARNING)) as project:
            replayed = prompts_in(project, plan.replay)
    return Scenarios(
        users=kit.users,
        goals=DrawnGoals(users=kit.users),
        probe=kit.probe,
        replay=Replay(prompts=replayed, seed=plan.seed),
    )


def nights_due(standing: Standing, most: int | None, *, simulated: bool, today: Callable[[], date]) -> Iterator[Coming]:
    """The nights to come, arm by arm; one that some arms have lived through already is finished first."""
    plan, done = standing.plan, {arm: len(nights) for arm, nights in standing.nights.items()}
    first = standing.complete + 1
    last = min(plan.nights, plan.nights if most is None else standing.complete + most)
    for number in range(first, last + 1):
        night = FIRST_NIGHT + timedelta(days=number - 1) if simulated else today()
        if not simulated and _lived_on(standing, night):
            return
        for arm in StudyArm:
            if done[arm] < number:
                yield Coming(plan=plan, arm=arm, number=number, date=night.isoformat(), simulated=simulated)
        if not simulated:
            return


def _lived_on(standing: Standing, night: date) -> bool:
    """Whether the newest complete night was this very date: there is one a day."""
    last = [nights[standing.complete - 1].date for nights in standing.nights.values() if standing.complete]
    return night.isoformat() in last


@contextmanager
def _waiting_there(arm: Path) -> Iterator[None]:
    """Say in which of the arms a person is awaited."""
    try:
        yield
    except WaitingForPersonError as waiting:
        next_step = f"In arm {arm.name} ({arm}): {waiting.next_step} Then run the study again."
        raise WaitingForPersonError(waiting.message, next_step=next_step) from waiting


def _approver(plan: StudyPlan) -> Callable[[Project], Statement]:
    """The yes of who stands in the plan, labelled as what it is."""

    def approve(project: Project) -> Statement:
        text = f"simulated yes, named in plan {plan.digest} before the first night; no person has looked"
        return approve_next(project, author=plan.approve, text=text, simulated=True)

    return approve
