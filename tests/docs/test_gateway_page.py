"""The page of the gateway: its config is read, its routes, settings and commands are the program's own."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from typer.main import get_command

from selftune.app.cli.main import app, register_commands
from selftune.app.gateway.server import SHAPES
from selftune.app.gateway.upstreams import routes_of
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.fronting import GatewaySection

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")


def test_each_kind_of_upstream_on_the_page_can_be_named(tmp_path, monkeypatch):
    [text] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / CONFIG_FILE).write_text(text, encoding="utf-8")
    monkeypatch.setenv("OTHER_KEY", "secret")
    config = load_config(tmp_path)
    routes = routes_of(config.gateway.upstreams, config.egress.allow)
    assert {name: route.redacts is None for name, route in routes.items()} == {
        "small": True, "large": True, "hosted": False,
    }  # fmt: skip
    assert routes["hosted"].authorization == "Bearer secret"


def test_every_route_by_which_a_model_is_asked_stands_on_the_page():
    assert [path for path in SHAPES if f"`{path}`" not in PAGE] == []


def test_the_port_and_the_settings_of_the_page_are_the_programs_own():
    assert f"127.0.0.1:{GatewaySection().port}" in PAGE
    known = {field.name for field in fields(GatewaySection)}
    named = {"capture_wait_ms", "require_key", "body_seconds", "head_seconds", "most_megabytes"}
    assert all(f"`{name}" in PAGE for name in named)
    assert named <= known


def test_each_command_of_the_page_can_be_typed():
    if not app.registered_commands:
        register_commands()
    root = get_command(app)
    for typed in re.findall(r"^\$ selftune (.*)$", PAGE, re.MULTILINE):
        command, words = root, typed.split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, typed
