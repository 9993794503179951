"""How a cycle may end besides a promotion, by the command line: an A/A run, an outside log that nothing can judge."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs("train", "serve")


def test_an_a_a_cycle_is_invalid_because_it_trained_nothing(begun):
    """The same data at a learning rate of 0: an equal model must not be measured against itself."""
    recipe = begun.folder / "recipes/short.toml"
    text = recipe.read_text().replace("learning_rate = 1e-3", "learning_rate = 0.0")
    recipe.write_text(text.replace("learning_rate = [1e-4, 1e-2]", "learning_rate = [0.0, 1e-2]"))
    ended = json.loads(begun.expect(8, "cycle", "--json").stdout)
    assert ended["decision"]["outcome"] == "invalid"
    assert "trained nothing" in ended["decision"]["reason"]
    assert ended["release"] is None
    assert begun.status()["serves"] == "v1.0 (generation 0)"


def test_a_log_that_no_code_can_judge_goes_in_whole_and_the_cycle_names_the_judge_that_is_missing(begun, field_data):
    begun.folder.joinpath(".selftune").rename(begun.folder / ".selftune-other")
    begun.expect(0, "init", ".")
    log = str(field_data / "formats/sharegpt_identity_500.json")
    assert ": 500 imported, 0 known already, 0 set aside" in begun.expect(0, "import", log).stdout
    assert ": 0 imported, 500 known already, 0 set aside" in begun.expect(0, "import", log).stdout
    halted = begun.expect(5, "cycle")
    assert "judge" in halted.stdout
    assert "[judge]" in halted.stdout
    assert "endpoint" in halted.stdout
