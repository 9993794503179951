"""The plan of a night says what the night then does: when, under which name, how much fits in, what is kept free."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from small_training import three_lessons
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.night_plan import describe_plan, plan_night
from selftune.loop.config import EngineChoice, FreeDevice
from selftune.loop.executor import Silent
from selftune.loop.night.alarms import note_began
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import plan_of, weighed_project
from selftune.loop.night.presence import Power, Presence
from selftune.loop.night.serving import NOTICED_SECONDS, UNMEASURED_SECONDS, Service
from selftune.loop.night.shift import Listening, Surroundings, Wishes, call_night, make_shift, open_window
from selftune.loop.night.shift import presence_policy as policy_for
from selftune.loop.night.trying import NothingMoreError, refuse_without_room, seconds_to_weigh
from selftune.loop.nodes.finding import find_node
from selftune.loop.planning import make_plan
from selftune.loop.project import create_project, open_project
from selftune.records import Experiment, ExperimentResult, Mode, Night, Release, Run, RunStatus
from selftune.testing import fake_build

if not app.registered_commands:
    register_commands()

BEGINS = datetime(2026, 11, 22, 2, 0, tzinfo=ZoneInfo("Europe/Berlin"))
EVENING = BEGINS.replace(day=21, hour=20)
HERE = Presence(power=Power(battery=False, plugged_in=True), idle_seconds=0.0)
REST = 2 * (UNMEASURED_SECONDS + NOTICED_SECONDS)


def serving_base(folder):
    """A project in whose service its base is, as far as records go."""
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    build = fake_build()
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    with open_project(folder) as opened:
        opened.store.save([build, release], event="made by a test")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project that learnt something once, and into which nothing new has come."""
    folder = serving_base(tmp_path_factory.mktemp("planned") / "p")
    with open_project(folder) as opened:
        lessons = three_lessons()
        run = Run(
            recipe="r", recipe_digest="d", dataset_id=lessons.id, base_digest=opened.base.digest,
            stage_history=("sft",), objective="sft", backend="packed", status=RunStatus.FINISHED, seed=0, steps=100,
            planned_steps=100, passes=200.0, examples=3, supervised_tokens=1, wall_seconds=700.0,
            trained_seconds=600.0, cost_usd=7.0,
        )  # fmt: skip
        opened.store.save([lessons, run], event="made by a test")
    return folder


@pytest.fixture
def project(made):
    with open_project(made) as opened:
        yield opened


def nightly(project, **settings):
    """The project with these settings of its nights."""
    return replace(project, config=replace(project.config, nightly=replace(project.config.nightly, **settings)))


def plan(project, *, at=BEGINS, **wishes):
    return plan_night(project, Wishes(**wishes), SimulatedClock(at))


def lines(project, **wishes):
    """The lines of a plan by their first word."""
    return {line[:8].strip(): line[9:] for line in describe_plan(plan(project, **wishes))}


def lived(project, each, **wishes) -> int:
    """How many tries a real night begins when each of them, and the baseline, takes as long as is estimated."""
    wanted, clock = Wishes(now=True, **wishes), SimulatedClock(BEGINS)
    window, node = open_window(project, wanted, clock), find_node(project, wanted.mode)
    shift = make_shift(
        project, wanted, Surroundings(clock=clock, look=lambda: HERE), name=call_night(project, window, again=True)[0],
        resumed=False, window=window, policy=policy_for(project, lambda: HERE), node=node, observer=Listening(Silent()),
    )  # fmt: skip
    rests = "free_device is always" if project.config.nightly.free_device is FreeDevice.ALWAYS else ""
    shift.service = Service(project, because=rests, clock=clock, window=window)
    if node.mode is Mode.FULL:
        shift.reserve_seconds = seconds_to_weigh(project, plan_of(weighed_project(project, node), make_plan)[0])
    begun = 0
    while has_room(shift, each):
        clock.sleep(each.seconds if begun else 2 * each.seconds)  # the baseline comes with the first of them
        begun += shift.seconds_left > 0
    return begun


def has_room(shift, each) -> bool:
    try:
        refuse_without_room(shift, each)
    except NothingMoreError:
        return False
    return True


@pytest.fixture
def scratch(tmp_path, made):
    """A copy of the project, which a test may write to."""
    shutil.copytree(made, tmp_path / "p")
    with open_project(tmp_path / "p") as opened:
        yield opened


@pytest.mark.parametrize("until", ["02:30", "05:00"])
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.PROXY])
@pytest.mark.parametrize("device", [FreeDevice.NEVER, FreeDevice.ALWAYS])
def test_as_many_tries_fit_in_as_the_night_then_begins(scratch, until, mode, device):
    stands_in = nightly(scratch, proxy_base="reference", free_device=device, max_experiments=99)
    told = plan(stands_in, until=until, mode=mode)
    assert told.each.seconds > 60
    assert told.tries == lived(stands_in, told.each, until=until, mode=mode)
    assert told.serving_seconds == (REST if device is FreeDevice.ALWAYS else 0)


def test_time_for_the_gate_is_kept_free_although_nothing_is_new_and_not_where_a_base_stands_in(project):
    told = plan(project)
    assert "nothing new" in told.news
    assert told.untried == ""
    assert told.gate_seconds == seconds_to_weigh(project, make_plan(project, anyway=True)) > 60
    assert lines(project)["gate"].startswith(f"about {told.gate_seconds:.0f} s kept free")
    stands_in = nightly(project, proxy_base="reference")
    assert plan(stands_in, mode=Mode.PROXY).gate_seconds is None
    assert lines(stands_in, mode=Mode.PROXY)["gate"] == "not asked: a base that stands in promotes nothing"


def test_what_rests_has_its_return_kept_free(project):
    assert lines(nightly(project, free_device=FreeDevice.NEVER))["serving"] == "goes on all night"
    assert lines(nightly(project, free_device=FreeDevice.ALWAYS))["serving"].endswith(
        f"free_device is always; {REST:.0f} s are kept free for its return"
    )


def test_money_and_number_limit_what_fits_in(project):
    many = nightly(project, max_experiments=99)
    each = plan(many).each
    assert each.usd > 1
    assert [plan(many, budget_usd=each.usd * share).tries for share in (0.9, 1.0, 3.5)] == [0, 1, 2]
    assert plan(many, max_experiments=1).tries == 1


def test_arms_and_engine_are_named_and_arms_are_reckoned_as_arms(project):
    halving = nightly(project, arms=16, engine=EngineChoice.RAY, free_device=FreeDevice.NEVER)
    told = plan(halving, until="03:00")
    assert 2 <= told.tries < 16
    assert told.tries > plan(nightly(project, max_experiments=99), until="03:00").tries
    assert plan(halving, until="02:10").tries == 0
    assert lines(halving, until="03:00")["tries"] == f"up to 16 arms by one_factor; {told.tries} fit in"
    assert lines(halving)["engine"] == "ray, several at once"
    assert lines(project)["engine"] == "serial, one after the other"


def test_a_screen_that_is_small_for_so_many_arms_is_told_before_the_night(project):
    assert "arms are raced" not in "\n".join(describe_plan(plan(project)))
    halving = nightly(project, arms=16, screen_items=118)
    assert plan(halving).doubt.startswith("16 arms are raced on 59 pairs")
    assert "Set screen_items = 120 under [nightly]" in "\n".join(describe_plan(plan(halving)))
    assert plan(nightly(project, arms=16, screen_items=120)).doubt is None


def test_a_date_that_had_its_night_is_named_and_one_that_was_cut_off_goes_on(scratch):
    assert (plan(scratch, at=EVENING).name, plan(scratch, at=EVENING).begins) == ("2026-11-22", BEGINS)
    window = open_window(scratch, Wishes(), SimulatedClock(BEGINS))
    note_began(scratch, "2026-11-22", window)
    tried = Experiment(
        name="2026-11-22-01", began="b", night="2026-11-22", mode=Mode.FULL, base="b", base_digest="d",
        lane="hyperparameters", proposer="grid", changes=(), result=ExperimentResult.FAILED, why="w",
    )  # fmt: skip
    scratch.store.save([tried], event="made by a test")
    cut = plan(scratch)
    assert (cut.name, cut.resumed, cut.hindered) == ("2026-11-22", True, ())
    assert lines(scratch)["night"] == "2026-11-22, which was cut off and goes on"
    assert plan(scratch, max_experiments=2).tries == 1, "one was tried before it was cut off"
    scratch.store.save([Night(name="2026-11-22", began="b", ended="e", ended_by="x", mode=Mode.FULL)], event="test")
    (had,) = plan(scratch).hindered
    assert had.startswith("the night of 2026-11-22 is over already.")
    assert lines(scratch)["not yet"] == had
    assert (plan(scratch, now=True).name, plan(scratch, now=True).hindered) == ("2026-11-22-2", ())


def test_a_night_that_was_not_missed_is_not_caught_up_with(scratch):
    note_began(scratch, "2026-11-21", open_window(scratch, Wishes(), SimulatedClock(BEGINS.replace(day=21))))
    told = plan(scratch, at=EVENING, catch_up=True)
    assert told.hindered == ("the last night was not missed. The next one begins at 02:00.",)
    assert told.begins == BEGINS


def test_what_would_refuse_the_night_is_told_before_it(project):
    refused = nightly(project, engine=EngineChoice.RAY, workers=0)
    assert any("0 workers train nothing" in reason or "Ray" in reason for reason in plan(refused).hindered)


def test_a_first_training_waits_for_something_to_learn_from(tmp_path):
    with open_project(serving_base(tmp_path / "p")) as opened:
        told = plan(opened)
        assert told.untried.startswith("nothing is tried: nothing new")
        assert (told.gate_seconds, told.each, told.tries) == (None, None, None)
        assert lines(opened)["gate"] == "not asked: nothing is tried"


def test_the_command_prints_the_plan_and_touches_nothing(made):
    before = {place: place.read_bytes() for place in (made / ".selftune" / "ledger").glob("*")}
    said = CliRunner().invoke(app, ["nightly", "--dry-run", "--json", "--project", str(made)])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["engine"], told["arms"], told["hindered"]) == ("serial", 0, [])
    assert (told["node"]["base"], told["screen"]["name"]) == ("reference", "state_obedience_screen-42")
    assert datetime.fromisoformat(told["begins"]) < datetime.fromisoformat(told["until"])
    assert {place: place.read_bytes() for place in (made / ".selftune" / "ledger").glob("*")} == before
