"""Judges are registered under the names that the product speaks of, and an old name is answered with the new one."""

from __future__ import annotations

import pytest

from selftune.errors import ConfigError
from selftune.judges.base import Judge, JudgesMany
from selftune.judges.config import Judging, Member
from selftune.plugins import load_plugin, registered


def test_the_judges_are_these():
    assert {"checks", "oracle", "pairwise", "panel"} <= registered("selftune.judges").keys()


def test_each_is_made_from_a_config_and_names_itself_and_its_lineage():
    members = (Member(name="checks"), Member(endpoint="http://127.0.0.1:9/v1", model="m"))
    config = Judging(endpoint="http://127.0.0.1:9/v1", model="m", members=members)
    made: dict[str, Judge] = {
        name: load_plugin("selftune.judges", name).from_config(config)
        for name in ("checks", "oracle", "pairwise", "panel")
    }
    assert {name: judge.identity.name for name, judge in made.items()} == {
        "checks": "checks",
        "oracle": "oracle:m",
        "pairwise": "pairwise:m",
        "panel": "panel(checks, oracle:m)",
    }
    assert [judge.identity.lineage for judge in made.values()] == [(), ("m",), ("m",), ("m",)]
    assert [isinstance(judge, JudgesMany) for judge in made.values()] == [False, True, True, True]


def test_the_old_name_of_the_oracle_is_answered_with_the_new_one():
    with pytest.raises(ConfigError, match="'openai' is called 'oracle' by now") as raised:
        load_plugin("selftune.judges", "openai")
    assert '"oracle"' in raised.value.next_step
