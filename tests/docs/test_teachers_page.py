"""The configs on the page about teachers are configs that the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selftune.gate.policies import load_policy
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.planning import make_corrector
from selftune.records import JudgeIdentity
from selftune.testing import MemoryReader

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=["local", "hosted"])
def test_each_config_appoints_a_corrector(tmp_path, monkeypatch, text):
    monkeypatch.setenv("TEACHER_KEY", "not a key")
    (tmp_path / CONFIG_FILE).write_text(text)
    code = JudgeIdentity(name="checks", version="1")
    teaching = make_corrector(load_config(tmp_path), code, load_policy("small"), MemoryReader())
    assert teaching is not None
    assert teaching.model in text
    assert teaching.prices.completion == (15.0 if "usd_per_million_output" in text else 0.0)
