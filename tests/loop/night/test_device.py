"""One training at a time: whoever else holds the device is seen and named, and eight runners never are two."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import pytest

from selftune.errors import LockedError, WaitingForPersonError
from selftune.loop import runner
from selftune.loop.executor import Silent
from selftune.loop.night.device import (
    Holder,
    Running,
    announce_cycle,
    ask_cards,
    busy_trainers,
    hold_device,
    on_card,
    other_trainings,
    read_processes,
    require_free_device,
    trainer_of,
    training_elsewhere,
)
from selftune.loop.runner import go_round, go_until, hold_machine
from selftune.store import Store
from selftune.store.lease import Identity

# Holds the device, says so, and waits to be ended.
HOLD = """
import sys
from pathlib import Path
from selftune.loop.night.device import hold_device
with hold_device("tidy tales", folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

# Goes round a cycle, as far as others can see: says so, and waits to be ended.
CYCLE = """
import sys
from pathlib import Path
from selftune.loop.night.device import announce_cycle
with announce_cycle("tidy tales", folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

# So many runners, forked off one process, go for one project's lease in the same moment, round after round; each
# writes down what it did while it held the lease: a second holder would find the first one's mark.
RUNNERS = """
import os, sys
from pathlib import Path
from selftune.errors import LockedError
from selftune.store import Store

folder, runners, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for number in range(rounds):
    ready, go = os.pipe()
    children = []
    for _ in range(runners):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(ready, 1)  # returns when the last writer closes: the starting shot
            told = "E"
            try:
                with Store.open(folder) as store:
                    lease = store.acquire_lease("cycle", f"runner {os.getpid()}", 60.0)
                    mark = os.open(folder / "mark", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                    store.note("held", {"token": str(lease.token)})
                    os.close(mark)
                    os.unlink(folder / "mark")
                    lease.release()
                told = "H"
            except LockedError:
                told = "L"
            finally:
                with open(folder / "told", "a") as file:
                    file.write(told)
                os._exit(0)
        children.append(child)
    os.close(ready)
    os.close(go)
    for child in children:
        os.waitpid(child, 0)
    with open(folder / "told", "a") as file:
        file.write("\\n")
"""


@contextmanager
def another_process(script, folder):
    """Another process at this; dead when the block is over."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def elsewhere(tmp_path):
    """Another process that holds the device for its training."""
    with another_process(HOLD, tmp_path) as child:
        yield child


@pytest.fixture
def cycle_elsewhere(tmp_path):
    """Another process in which a person's cycle goes round."""
    with another_process(CYCLE, tmp_path) as child:
        yield child


def alone(folder, ours=(), **readers):
    """What is seen where no process but the ones that are handed in runs."""
    nothing = {"processes": tuple, "on_cards": str, "pause": lambda seconds: None}
    return other_trainings(ours, folder=folder, **(nothing | readers))


def test_a_training_of_another_project_is_named_and_refused_with_the_exit_code_of_a_second_runner(tmp_path, elsewhere):
    assert alone(tmp_path) == (Holder(pid=elsewhere.pid, what="the project tidy tales"),)
    with pytest.raises(LockedError, match=f"the project tidy tales \\(process {elsewhere.pid}\\)") as found:
        require_free_device(folder=tmp_path)
    assert found.value.exit_code == 6
    with pytest.raises(LockedError, match="tidy tales"), hold_device("ours", folder=tmp_path):
        pytest.fail("two trainings at once")


def test_a_killed_training_holds_nothing(tmp_path, elsewhere):
    elsewhere.kill()
    elsewhere.wait()
    assert alone(tmp_path) == ()
    with hold_device("ours", folder=tmp_path):
        assert alone(tmp_path) == ()
    assert list(tmp_path.glob("*.json")) == []


def test_one_that_has_not_said_who_it_is_yet_is_refused_too(tmp_path, elsewhere):
    for note in tmp_path.glob("*.json"):
        note.write_text("{", encoding="utf-8")
    (holder,) = alone(tmp_path)
    assert "just beginning" in holder.what


def test_no_night_begins_beside_the_cycle_of_another_project(tmp_path, cycle_elsewhere):
    named = Holder(pid=cycle_elsewhere.pid, what="a cycle of tidy tales")
    on_cards = f"{cycle_elsewhere.pid}, /usr/bin/python3\n"
    assert alone(tmp_path, on_cards=lambda: on_cards) == (named,), "once, and by the better name"
    with pytest.raises(LockedError, match=f"a cycle of tidy tales \\(process {cycle_elsewhere.pid}\\)") as found:
        require_free_device(folder=tmp_path)
    assert found.value.exit_code == 6
    assert alone(tmp_path, ours={cycle_elsewhere.pid}) == ()


def test_a_cycle_of_this_process_keeps_no_night_of_it_from_beginning(tmp_path):
    with announce_cycle("ours", folder=tmp_path), announce_cycle("ours too", folder=tmp_path):
        assert len(list(tmp_path.glob("cycle-*.json"))) == 2
        assert alone(tmp_path) == ()
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("cleared", [True, False], ids=["cleared away", "still a zombie"])
def test_a_killed_cycle_keeps_no_night_from_beginning(tmp_path, cycle_elsewhere, cleared):
    cycle_elsewhere.kill()
    os.waitid(os.P_PID, cycle_elsewhere.pid, os.WEXITED | os.WNOWAIT)
    if cleared:
        cycle_elsewhere.wait()
    assert alone(tmp_path) == ()
    assert list(tmp_path.glob("*.json")) == []


def test_the_next_cycle_takes_away_what_dead_ones_left_and_nothing_of_the_living(tmp_path, cycle_elsewhere):
    (alive,) = tmp_path.glob("cycle-*.json")
    told = json.loads(alive.read_text(encoding="utf-8"))
    dead, container, old = (tmp_path / f"cycle-{name}.json" for name in ("host-1", "c0ffee-2", "c0ffee-3"))
    dead.write_text(json.dumps(told | {"pid": 2**22 + 1}), encoding="utf-8")
    for place in (container, old):
        place.write_text(json.dumps(told | {"host": "c0ffee"}), encoding="utf-8")
    os.utime(old, (0, 0))
    with announce_cycle("ours", folder=tmp_path):
        left = {place.name for place in tmp_path.glob("cycle-*.json")}
    assert {alive.name, container.name} < left
    assert {dead.name, old.name} & left == set()


def test_what_no_process_of_this_machine_says_keeps_no_night_from_beginning(tmp_path, cycle_elsewhere):
    (said,) = tmp_path.glob("cycle-*.json")
    told = json.loads(said.read_text(encoding="utf-8"))
    assert [one.pid for one in alone(tmp_path)] == [told["pid"]]
    for other in ({"host": "dead-host"}, {"started": "?"}, {"pid": 2**22 + 1}):
        said.write_text(json.dumps(told | other), encoding="utf-8")
        assert alone(tmp_path) == (), other


def test_a_cycle_where_nothing_can_be_written_goes_round_unsaid(tmp_path):
    home = tmp_path / "home"
    home.write_text("no folder", encoding="utf-8")
    with announce_cycle("ours", folder=home):
        assert training_elsewhere(folder=home) is None


class FakeObserver(Silent):
    """Notes what a person would be told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def told(self, text: str) -> None:
        self.lines.append(text)


def test_a_cycle_beside_another_projects_night_is_told_and_goes_on(project, tmp_path, monkeypatch, elsewhere):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path))
    observer = FakeObserver()
    with hold_machine(project, observer):
        pass
    elsewhere.kill()
    elsewhere.wait()
    with hold_machine(project, observer):
        pass
    assert observer.lines == [
        f"the project tidy tales (process {elsewhere.pid}) trains on this machine too: both will be slower."
    ]


@pytest.mark.parametrize("command", [go_round, partial(go_until, stage="judge")], ids=["a cycle", "one stage"])
def test_a_command_that_may_train_says_so_as_long_as_it_runs(project, tmp_path, monkeypatch, command):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path))
    seen = []

    def stopped(_):
        seen.extend(json.loads(said.read_text(encoding="utf-8")) for said in tmp_path.glob("cycle-*.json"))
        raise WaitingForPersonError("a person must look.", next_step="Look.")

    monkeypatch.setattr(runner, "check_breaker", stopped)
    with pytest.raises(WaitingForPersonError):
        command(project)
    assert [(one["project"], one["pid"]) for one in seen] == [(str(project.folder), os.getpid())]
    assert list(tmp_path.glob("cycle-*.json")) == []


def test_a_program_on_a_graphics_card_counts_and_a_server_does_not():
    """As `nvidia-smi --query-compute-apps` prints it; NOT VERIFIED on a card."""
    said = "4711, /usr/bin/python3\n4712, /opt/ollama/bin/ollama\n4713, [Not Found]\n\nNo devices were found\n"
    assert on_card(said) == (
        Holder(pid=4711, what="python3 on a graphics card"),
        Holder(pid=4713, what="[Not Found] on a graphics card"),
    )


def test_a_machine_without_nvidia_smi_has_nothing_on_its_cards(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert on_card(ask_cards()) == ()


def test_what_is_ours_on_a_card_is_left_out(tmp_path):
    cards = "4711, /usr/bin/python3\n4712, /usr/bin/python3\n"
    assert [one.pid for one in alone(tmp_path, ours={4711}, on_cards=lambda: cards)] == [4712]


@pytest.mark.parametrize(
    ("line", "trainer"),
    [
        ("/home/ada/.venv/bin/python /home/ada/.venv/bin/trl sft --model x", "trl"),
        ("trl sft", "trl"),
        ("python3 -m axolotl.cli.train config.yml", "axolotl"),
        ("python -m mlx_lm.lora --train", "mlx_lm"),
        ("mlx_lm.lora --train", "mlx_lm"),
        ("/opt/bin/torchrun --nproc-per-node 2 train.py", "torchrun"),
        ("llamafactory-cli train x.yaml", "llamafactory"),
        ("vim trl", None),
        ("python notes_about_trl.py", None),
        ("less -m unsloth_manual", None),
        ("", None),
    ],
)
def test_a_known_trainer_is_known_by_how_it_is_started(line, trainer):
    assert trainer_of(line.split()) == trainer


class FakeTable:
    """A process table whose processes use given shares of a core between two looks."""

    def __init__(self, **cores: float):
        self.cores, self.seconds = cores, 0.0

    def read(self) -> tuple[Running, ...]:
        return tuple(
            Running(pid=place, words=tuple(words.replace("_", " ").split()), processor_seconds=9 + self.seconds * cores)
            for place, (words, cores) in enumerate(self.cores.items(), start=100)
        )

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


def test_a_trainer_counts_while_it_uses_more_than_half_a_core(tmp_path):
    table = FakeTable(trl_sft=0.9, axolotl_train=0.1, gcc=1.0)
    (holder,) = alone(tmp_path, processes=table.read, pause=table.pause)
    assert (holder.pid, holder.what) == (100, "trl: trl sft")


def test_where_no_trainer_is_known_nobody_waits_for_a_second_look():
    table = FakeTable(gcc=1.0)
    assert busy_trainers(table.read, table.pause) == ()
    assert table.seconds == 0


def test_the_process_table_of_this_machine_has_this_process_in_it():
    assert any("pytest" in " ".join(one.words) for one in read_processes())


def compete(folder, runners: int, rounds: int) -> list[str]:
    """What each round's runners told: H for one that held the lease, L for one that was locked out."""
    subprocess.run([sys.executable, "-c", RUNNERS, str(folder), str(runners), str(rounds)], check=True, timeout=3000)
    return (folder / "told").read_text(encoding="utf-8").split()


def never_two(folder, rounds: int) -> None:
    told = compete(folder, 8, rounds)
    assert len(told) == rounds
    # E would be a runner that found the mark of another one, or failed in some other way.
    assert all(len(one) == 8 and set(one) <= {"H", "L"} and "H" in one for one in told)
    with Store.open(folder) as store:
        tokens = [int(dict(entry.detail)["token"]) for entry in store.history() if entry.event == "held"]
    assert len(tokens) == "".join(told).count("H")
    # Each holder's fencing token is greater than those before: the ledger has no entry of one that was overtaken.
    assert tokens == sorted(set(tokens))


@pytest.fixture
def shared(tmp_path):
    with Store.open(tmp_path) as store:
        # The last holder was another machine, dead for long: its time is over, so the first round takes it over.
        store.acquire_lease(
            "cycle", "they", -1, identity=Identity(host="dead-host", pid=1, started=1.0)
        )._lock.release()
        store._leases.clear()
    return tmp_path


def test_eight_runners_in_the_same_moment_never_are_two(shared):
    never_two(shared, rounds=2)


@pytest.mark.slow
def test_eight_runners_in_a_hundred_rounds_never_are_two(shared):
    never_two(shared, rounds=100)


def test_the_lock_is_this_machines_and_not_another_ones_that_shares_the_home(tmp_path):
    with hold_device("ours", folder=tmp_path):
        (note,) = tmp_path.glob("*.json")
        assert socket.gethostname() in note.name
        assert json.loads(note.read_text(encoding="utf-8"))["project"] == "ours"
