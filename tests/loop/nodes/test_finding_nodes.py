"""Which node a night has, and what a try on it may decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.bases.registry import REFERENCE
from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.loop.config import MachineSection, NightlySection, NodeChoice, ProjectConfig
from selftune.loop.lessons.recipes import find_recipe
from selftune.loop.nodes.base import HERE, in_words, may_promote, on_node
from selftune.loop.nodes.finding import find_node
from selftune.records import Mode
from selftune.training.elsewhere.reaching import NodeAwayError


def answers(_: str) -> float:
    return 3.0


def is_silent(_: str) -> None:
    return None


def is_not_asked(host: str) -> float:
    pytest.fail(f"{host} was asked")


def placed(project, *, ssh: str = "", mode: NodeChoice = NodeChoice.AUTO, proxy: str = REFERENCE):
    nightly = NightlySection(mode=mode, proxy_base=proxy)
    return replace(project, config=ProjectConfig(machine=MachineSection(ssh=ssh), nightly=nightly))


def test_without_another_machine_the_base_that_serves_is_trained_here(project) -> None:
    node = find_node(placed(project), connect=is_not_asked)
    assert (node.mode, node.name, node.backend, node.seconds) == (Mode.FULL, HERE, "", 1800)
    assert node.base == project.base


def test_a_machine_that_answers_trains_the_base_that_serves(project) -> None:
    node = find_node(placed(project, ssh="me@workshop"), connect=answers)
    assert (node.mode, node.name, node.backend) == (Mode.FULL, "me@workshop", "ssh")


def test_while_it_is_silent_a_small_base_stands_in_here_for_half_the_time(project) -> None:
    node = find_node(placed(project, ssh="me@workshop"), connect=is_silent)
    assert (node.mode, node.name, node.backend, node.seconds) == (Mode.PROXY, HERE, "", 900)
    assert node.base.name == REFERENCE


@pytest.mark.parametrize("mode", [NodeChoice.FULL, NodeChoice.AUTO])
def test_a_silent_machine_ends_the_night_where_nothing_may_stand_in(project, mode: NodeChoice) -> None:
    proxy = REFERENCE if mode is NodeChoice.FULL else ""
    with pytest.raises(NodeAwayError, match="me@workshop"):
        find_node(placed(project, ssh="me@workshop", mode=mode, proxy=proxy), connect=is_silent)


def test_a_command_may_ask_for_another_mode_than_is_written(project) -> None:
    there = placed(project, ssh="me@workshop", mode=NodeChoice.FULL)
    assert find_node(there, Mode.PROXY, connect=is_not_asked).mode is Mode.PROXY
    written = placed(project, ssh="me@workshop", mode=NodeChoice.PROXY)
    assert find_node(written, Mode.FULL, connect=answers).mode is Mode.FULL


def test_a_base_that_stands_in_must_be_named_and_known(project) -> None:
    with pytest.raises(ConfigError, match="no base stands in"):
        find_node(placed(project, proxy=""), Mode.PROXY)
    with pytest.raises(UnknownNameError, match="tiny"):
        find_node(placed(project, proxy="tiny"), Mode.PROXY)


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=touch owned", "a b", "me@host;ls", "$(ls)", "host\n", "@host", "a@b@c"]
)
def test_what_is_no_name_of_a_machine_is_refused_before_anything_is_started(project, host: str) -> None:
    with pytest.raises(UsageError, match="no name of a machine"):
        find_node(placed(project, ssh=host), connect=is_not_asked)


def test_only_a_full_try_may_go_on_to_the_gate_and_the_plan_says_so(project) -> None:
    there = placed(project, ssh="me@workshop")
    full, proxy = find_node(there, connect=answers), find_node(there, connect=is_silent)
    assert (may_promote(full), may_promote(proxy)) == (True, False)
    assert "goes on to the whole gate" in in_words(full)
    assert "promotes nothing" in in_words(proxy)


def test_a_project_on_a_node_trains_its_base_by_its_back_end_within_its_time(project) -> None:
    there = placed(project, ssh="me@workshop")
    full, proxy = find_node(there, connect=answers), find_node(there, connect=is_silent)
    placed_full, placed_proxy = on_node(there, full), on_node(there, proxy)
    assert (placed_full.base, placed_proxy.base.name) == (project.base, REFERENCE)
    assert [find_recipe(one).backend for one in (placed_full, placed_proxy)] == ["ssh", "packed"]
    assert [find_recipe(one).max_seconds for one in (placed_full, placed_proxy)] == [1800, 900]
    assert find_recipe(there).max_seconds == 0, "the project itself is as it was"


def test_a_recipe_that_asks_for_less_time_keeps_it(project) -> None:
    (project.folder / "short.toml").write_text("max_seconds = 60\nbackend = 'ssh'\n")
    config = replace(placed(project, ssh="me@workshop").config, training=project.config.training)
    config = replace(config, training=replace(config.training, recipe="short.toml"))
    there = replace(project, config=config)
    proxy = on_node(there, find_node(there, connect=is_silent))
    assert find_recipe(proxy).max_seconds == 60
    assert find_recipe(proxy).backend == "packed", "what stands in is trained here, whatever the recipe says"
