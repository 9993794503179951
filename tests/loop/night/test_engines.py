"""Several tries trained at once come to the records of tries trained one by one, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))

from tiny_llama import base_record, conversations, dataset_of, write_tiny_base

from selftune.context import Progress
from selftune.errors import ConfigError
from selftune.loop.config import EngineChoice
from selftune.loop.executor import Silent
from selftune.loop.experiments.ahead import Ahead, LostTrainingError, Training
from selftune.loop.night.engines import cluster, ray
from selftune.loop.night.engines.base import STOP, EngineError
from selftune.loop.night.engines.opening import engine_called, refuse_engine
from selftune.loop.night.engines.serial import Serial
from selftune.loop.runner import make_executor
from selftune.records import RunStatus
from selftune.testing import FakeClock
from selftune.training.base import TrainingStoppedError
from selftune.training.checkpoints import newest_step
from selftune.training.config import Recipe
from selftune.training.machine import compute_with
from selftune.training.rungs import Rung

needs_training = pytest.mark.needs("train")
DATA = dataset_of(conversations(9))
STEPS = 8


def recipe(rate: float, **changes) -> Recipe:
    told = {"name": "tiny", "max_steps": STEPS, "batch_size": 2, "lora_rank": 2, "lora_dropout": 0.1}
    told |= {"least_supervised": 0.01, "learning_rate": rate, "schedule": "late_linear"}
    return Recipe(**told | {"checkpoint_every": 3} | changes)


def trainings(*rates: float, **changes) -> tuple[Training, ...]:
    return tuple(Training(dataset=DATA, config=recipe(rate, **changes)) for rate in rates)


class Heard(Silent):
    """Notes the steps that are taken here, stage by stage."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def progressed(self, stage: str, progress: Progress) -> None:
        if progress.note.startswith("loss"):
            self.steps.append(progress.done)


class InOneProcess:
    """Stands in for a cluster of two: trains as its workers do, one after the other, and loses whom it is told to."""

    workers = 2

    def __init__(self, *, loses: int | None = None) -> None:
        self.loses = loses
        self.folders: list[Path] = []

    def train(self, folders, *, should_stop, seconds):
        self.folders += folders
        Serial().train(folders, should_stop=should_stop, seconds=seconds)
        return tuple("it died" if place == self.loses else None for place in range(len(folders)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    before = compute_with(1)
    yield write_tiny_base(tmp_path_factory.mktemp("bases") / "tiny")
    compute_with(before)


@pytest.fixture
def world(project, tiny):
    return replace(project, base=base_record(tiny), base_folder=tiny)


def taken(world, engine, wanted):
    heard = Heard()
    step, ahead = make_executor(world, heard), Ahead(engine)
    ahead.train(step, wanted)
    return [ahead.take(step, one) for one in wanted], heard.steps


def learnt(runs):
    return [(run.adapter, run.curve, run.steps, run.status, run.recipe_digest, run.supervised_tokens) for run in runs]


@needs_training
def test_what_is_trained_ahead_is_the_very_run_that_its_step_makes_alone(world, tmp_path):
    from selftune.store import BlobStore, Store

    wanted = (*trainings(1e-2, 2e-2), Training(dataset=DATA, config=Rung(recipe=recipe(3e-2), until=0.5)))
    ahead, steps = taken(world, InOneProcess(), wanted)
    (tmp_path / "other").mkdir()
    with Store.open(tmp_path / "other") as store:
        other = replace(world, store=store, blobs=BlobStore(tmp_path / "blobs"))
        alone, all_steps = taken(other, Serial(), wanted)
    assert learnt(ahead) == learnt(alone)
    assert [run.status for run in ahead] == [RunStatus.FINISHED, RunStatus.FINISHED, RunStatus.PAUSED]
    assert steps == [STEPS, STEPS], "each step has its last one left to take, a rung none"
    assert len(all_steps) == 2 * STEPS + STEPS // 2


@needs_training
def test_one_that_nobody_could_train_is_lost_and_the_others_are_not(world):
    first, second = trainings(1e-2, 2e-2, max_steps=2)
    step, ahead = make_executor(world, Silent()), Ahead(InOneProcess(loses=1))
    ahead.train(step, (first, second))
    assert ahead.take(step, first).status is RunStatus.FINISHED
    with pytest.raises(LostTrainingError, match="it died"):
        ahead.take(step, second)


@needs_training
def test_what_is_on_record_or_lies_there_already_is_not_trained_again(world):
    wanted = trainings(1e-2, 2e-2, 3e-2, max_steps=2)
    step, engine = make_executor(world, Silent()), InOneProcess()
    Ahead(engine).take(step, wanted[0])
    ahead = Ahead(engine)
    ahead.train(step, wanted)
    assert [newest_step(folder / "checkpoints") for folder in engine.folders] == [1, 1], "the first is on record"
    ahead.train(step, wanted)
    assert len(engine.folders) == 2


@needs_training
def test_a_wish_to_stop_ends_all_of_them_and_keeps_what_they_learnt(world):
    class Asked(InOneProcess):
        def train(self, folders, *, should_stop, seconds):
            self.folders += folders
            os.kill(os.getpid(), signal.SIGTERM)
            assert should_stop()
            for folder in folders:
                (folder / STOP).touch()
            return Serial().train(folders, should_stop=should_stop, seconds=seconds)

    step, wanted = make_executor(world, Silent()), trainings(1e-2, 2e-2, max_steps=3)
    with pytest.raises(TrainingStoppedError, match="after step 0 of 4"):
        Ahead(Asked()).train(step, wanted)
    again = InOneProcess()
    Ahead(again).train(step, wanted)
    assert [newest_step(folder / "checkpoints") for folder in again.folders] == [2, 2], "the wish is forgotten"


@needs_training
def test_an_engine_that_is_gone_costs_time_and_no_try(world):
    class Gone(InOneProcess):
        def train(self, folders, *, should_stop, seconds):
            raise EngineError("the cluster ended.", next_step="")

    told: list[str] = []
    step, ahead, wanted = make_executor(world, Silent()), Ahead(Gone(), told.append), trainings(1e-2, 2e-2, max_steps=2)
    ahead.train(step, wanted)
    assert [ahead.take(step, one).status for one in wanted] == [RunStatus.FINISHED] * 2
    assert told[-1] == "the cluster ended. The rest is trained one after the other."
    assert ahead.workers == 1


class FakeRay:
    """What `take_all` uses of Ray's API, by its documentation: names in, references out, an error for who died."""

    class exceptions:  # noqa: N801 - Ray's own name
        class RayError(Exception):
            pass

    def __init__(self, clock: FakeClock, *, dies: str = "", hangs: str = "") -> None:
        self.clock, self.dies, self.hangs = clock, dies, hangs
        self.options: dict[str, object] = {}
        self.cancelled: list[str] = []

    def remote(self, **options):
        self.options = options
        return lambda function: SimpleNamespace(remote=lambda folder: folder)

    def wait(self, references, *, num_returns, timeout):
        done = [one for one in references if one != self.hangs][:num_returns]
        self.clock.advance(1 if done else timeout)
        return done, [one for one in references if one not in done]

    def get(self, reference, *, timeout):
        if reference == self.dies:
            raise self.exceptions.RayError("The worker died unexpectedly\nand more")
        return b""

    def cancel(self, reference, *, force):
        assert force
        self.cancelled.append(reference)


def test_who_dies_again_and_again_is_lost_and_who_hangs_is_ended():
    clock = FakeClock()
    api = FakeRay(clock, dies="b", hangs="c")
    ended = dict(cluster.take_all(api, ["a", "b", "c"], seconds=30, elapsed=clock.elapsed))
    assert ended == {
        0: None,
        1: "the process that trained it died 3 times (RayError: The worker died unexpectedly)",
        2: "it was ended by force after 30 s.",
    }
    assert (api.options, api.cancelled) == ({"num_cpus": 1, "max_retries": 2}, ["c"])


# A process in the cluster's place: it says that it is ready, then does what its name says.
IN_ITS_PLACE = {
    "listens": """print('{"open": ["10.0.0.1:1 (raylet)"]}', flush=True)""",
    "silent": "",
    "dies": """print('{"open": []}', flush=True); sys.stdin.readline()""",
}


def standing_in(name: str) -> tuple[str, ...]:
    code = f"import sys\n{IN_ITS_PLACE[name]}\n" + ("sys.stdin.read()" if name == "silent" else "")
    return (sys.executable, "-c", code)


def test_a_cluster_that_listens_beyond_this_machine_or_does_not_come_up_is_refused():
    with (
        pytest.raises(EngineError, match=r"listens beyond this machine, at 10\.0\.0\.1:1"),
        ray.ray_cluster(2, command=standing_in("listens")),
    ):
        pytest.fail("it was let in")
    with (
        pytest.raises(EngineError, match="within 0 s"),
        ray.ray_cluster(2, command=standing_in("silent"), start_seconds=0.01),
    ):
        pytest.fail("it never came up")


def test_a_cluster_that_dies_is_heard_at_once(tmp_path):
    with (
        ray.ray_cluster(2, command=standing_in("dies")) as found,
        pytest.raises(EngineError, match="ended"),
    ):
        found.train([tmp_path], should_stop=lambda: False, seconds=60)


def test_an_engine_is_refused_by_name():
    with pytest.raises(ConfigError, match="no engine 'slurm'"):
        engine_called("slurm")
    refuse_engine(engine_called("serial"), workers=0, backend="ssh")


@pytest.mark.needs("ray")
def test_ray_is_refused_where_its_workers_would_train_otherwise():
    with pytest.raises(ConfigError, match="back-end 'ssh'"):
        refuse_engine(EngineChoice.RAY, workers=2, backend="ssh")
    with pytest.raises(ConfigError, match="0 workers"):
        refuse_engine(EngineChoice.RAY, workers=0, backend="packed")


def workers_of(found: ray.Ray) -> list:
    import psutil

    here = psutil.Process(found._process.pid)
    return [one for one in here.children(recursive=True) if "train_folder" in " ".join(one.cmdline())]


@pytest.mark.slow
@pytest.mark.needs("ray", "train")
def test_a_real_ray_cluster_of_two_trains_what_one_process_trains_and_loses_nothing_with_a_killed_worker(
    world, tmp_path
):
    import psutil

    from selftune.store import BlobStore, Store

    wanted = trainings(1e-2, 2e-2, 3e-2, 4e-2, max_steps=100)
    before = set(Path.home().glob(".ray/*"))
    killed: list[int] = []
    with ray.ray_cluster(2) as found:
        over = threading.Event()

        def kill_one() -> None:
            while not over.is_set() and not killed:
                for one in workers_of(found):
                    if any(world.store._work_folder.rglob("step-*")):
                        one.kill()
                        killed.append(one.pid)
                        break
                over.wait(0.05)

        killer = threading.Thread(target=kill_one)
        killer.start()
        runs, steps = taken(world, found, wanted)
        over.set()
        killer.join()
        here = psutil.Process(found._process.pid)
        family = [here, *here.children(recursive=True)]
        doors = {c.laddr.ip for one in family for c in one.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert killed
    assert doors
    assert doors <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    left = [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert left == [], "nothing of it is left"
    assert set(Path.home().glob(".ray/*")) == before, "no token lies at home"
    assert steps == [100] * 4, "all but each last step was taken by the workers"
    (tmp_path / "other").mkdir()
    with Store.open(tmp_path / "other") as store:
        other = replace(world, store=store, blobs=BlobStore(tmp_path / "blobs"))
        alone, _ = taken(other, Serial(), wanted)
    assert learnt(runs) == learnt(alone)


@pytest.mark.slow
@pytest.mark.needs("ray", "train")
def test_a_try_that_kills_every_ray_worker_is_lost_by_name(world, monkeypatch):
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "mid-checkpoint=kill")  # who inherits it is another process
    first, second = trainings(1e-2, 2e-2)
    step = make_executor(world, Silent())
    with ray.ray_cluster(2) as found:
        monkeypatch.delenv("SELFTUNE_FAILPOINTS")
        ahead = Ahead(found)
        ahead.train(step, (first, second))
    with pytest.raises(LostTrainingError, match="died 3 times"):
        ahead.take(step, first)
