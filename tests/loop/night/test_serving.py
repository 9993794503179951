"""What serves around trainings: with a fake server that fails as often as it is told, and with the real keeper."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from selftune.app.asking import ask_champion
from selftune.app.summary import serving_words
from selftune.errors import ServingError
from selftune.governance.brake.file import new_stop, put_on
from selftune.governance.keys import seal_build
from selftune.interrupts import asked_to_stop, stopped_by
from selftune.ledger.keys import load_machine_key, make_machine_key
from selftune.loop.config import FreeDevice, ProjectConfig
from selftune.loop.night import serving
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.overrun import GRACE_SECONDS
from selftune.loop.night.serving import (
    LEAST_PATIENCE_SECONDS,
    NOT_BACK,
    NOTICED_SECONDS,
    UNMEASURED_SECONDS,
    Service,
    must_make_room,
)
from selftune.loop.night.window import Window, window_for
from selftune.loop.project import Project
from selftune.loop.releasing.service import make_target
from selftune.records import FileDigest, Outage, Release
from selftune.release.base import Promotion
from selftune.release.live import LiveServer, LiveStatus
from selftune.release.patience import START_SECONDS
from selftune.release.stage import put_into_service
from selftune.store import BlobStore, Store
from selftune.testing import fake_base, fake_build
from selftune.training.config import load_recipe

FAKE_KEEPER = Path(__file__).parents[2] / "release" / "fake_keeper.py"
# What is healthy has this long to start too, and a busy machine has needed more than four seconds for a small Python.
PATIENCE = 10.0
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class FakeLive:
    """A server that takes `takes` seconds to start and fails as often as `fails` says; `log` is what it was told."""

    def __init__(self, clock, *, serves="v1.0", takes=4.0, fails=0):
        self.clock, self.serves, self.takes, self.fails = clock, serves, takes, fails
        self.resting, self.log, self.seconds = None, [], None

    def status(self):
        return None if self.serves is None else _status(self.serves, self.resting)

    def start(self):
        self.log.append("start")
        self.clock.sleep(self.takes)
        if self.fails:
            self.fails -= 1
            raise ServingError("it does not start.", next_step="None.")
        self.resting = None
        return self.status()

    def stop(self):
        self.log.append("stop")
        return True

    def rest(self, why, *, seconds=None):
        self.log.append(f"rest: {why}")
        self.resting, self.seconds = why, seconds

    def ask(self, text, *, max_tokens=None):
        raise ServingError("the fake answers nobody.", next_step="None.")

    def switch(self, name, placed=None):
        raise ServingError("the fake switches to nothing.", next_step="None.")


def _status(version, resting):
    return LiveStatus(
        address="http://127.0.0.1:1/v1",
        port=1,
        pid=1,
        version=None if resting else version,
        build_digest=None,
        proof=None,
        started_at="",
        problem=None,
        resting=resting,
    )


@pytest.fixture
def clock():
    return SimulatedClock(START)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    (folder / "selftune.toml").write_text('[project]\nname = "p"\n\n[serving]\nmodel = ""\nrelease = ""\n')
    with Store.open(folder) as store:
        blobs = BlobStore(folder / ".selftune" / "blobs")
        yield Project(
            folder=folder, config=ProjectConfig(), store=store, blobs=blobs, base=fake_base(), base_folder=tmp_path
        )


@pytest.fixture
def released(project):
    """A project with the base on record as v1.0; what serves it is the test's business."""
    build = fake_build("base")
    release = Release(
        version="v1.0",
        alias="selftune",
        build_id=build.id,
        build_digest=build.digest,
        generation=0,
        model_file="p_b_v1.0.gguf",
        decision_id=None,
        replaced=None,
        proof=None,
        config_edit=(),
        approvals=(),
        health=(),
        reason="The base.",
    )
    project.store.save([build, release], event="test")
    return project


def real_server(project, patience=START_SECONDS):
    return LiveServer(make_target(project), keeper=(sys.executable, str(FAKE_KEEPER)), patience=patience)


def put_in(project, live, words, replaced=None):
    """Release a build whose model file says these words, with the real keeper over the fake server."""
    digest = project.blobs.put_bytes(words.encode())
    made = fake_build(words, files=(FileDigest(name="model.gguf", digest=digest, size_bytes=len(words)),))
    build = seal_build(made, load_machine_key(project.hidden / "keys"))
    project.store.save([build], event="test")
    first = Promotion(build=build, decision=None, generation=0, replaced=replaced, approvals=(), reason="Test.")
    release = put_into_service(first, make_target(project), project.context(), live=live)
    project.store.save([release], event="test")
    return release


def test_a_pause_is_measured_and_its_start_is_kept_for_the_reserve(released, clock):
    live = FakeLive(clock)
    service = Service(released, because="memory", live=live, clock=clock, window=window_for(clock, "05:00"))
    assert service.reserve_seconds == 2 * (UNMEASURED_SECONDS + NOTICED_SECONDS)
    with service.paused("training"):
        assert live.status().version is None
        clock.sleep(900)
    assert live.log == ["rest: training (memory)", "start"]
    assert service.outages == [Outage(why="training", seconds=904.0)]
    assert service.spare_seconds == 3 * 3600 - 904
    assert service.reserve_seconds == 2 * (4.0 + NOTICED_SECONDS)
    assert (service.gone, service.told) == (None, [])


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_it_serves_again_however_a_pause_is_left(released, clock, error):
    live = FakeLive(clock)
    service = Service(released, because="memory", live=live, clock=clock)
    with pytest.raises(error), service.paused("training"):
        raise error
    assert live.status().version == "v1.0"
    assert service.outages == [Outage(why="training", seconds=4.0)]
    assert service.spare_seconds is None


def test_what_a_person_stopped_is_not_brought_back(released, clock):
    live = FakeLive(clock)
    service = Service(released, because="memory", live=live, clock=clock)
    with service.paused("training"):
        put_on(released.hidden, new_stop("ana", "now", "2026-11-22T01:00:00+00:00"))
    assert live.log == ["rest: training (memory)"]
    assert service.told == ["It was not brought back into service: a person stopped all work here."]
    assert (service.gone, [one.why for one in service.outages]) == (None, ["training"])


def test_nothing_rests_where_no_room_must_be_made_and_nothing_starts_that_did_not_serve(released, clock):
    for because, serves in (("", "v1.0"), ("memory", None)):
        live = FakeLive(clock, serves=serves)
        service = Service(released, because=because, live=live, clock=clock)
        with service.paused("training"):
            clock.sleep(60)
        assert live.log == []
        assert service.outages == []


def test_a_rest_that_a_killed_night_left_behind_is_taken_over(released, clock):
    live = FakeLive(clock)
    live.resting = "a night that was killed"
    service = Service(released, because="memory", live=live, clock=clock)
    with service.paused("training"):
        assert live.resting == "training (memory)"
    assert live.status().version == "v1.0"


def test_a_start_that_fails_once_is_tried_once_more(released, clock):
    live = FakeLive(clock, fails=1)
    service = Service(released, because="memory", live=live, clock=clock)
    with service.paused("training"):
        pass
    assert live.log.count("start") == 2
    assert service.outages == [Outage(why="training", seconds=8.0)]
    assert service.told == []


def test_where_nothing_comes_back_it_is_shouted_and_the_outage_has_no_end(released, clock):
    live = FakeLive(clock, fails=99)
    service = Service(released, because="memory", live=live, clock=clock)
    with service.paused("training"):
        pass
    assert service.outages == [Outage(why="training", seconds=None)]
    assert "Nothing serves" in service.gone
    assert "selftune start" in service.told[-1]
    assert service.spare_seconds is None


def test_a_training_must_end_while_the_reserve_is_left_and_the_keeper_wakes_later_than_that(released, clock):
    live = FakeLive(clock)
    service = Service(released, because="memory", live=live, clock=clock, window=window_for(clock, "05:00"))
    with service.paused("training"), stopped_by(service.must_be_back), asked_to_stop() as asked:
        steps = 0
        while not asked():
            clock.sleep(7)
            steps += 1
        left = 3 * 3600 - 7 * steps
    assert 0 < left <= 2 * (UNMEASURED_SECONDS + NOTICED_SECONDS)
    assert live.seconds == 3 * 3600 - UNMEASURED_SECONDS - NOTICED_SECONDS
    assert service.spare_seconds == left - 4 > 0


def test_who_wakes_up_after_the_deadline_trains_no_step_more(released, clock):
    live = FakeLive(clock)
    service = Service(released, because="memory", live=live, clock=clock, window=window_for(clock, "05:00"))
    with service.paused("training"):
        assert not service.must_be_back()
        clock.sleep(4 * 3600)  # the lid was closed
        assert service.must_be_back()
    assert service.spare_seconds == -3600 - live.takes


@pytest.mark.parametrize("jump", [-86_400, 30 * 86_400])
def test_a_clock_that_is_set_moves_no_deadline(released, clock, jump):
    service = Service(released, because="memory", live=FakeLive(clock), clock=clock, window=window_for(clock, "05:00"))
    clock.jump(jump)
    assert not service.must_be_back()
    clock.sleep(3 * 3600)
    assert service.must_be_back()


def test_without_a_deadline_nobody_must_be_back(released, clock):
    window = Window(began=START, until=None, deadline=float("inf"))
    service = Service(released, because="memory", live=FakeLive(clock), clock=clock, window=window)
    clock.sleep(timedelta(days=30).total_seconds())
    assert not service.must_be_back()


def test_kept_starts_that_can_not_be_read_count_as_none(released, clock):
    path = released.hidden / "notes" / serving.STARTS
    path.parent.mkdir()
    for text in ("nonsense", '{"a": 1}', "[]"):
        path.write_text(text)
        assert Service(released, because="x", live=FakeLive(clock), clock=clock).reserve_seconds == 65.0


def test_a_real_server_rests_and_comes_back(project, clock):
    live = real_server(project)
    try:
        release = put_in(project, live, "base")
        service = Service(project, because="memory", live=live, clock=clock)
        with service.paused("training"):
            assert live.status().resting == "training (memory)"
            assert "v1.0 (generation 0) again after this: training (memory)" in serving_words(release, live.status())
            with pytest.raises(ServingError, match="training"):
                ask_champion(project, "Who are you?", system="", keep=False)
        assert live.ask("Who are you?") == "I am base."
        assert service.gone is None
    finally:
        live.stop()


def test_a_release_that_does_not_come_back_is_rolled_back_on_record(project, clock):
    live = real_server(project)
    try:
        first = put_in(project, live, "base")
        second = put_in(project, live, "better", first)
        service = Service(project, because="memory", live=live, clock=clock)
        with service.paused("training"):
            model = project.hidden / "models" / second.model_file
            model.unlink()  # a blob's other name: the blob stays sound
            model.write_text("spoilt")
        back = project.store.last(Release)
        assert (back.version, back.build_id, back.replaced) == ("v1.2", first.build_id, second.id)
        assert live.status().version == "v1.2"
        assert live.ask("Who are you?") == "I am base."
        assert "v1.1 did not come back after a training" in service.told[0]
        assert service.outages[0].seconds is not None
        assert "rolled back by itself" in [entry.event for entry in project.store.history()]
    finally:
        live.stop()


def test_a_release_that_hangs_when_it_wakes_is_ended_tried_again_and_rolled_back_on_record(project, clock):
    live = real_server(project, patience=PATIENCE)
    try:
        first = put_in(project, live, "base")
        second = put_in(project, live, "better", first)
        service = Service(project, because="memory", live=live, clock=clock)
        began = time.monotonic()
        with service.paused("training"):
            (project.hidden / "models" / "hangs").write_text("silent: better")  # read by the fake server
        assert 2 * PATIENCE < time.monotonic() - began < 6 * PATIENCE
        back = project.store.last(Release)
        assert (back.version, back.build_id, back.replaced) == ("v1.2", first.build_id, second.id)
        assert live.ask("Who are you?") == "I am base."
        assert f"{NOT_BACK}: v1.1 did not answer within {PATIENCE:.0f} s of its start" in service.told[0]
        log = (project.hidden / "logs" / "keeper.log").read_text()
        assert log.count("v1.1 can't be served; trying") == 2
        assert service.outages[0].seconds is not None
        assert service.gone is None
    finally:
        live.stop()


def test_patience_is_three_times_the_longest_start_of_late_and_never_little(released, clock):
    path = released.hidden / "notes" / serving.STARTS
    path.parent.mkdir()
    for starts, patience in (([], 90.0), ([2.0, 4.0], LEAST_PATIENCE_SECONDS), ([40.0, 3.0], 120.0)):
        path.write_text(json.dumps(starts))
        service = Service(released, because="memory", live=FakeLive(clock), clock=clock)
        assert service.patience_seconds == patience


@pytest.mark.parametrize(("late", "tries"), [(0, 2), (GRACE_SECONDS, 1)])
def test_behind_the_deadline_nothing_is_tried_for_which_the_night_has_no_time(released, clock, late, tries):
    live = FakeLive(clock, fails=99)
    service = Service(released, because="memory", live=live, clock=clock, window=window_for(clock, "05:00"))
    with service.paused("training"):
        clock.sleep(3 * 3600 + late)
    assert live.log.count("start") == tries
    assert "Nothing serves" in service.gone
    assert clock.elapsed() < 3 * 3600 + late + GRACE_SECONDS


def with_choice(project, choice, **serving_keys):
    config = project.config
    nightly = replace(config.nightly, free_device=choice)
    return replace(project, config=replace(config, nightly=nightly, serving=replace(config.serving, **serving_keys)))


def test_room_is_made_as_the_config_says(project):
    recipe = load_recipe("reference_sft")
    assert must_make_room(with_choice(project, FreeDevice.NEVER), recipe, None) == ""
    assert must_make_room(with_choice(project, FreeDevice.ALWAYS), recipe, None)
    elsewhere = replace(recipe, backend="ssh")
    assert must_make_room(with_choice(project, FreeDevice.ALWAYS), elsewhere, None) == ""


def test_room_is_made_where_what_serves_and_what_trains_share_a_card(project):
    metal = replace(load_recipe("reference_sft"), backend="mlx")
    assert "card" in must_make_room(with_choice(project, FreeDevice.AUTO, driver="ollama"), metal, None)
