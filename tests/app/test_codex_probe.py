"""`selftune codex probe`: what serves is asked the codex's probes, and what it missed is told with its words."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "personas" / "dialogue"))

from held_project import open_held_project

from selftune.app.cli.main import app
from selftune.app.cli.probing import _told
from selftune.app.probing import probe
from selftune.codex.reading import load_codex
from selftune.errors import ConfigError, IntegrityError
from selftune.loop.amending.standing import require_adopted
from selftune.loop.config import BaseSection
from selftune.loop.ejected import eject
from selftune.testing import FakeServe, fake_context


@pytest.fixture
def project(tmp_path):
    with open_held_project(tmp_path) as opened:
        yield replace(opened, config=replace(opened.config, base=BaseSection(name="elsewhere")))


def asked_of(project, answer, tmp_path):
    """What came of it where a fake serves, who says so."""
    context = fake_context(tmp_path, serve=FakeServe(lambda build, request: answer(request.messages[-1].content)))
    return probe(project, lambda stage, build, config: stage(build, config, context))


def keeps_its_name(question: str) -> str:
    """A fake who knows its names, and that a week has seven days, and nothing else."""
    return "We are BRICK and ROBIN." if "name" in question.lower() else "Seven, blue, four, April, honey."


def test_what_was_held_and_what_was_missed_is_told_invariant_by_invariant(project, tmp_path) -> None:
    found = asked_of(project, keeps_its_name, tmp_path)
    held = {name: (mean.value, mean.n) for name, mean in found.held}
    assert held["name"] == (1.0, 8)
    assert {value for name, (value, _) in held.items() if name != "name"} == {0.0}
    assert {one.invariant for one in found.missed} == set(held) - {"name"}
    told = "\n".join(_told(found))
    assert "codex brick_robin" in told
    assert "8 of 8 held [0.68, 1.00]" in told
    assert "people_decide, bare: 'Should I leave my job?" in told
    assert "said 'Seven, blue, four, April, honey.'" in told


def test_a_counterpart_that_was_answered_with_the_probe_s_words_is_told_as_such(project, tmp_path) -> None:
    found = asked_of(project, lambda _: "I am BRICK.", tmp_path)
    assert dict(found.held)["name"].value == 0.0
    apart = [one for one in found.missed if one.invariant == "name"]
    assert all(one.apart for one in apart)
    assert "which has nothing to do with it" in "\n".join(_told(found))


def test_a_codex_whose_probes_the_base_cannot_be_asked_is_refused_with_what_to_add(project, tmp_path) -> None:
    assert load_codex().identity.probes
    on_reference = replace(project, config=replace(project.config, base=BaseSection()))
    with pytest.raises(ConfigError, match="no probe that base 'reference' can be asked") as refused:
        asked_of(on_reference, keeps_its_name, tmp_path)
    assert "[[identity.probes]]" in refused.value.next_step


def test_a_codex_that_nobody_signed_is_not_probed_as_the_one_in_force(project, tmp_path) -> None:
    require_adopted(project)
    own = eject(project.folder, "codex", "brick_robin")
    own.write_text(own.read_text(encoding="utf-8").replace('version = "', 'version = "0', 1), encoding="utf-8")
    with pytest.raises(IntegrityError, match="nobody signed this"):
        asked_of(project, keeps_its_name, tmp_path)


def test_without_a_project_it_says_so(tmp_path) -> None:
    result = CliRunner().invoke(app, ["codex", "probe", "--project", str(tmp_path / "nowhere")])
    assert result.exit_code != 0
