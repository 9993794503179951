"""What goes wrong on a real machine, met as a person meets it: a message with the next step, a code, nothing lost."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from fault_walker import CLI, Walker

from selftune.bases.registry import resolve_base
from selftune.release.manifest import Pointer, write_pointer

pytestmark = pytest.mark.needs("train", "serve")

MODELS = Path(".selftune/models")
ASK = ("ask", "Hello!", "--no-log")
# The machine's clock stands in 2001, for this one command.
LONG_AGO = """
import sys, time
from datetime import datetime, timedelta
import selftune.loop.project, selftune.store.store
real, far = time.time, timedelta(days=9_000)
time.time = lambda: real() - far.total_seconds()
for module in (selftune.loop.project, selftune.store.store):
    module.datetime = type("Past", (datetime,), {"now": classmethod(lambda cls, tz=None: datetime.now(tz) - far)})
from selftune.app.cli.main import main
main()
"""


def damage(path: Path) -> None:
    """Flip one byte, in a file of its own: the blob that it was linked to stays sound."""
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    with copy.open("r+b") as file:
        file.seek(100_000)
        byte = file.read(1)
        file.seek(100_000)
        file.write(bytes([byte[0] ^ 1]))
    copy.replace(path)


def test_a_release_that_was_damaged_is_not_served_the_one_before_is_and_one_command_heals_it(promoted):
    damage(promoted.folder / MODELS / "walk_reference_v1.1.gguf")
    started = promoted.expect(0, "start")
    assert started.stdout.startswith("v1.0 serves")
    assert "v1.1.gguf is damaged" in started.stderr
    assert promoted.status()["serves"] == "v1.0, in place of v1.1 (generation 1)"
    assert "Answered by v1.0" in promoted.expect(0, *ASK).stderr
    promoted.expect(0, "rollback", "v1.1")
    assert promoted.status()["serves"] == "v1.2 (generation 1)"
    assert promoted.expect(0, *ASK).stderr == ""


def test_a_release_that_the_keeper_took_back_is_put_on_record_by_the_next_start(promoted):
    promoted.expect(0, "stop")
    why = "v1.1 does not answer; the release before it serves by itself."
    pointer = Pointer(active="walk_reference_v1.0", left="walk_reference_v1.1", why=why)
    write_pointer(pointer, promoted.folder / ".selftune")
    promoted.expect(0, "start")
    assert promoted.status()["serves"] == "v1.2 (generation 0)"
    assert "rolled back by itself" in [entry["event"] for entry in promoted.ledger()]
    promoted.expect(0, *ASK)
    promoted.verify()


def test_a_models_folder_that_is_gone_is_named_and_placed_again(promoted):
    shutil.rmtree(promoted.folder / MODELS)
    refused = promoted.expect(8, "start")
    assert "rollback VERSION" in refused.stderr
    promoted.expect(0, "rollback", "v1.1")
    promoted.expect(0, *ASK)


def test_a_config_edited_into_nonsense_stops_commands_not_the_model_and_the_model_can_still_be_stopped(promoted):
    promoted.expect(0, "start")
    address = promoted.status()["address"]
    promoted.set("[base]", "[base")
    refused = promoted.expect(2, "cycle")
    assert "line 4" in refused.stderr or "line 5" in refused.stderr
    assert "what serves goes on serving" in refused.stderr
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert json.load(opener.open(f"{address}/models"))["data"]
    assert promoted.expect(0, "stop").stdout == "Stopped.\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trigger = 10", "triger = 10", "Did you mean 'trigger'?"),
        ("trigger = 10", 'trigger = "ten"', "trigger must be"),
        ('recipe = "short"', 'recipe = "reference_stf"', "Did you mean 'reference_sft' or 'reference_slow'?"),
        ('suite = "few"', 'suite = "none.yaml"', "none.yaml"),
        ('name = "reference"', 'name = "refrence"', "Did you mean 'reference'?"),
    ],
)
def test_what_the_config_can_not_mean_is_said_before_anything_is_done(begun, old, new, said):
    before = begun.ledger()
    begun.set(old, new)
    assert said in begun.look(2, "cycle").stderr
    assert begun.ledger() == before


def test_a_base_whose_folder_is_gone_stops_what_would_train_not_what_serves(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    _, weights = resolve_base("reference")
    shutil.copytree(weights, tmp_path / "mine")
    walker = Walker(tmp_path)
    walker.expect(0, "base", "add", "./mine")
    walker.expect(0, "init", "first", "--base", "mine")
    (tmp_path / "mine").rename(tmp_path / "elsewhere")
    for refused in (walker.expect(2, "init", "second", "--base", "mine"), walker.expect(2, "cycle", "-p", "first")):
        assert "mine, which is gone" in refused.stderr
        assert "Put them back, or add it again." in refused.stderr
    assert not (tmp_path / "second").exists()
    # What is trained needs its base; what serves does not.
    walker.expect(0, *ASK, "-p", "first")
    walker.expect(0, "stop", "-p", "first")


def test_a_port_that_another_program_has_is_named(begun):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        begun.set("idle_minutes = 5", f"idle_minutes = 5\nport = {port}")
        refused = begun.expect(8, "start")
    assert f"port {port} is taken by another program" in refused.stderr
    assert "[serving] port" in refused.stderr
    begun.expect(0, "start")


def test_too_few_lessons_are_counted_and_the_cycle_halts(begun):
    begun.set("trigger = 10", "trigger = 1000")
    halted = begun.expect(0, "cycle")
    counted = re.search(r"(\d+) new golden interactions, (\d+) more are needed to train", halted.stdout)
    assert counted
    assert sum(map(int, counted.groups())) == 1000
    assert begun.status()["serves"] == "v1.0 (generation 0)"
    assert begun.status()["last_decision"] is None


def test_an_empty_log_a_missing_file_and_a_broken_line(begun, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}\n{"messag\n'
    )
    assert "nowhere.jsonl" in begun.look(2, "import", "nowhere.jsonl").stderr
    begun.run("import", str(tmp_path / "empty.jsonl"))
    done = begun.look(0, "import", str(tmp_path / "broken.jsonl"))
    assert "1 imported, 0 known already, 1 set aside" in done.stdout
    (tmp_path / "empty.jsonl").unlink()
    folder = begun.look(0, "import", str(tmp_path), "--format", "openai")
    assert "broken.jsonl: 0 imported, 2 known already" in folder.stdout
    assert "broken.jsonl" in begun.look(0, "quarantine").stdout


def test_a_project_without_a_log_has_nothing_new(promoted):
    assert "nothing new" in promoted.expect(0, "cycle").stdout


def test_a_clock_set_back_by_years_stops_nothing_and_doubles_nothing(begun):
    past = (sys.executable, "-c", LONG_AGO)
    begun.expect(0, "cycle", cli=past)
    assert begun.status()["serves"] == "v1.1 (generation 1)"
    days = [entry["at"][:4] for entry in begun.ledger()]
    assert "2002" in days or "2001" in days, "the clock was not set back"
    begun.verify()
    assert "nothing new" in begun.expect(0, "cycle").stdout


def test_a_second_runner_is_turned_away_while_the_first_one_works(begun):
    first = subprocess.Popen([*CLI, "cycle"], cwd=begun.folder, stderr=subprocess.PIPE, text=True)
    try:
        assert first.stderr is not None
        first.stderr.readline()  # the first finished stage: it holds the lease
        assert "has held" in begun.expect(6, "cycle").stderr
        begun.expect(0, *ASK)
    finally:
        first.kill()
        first.communicate()
    begun.status()
