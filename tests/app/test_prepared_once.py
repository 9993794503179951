"""Lessons are prepared once a night: a second experiment on the same log finds the first one's dataset (mission C3)."""

from __future__ import annotations

import json
from dataclasses import replace

from selftune.app.growing import grow_file
from selftune.app.preparing import prepare
from selftune.loop.config import TrainingSection
from selftune.loop.executor import Silent
from selftune.loop.incoming.intake import import_files
from selftune.records import Dataset


class Heard(Silent):
    """Keeps which stages ran and which were found finished."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.reused: list[str] = []

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """Note it."""
        (self.reused if reused else self.ran).append(stage)


def prepared(project) -> Heard:
    heard = Heard()
    prepare(project, share=0.5, observer=heard)
    return heard


def real_log(project, tmp_path, *, name: str, seed: int) -> None:
    grown = tmp_path / f"{name}-grown.jsonl"
    grow_file(grown, count=52, seed=seed)
    lines = [json.loads(line) for line in grown.read_text().splitlines()]
    log = tmp_path / f"{name}.jsonl"
    log.write_text("".join(json.dumps({"messages": one["messages"], "id": one["id"]}) + "\n" for one in lines))
    import_files(project, [log])


def test_the_second_experiment_of_a_night_prepares_nothing_even_with_another_recipe(released, tmp_path):
    real_log(released, tmp_path, name="log", seed=99)
    assert "curate" in prepared(released).ran
    other = replace(released, config=replace(released.config, training=TrainingSection(recipe="another_recipe")))
    second = prepared(other)
    assert second.ran == []
    assert second.reused.count("curate") == 1
    assert released.store.count(Dataset) == 1


def test_another_log_or_another_share_is_prepared_anew(released, tmp_path):
    real_log(released, tmp_path, name="log", seed=99)
    prepared(released)
    real_log(released, tmp_path, name="more", seed=7)
    assert "curate" in prepared(released).ran
    heard = Heard()
    prepare(released, share=0.4, observer=heard)
    assert "curate" in heard.ran
    assert released.store.count(Dataset) == 3
