"""`selftune gateway`: keys and counts by command."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import ConfigError, MissingFileError, UnknownNameError, UsageError


@pytest.fixture
def run(tmp_path):
    """Runs a command in a project that has a config and nothing else; its errors come as they are."""
    if not app.registered_commands:
        register_commands()
    (tmp_path / "selftune.toml").write_text('[project]\nname = "a"\n')

    def run(*words):
        done = CliRunner().invoke(app, ["gateway", *words, "--project", str(tmp_path)], catch_exceptions=True)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_a_key_is_shown_once_listed_and_revoked(run, tmp_path):
    made = run("key", "add", "phone", "--scope", "chat", "--consent", "keep")
    secret = made.stdout.strip()
    assert secret.startswith("st-")
    assert secret not in (tmp_path / ".selftune/gateway/keys.json").read_text()
    listed = run("key", "list").stdout
    assert "phone" in listed
    assert "consent keep; in force" in listed
    assert secret not in listed
    assert "opens nothing" in run("key", "revoke", "phone").stdout
    [told] = json.loads(run("key", "list", "--json").stdout)
    assert told["revoked_at"] is not None
    assert "digest" not in told


def test_slips_are_told_with_what_to_type(run, tmp_path):
    with pytest.raises(UnknownNameError, match="chat"):
        run("key", "add", "phone", "--scope", "chatt")
    with pytest.raises(UnknownNameError, match="train"):
        run("key", "add", "phone", "--consent", "trian")
    with pytest.raises(UnknownNameError):
        run("key", "revoke", "nobody")
    run("key", "add", "phone")
    with pytest.raises(ConfigError, match="already"):
        run("key", "add", "phone")
    with pytest.raises(UsageError, match="selftune up"):
        run("status")
    (tmp_path / "selftune.toml").unlink()
    with pytest.raises(MissingFileError):
        run("key", "add", "tablet")
