"""`kill -9` in a real night: what serves comes back by itself, and one command ends the night that was begun."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest
import yaml
from fault_walker import Walker

from selftune.bases.registry import default_home
from selftune.loop.ejected import eject
from selftune.loop.project import open_project
from selftune.records import Decision, Experiment, Night, Release, Run

pytestmark = pytest.mark.needs("train", "serve")

NIGHT = ("nightly", "--now", "--max-experiments", "1")
SETTINGS = """
[nightly]
only_when = "always"
free_device = "always"
"""
# In the middle of a training, while nothing serves, and between the files that a try leaves.
FEW = ("mid-checkpoint", "experiment-row")
ALL = (
    *("night-began", "before-capture", "kept-judge", "kept-curate", "service-rests", "before-train", "mid-checkpoint"),
    *("kept-train", "kept-build", "before-evaluate", "kept-evaluate", "experiment-began", "before-service-wakes"),
    *("service-woken", "experiment-intended", "experiment-kept", "experiment-figures", "experiment-row"),
    *("experiment-note", "before-decide", "kept-decide", "release-intent", "release-placed", "release-switched"),
    *("release-edited", "kept-release", "before-night-ends"),
)
EVERY = "checkpoint_every = 20"
SEEDS = (0, 1, 2, 3, 4)
PAIRS = slice(12, 15)  # of each category: behind those that the gate asks


def write_screen(folder: Path) -> None:
    """A screen of pairs that the gate's suite does not hold."""
    whole = eject(folder, "suite", "state_obedience")
    suite = yaml.load(whole.read_text(), Loader=yaml.CSafeLoader)
    whole.unlink()
    pairs = {}
    for item in suite["items"]:
        pairs.setdefault(item["category"], {}).setdefault(item["pair"], []).append(item)
    items = [item for of_one in pairs.values() for both in list(of_one.values())[PAIRS] for item in both]
    screen = suite | {"name": "few_screen", "purpose": "screen", "items": items}
    whole.with_name("few_screen.yaml").write_text(yaml.dump(screen, Dumper=yaml.CSafeDumper, sort_keys=False))


@pytest.fixture
def night(begun, monkeypatch, tmp_path):
    """A project that is served and may spend nights, on a machine of its own: no other test's night is in its way."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "bases").symlink_to(default_home() / "bases")
    monkeypatch.setenv("SELFTUNE_HOME", str(home))
    write_screen(begun.folder)
    config = begun.folder / "selftune.toml"
    config.write_text(f"{config.read_text()}{SETTINGS}")
    recipe = begun.folder / "recipes" / "short.toml"
    text = recipe.read_text()
    assert EVERY in text
    recipe.write_text(text.replace(EVERY, "checkpoint_every = 3"))
    begun.expect(0, "start")
    return begun


def kill_at(walker: Walker, point: str) -> None:
    killed = walker.run(*NIGHT, failpoint=f"{point}=kill")
    assert killed.returncode == -signal.SIGKILL, f"{point}: {killed.stdout}{killed.stderr}"
    assert walker.serves(), point


def check_ended_once(walker: Walker) -> None:
    """One night, one try, one decision; nothing lost, nothing twice, and what was promoted serves."""
    with open_project(walker.folder) as project:
        (whole,) = (one for _, one in project.store.each(Night))
        (tried,) = (one for _, one in project.store.each(Experiment))
        assert whole.experiments == (tried.id,)
        assert any("cut off" in text for text in whole.told), whole.told
        assert [outage.seconds is not None for outage in whole.outages] == [True] * len(whole.outages)
        assert sum(1 for _ in project.store.each(Run)) <= 2 + (tried.run_id is None)
        assert sum(1 for _ in project.store.each(Decision)) == 1
        newest = project.store.last(Release)
    records = [entry["record_id"] for entry in walker.ledger() if entry["record_id"]]
    assert len(records) == len(set(records)), "a record was kept twice"
    with (walker.folder / "results.tsv").open() as stream:
        rows = [row["experiment_id"] for row in csv.DictReader(stream, delimiter="\t")]
    assert len(rows) == len(set(rows)) == 2
    assert tried.name in rows
    notes = list((walker.folder / "memory" / "events").rglob("*.md"))
    assert len(notes) == 1
    assert walker.serves()
    assert walker.status()["serves"].startswith(newest.version)
    walker.verify()


def test_a_night_that_is_killed_again_and_again_ends_once_and_the_old_model_answers_each_time(night):
    for point in FEW:
        kill_at(night, point)
    night.expect(0, *NIGHT)
    check_ended_once(night)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("point", ALL)
def test_nights_killed_at_any_point_are_ended_by_one_command(night, point, seed):
    night.set('name = "walk"', f'name = "walk"\nseed = {seed}')
    kill_at(night, point)
    ended = night.run(*NIGHT)
    assert ended.returncode in {0, 3, 4}, ended.stdout + ended.stderr
    check_ended_once(night)
