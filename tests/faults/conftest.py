"""A project that a person has begun, and one that has been promoted once: made once, copied for each test."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

import fault_walker
from fault_walker import Walker
from night_walk import allow_nights

from selftune.app.kits import demo_kit
from selftune.bases.registry import default_home
from selftune.loop.ejected import eject
from selftune.loop.releasing.service import stop_service

PAIRS_EACH = 12  # the least that the policy `small` measures a category on
STEPS = 8
SETTINGS = """
[project]
name = "walk"
[base]
name = "reference"
[capture]
answers_per_prompt = 1
slots = 4
[curation]
trigger = 10
[training]
recipe = "short"
[evaluation]
suite = "few"
slots = 4
prompt_only = "none"
[serving]
idle_minutes = 5
"""


def write_short_recipe(folder: Path) -> None:
    """The demo's recipe with an eighth of its steps: still a gain that the gate sees, on a test of fifty pairs."""
    whole = eject(folder, "recipe", "reference_sft")
    assert "max_steps = 60" in whole.read_text()
    whole.with_name("short.toml").write_text(whole.read_text().replace("max_steps = 60", f"max_steps = {STEPS}"))
    whole.unlink()


def write_few_items(folder: Path) -> None:
    """The shipped suite, cut down to its first pairs: enough to decide on, quick to ask."""
    whole = eject(folder, "suite", "state_obedience")
    suite = yaml.load(whole.read_text(), Loader=yaml.CSafeLoader)
    kept, pairs = [], {}
    for item in suite["items"]:
        seen = pairs.setdefault(item["category"], [])
        if item["pair"] not in seen:
            seen.append(item["pair"])
        if seen.index(item["pair"]) < PAIRS_EACH:
            kept.append(item)
    few = yaml.dump(suite | {"name": "few", "items": kept}, Dumper=yaml.CSafeDumper, sort_keys=False)
    whole.with_name("few.yaml").write_text(few)
    whole.unlink()


@pytest.fixture(scope="session", autouse=True)
def _commands(warm):
    with pytest.MonkeyPatch.context() as here:
        here.setattr(fault_walker, "WARM", warm)
        yield


@pytest.fixture(scope="session")
def _begun(tmp_path_factory):
    walker = Walker(tmp_path_factory.mktemp("begun") / "walk")
    walker.folder.mkdir()
    (walker.folder / "selftune.toml").write_text(SETTINGS)
    write_few_items(walker.folder)
    write_short_recipe(walker.folder)
    walker.expect(0, "init", ".")
    walker.expect(0, "import", str(demo_kit("reference").log))
    walker.expect(0, "stop")
    return walker.folder


@pytest.fixture(scope="session")
def _promoted(_begun, tmp_path_factory):
    walker = Walker(tmp_path_factory.mktemp("promoted") / "walk")
    shutil.copytree(_begun, walker.folder)
    walker.expect(0, "cycle")
    walker.expect(0, "stop")
    return walker.folder


def _copy(folder, tmp_path):
    walker = Walker(tmp_path / "walk")
    shutil.copytree(folder, walker.folder)
    yield walker
    stop_service(walker.folder)


@pytest.fixture
def begun(_begun, tmp_path):
    """A project with a base in service and a log, stopped; no cycle has run."""
    yield from _copy(_begun, tmp_path)


@pytest.fixture
def spends_nights(begun, monkeypatch, tmp_path):
    """A project that may spend nights, on a machine of its own: no other test's night is in its way."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "bases").symlink_to(default_home() / "bases")
    monkeypatch.setenv("SELFTUNE_HOME", str(home))
    allow_nights(begun.folder)
    return begun


@pytest.fixture
def promoted(_promoted, tmp_path):
    """The same after one promotion: v1.1 is in service, v1.0 is what it replaced; stopped."""
    yield from _copy(_promoted, tmp_path)
