"""A whole cycle whose lessons are pairs: judged, paired, trained by ORPO, built, served, asked and decided."""

from __future__ import annotations

import pytest

from selftune.loop.project import open_project
from selftune.records import Dataset, DatasetKind, Decision, Run, RunStatus

pytestmark = pytest.mark.needs("train", "serve")
RECIPE = """
objective = "orpo"
beta = 0.1
learning_rate = 1e-3
batch_size = 8
accumulation = 1
max_steps = 4
max_length = 1024
least_supervised = 0.02
"""


def test_a_cycle_goes_round_on_pairs_and_its_run_says_orpo(begun):
    (begun.folder / "recipes" / "pairs.toml").write_text(RECIPE)
    config = begun.folder / "selftune.toml"
    text = config.read_text().replace('recipe = "short"', 'recipe = "pairs"')
    config.write_text(text.replace("trigger = 10", 'trigger = 10\nkind = "preference"'))
    said = begun.run("cycle")
    with open_project(begun.folder) as project:
        dataset, run, decision = (project.store.last(kind) for kind in (Dataset, Run, Decision))
    assert dataset.kind is DatasetKind.PREFERENCE
    assert (run.objective, run.stage_history, run.status) == ("orpo", ("orpo",), RunStatus.FINISHED)
    assert run.mean_abs_delta > 0
    assert decision is not None, said.stderr
