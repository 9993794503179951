"""What tests of nights that meet a fault share: a project that may spend nights, and what must stand at the end."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

import yaml

from selftune.loop.ejected import eject
from selftune.loop.project import open_project
from selftune.records import Decision, Experiment, Night, Release, Run

if TYPE_CHECKING:
    from pathlib import Path

    from fault_walker import Walker

NIGHT: Final = ("nightly", "--now", "--max-experiments", "1")
SETTINGS: Final = """
[nightly]
only_when = "always"
free_device = "always"
"""
EVERY: Final = "checkpoint_every = 20"
PAIRS: Final = slice(12, 15)  # of each category: behind those that the gate asks


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


def allow_nights(folder: Path) -> None:
    """Let the project spend nights at any hour, in which its server rests, with a checkpoint every few steps."""
    write_screen(folder)
    config = folder / "selftune.toml"
    config.write_text(f"{config.read_text()}{SETTINGS}")
    recipe = folder / "recipes" / "short.toml"
    text = recipe.read_text()
    assert EVERY in text
    recipe.write_text(text.replace(EVERY, "checkpoint_every = 3"))


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
