"""The configs on the page about judges are configs that the program takes, and its figures are those of the test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selftune.judges.rubric import load_rubric
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.configured import make_member, prices_of
from selftune.plugins import registered
from selftune.scoring.sequential import SequentialPlan, operation

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "judges.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=["local", "hosted", "panel"])
def test_each_config_is_read_and_names_what_there_is(tmp_path, text):
    (tmp_path / CONFIG_FILE).write_text(text)
    section = load_config(tmp_path).judge
    assert section.name in registered("selftune.judges")
    assert load_rubric(section.rubric)
    assert prices_of(section).completion == (15.0 if "usd_per_million_output" in text else 0.0)
    assert [make_member(member).model for member in section.members] == re.findall(
        r'model = "(.+)"', text.partition("[[judge.members]]")[2]
    )


def test_the_judges_of_the_table_are_those_that_are_registered():
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE))
    assert named <= registered("selftune.judges").keys()
    assert {"checks", "oracle", "panel", "pairwise", "human"} == named


def test_the_figures_of_the_sequential_test_are_its_own():
    plan = SequentialPlan()
    assert f"{operation(0.5, plan).better:.1%}".replace("%", " %") in PAGE
    assert f"{operation(0.6, plan).better:.0%}".replace("%", " %") in PAGE
    assert all(27 <= operation(rate, plan).median_n <= 50 for rate in (0.4, 0.7, 0.8))
