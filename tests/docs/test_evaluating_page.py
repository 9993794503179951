"""What the page on evaluating says can be set, can be set."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from selftune.loop.config import EvaluationSection, load_config
from selftune.loop.experiments.experiment_plan import EXPERIMENTS
from selftune.loop.measuring.controls import NONE
from selftune.plugins import load_plugin

PAGE = (Path(__file__).parents[2] / "docs" / "evaluating.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_judge_of_the_page_can_be_named(tmp_path):
    text, _ = EXAMPLES
    (tmp_path / "selftune.toml").write_text(text)
    section = load_config(tmp_path).gate_judge
    assert load_plugin("selftune.judges", section.name)


def test_the_model_of_the_page_may_be_asked_by_the_hosts_of_the_page(tmp_path):
    _, text = EXAMPLES
    (tmp_path / "selftune.toml").write_text(text)
    config = load_config(tmp_path)
    (model,) = config.benchmark.models
    assert urlsplit(model.endpoint).hostname in config.egress.allow


def test_numbers_and_names_of_the_page_are_the_programs_own():
    assert f"Up to {EvaluationSection().holdout_items} of its prompts" in PAGE
    assert f'`"{NONE}"`' in PAGE
    assert all(f"selftune eject experiment {name}" in PAGE for name in EXPERIMENTS.names())
