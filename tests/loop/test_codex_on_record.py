"""A codex that stands on record alone is found by its id and held against the one in force; none names a training."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from bare_project import bare_project

from selftune.app.codices import compare_codices, find_codex
from selftune.codex.reading import load_codex
from selftune.errors import UnknownNameError
from selftune.loop.executor import step_key
from selftune.testing import fake_context
from selftune.training.stage import train


@pytest.fixture
def earlier(tmp_path, monkeypatch):
    codex = replace(load_codex(), version="0")
    with bare_project(tmp_path / "project", tmp_path) as project:
        project.store.save([codex], event="kept for a test")
        monkeypatch.setattr("selftune.app.codices.open_project", lambda _: nullcontext(project))
        yield codex


def test_a_codex_on_record_is_found_by_the_beginning_of_its_id_and_compared(earlier, tmp_path):
    assert find_codex(tmp_path, earlier.id[:18]) == earlier
    found = compare_codices(tmp_path, earlier.id)
    assert [(one.where, one.before, one.after) for one in found.changes] == [("version", "0", "2")]


@pytest.mark.usefixtures("earlier")
def test_what_is_no_codex_on_record_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="codex:00"):
        find_codex(tmp_path, "codex:00")


def test_a_training_is_named_by_its_lessons_and_not_by_the_codex(tmp_path):
    one, other = (replace(fake_context(tmp_path), codex_id=lambda said=said: said) for said in ("codex:a", "codex:b"))
    assert step_key(train, (), None, one) == step_key(train, (), None, other)
