"""Which database a URL reaches, and that the environment leads it to no other one and past no rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.databases import parse_database
from selftune.errors import ConfigError
from selftune.loop.config import ProjectConfig
from selftune.loop.databases import allowed_database

pytest.importorskip("psycopg")
CONFIG = ProjectConfig()


def test_an_address_in_the_environment_counts_before_the_name_in_the_url(monkeypatch):
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.7")
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7") as refused:
        allowed_database("postgresql://localhost/x", "[store] url", CONFIG)
    assert "[egress]" in refused.value.next_step
    allowed = replace(CONFIG, egress=replace(CONFIG.egress, allow=("192.0.2.7",)))
    reached = allowed_database("postgresql://localhost/x", "[store] url", allowed)
    assert dict(reached.parameters)["sslmode"] == "require"
    with pytest.raises(ConfigError, match="in the clear"):
        allowed_database("postgresql://localhost/x?sslmode=prefer", "[store] url", allowed)
    named = parse_database("postgresql://db.example/x?hostaddr=127.0.0.1", "the test")
    assert named.hosts == ("127.0.0.1",)


@pytest.mark.parametrize("name", ["PGSERVICE", "PGSERVICEFILE"])
def test_a_service_in_the_environment_is_refused(name, monkeypatch):
    monkeypatch.setenv(name, "prod")
    with pytest.raises(ConfigError, match=f"{name} is set") as refused:
        parse_database("postgresql:///x", "the test")
    assert f"Unset {name}" in refused.value.next_step


def test_brackets_that_hold_no_address_are_no_url():
    with pytest.raises(ConfigError, match="no PostgreSQL URL"):
        parse_database("postgresql://[::1/x", "the test")
