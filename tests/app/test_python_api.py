"""`import selftune`: the names that stay, what importing them wakes, and the page whose blocks are run here."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from configured_project import open_test_project
from test_braking import DECISION

import selftune
from selftune.errors import MissingFileError, NotYet, SelftuneError, UsageError
from selftune.records import Decision, Interaction, Outcome, Release

PACKAGE = Path(selftune.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "python_api.md"
METHODS = ["ask", "compare", "cycle", "decisions", "folder", "import_", "rollback", "status", "why"]
WOKEN = "import json, sys, selftune; dir(selftune); print(json.dumps(sorted(sys.modules)))"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project as a process of its own opens it, with a decision on record and no model."""
    from dataclasses import replace

    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    with open_test_project(tmp_path) as opened:
        opened.store.save([replace(DECISION, run_id=None, outcome=Outcome.REJECT)], event="made by a test")
        config = opened.folder / "selftune.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('"fake"', '"reference"'), encoding="utf-8")
    return config.parent


def test_the_names_that_stay_are_these_and_the_stub_says_the_same():
    names = ["Decision", "NotYet", "ProjectFolder", "Release", "SelftuneError", "__version__", "open"]
    assert selftune.__all__ == names
    assert {name for name in dir(selftune.ProjectFolder) if not name.startswith("_")} == set(METHODS)
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    (told,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(told) == names
    imported = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(names) - {"__version__"}


def test_each_name_is_what_it_is_called():
    assert (selftune.Decision, selftune.Release) == (Decision, Release)
    assert (selftune.SelftuneError, selftune.NotYet) == (SelftuneError, NotYet)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = selftune.nothing_such


def test_importing_it_wakes_nothing_else_of_the_house():
    done = subprocess.run([sys.executable, "-c", WOKEN], capture_output=True, check=True)
    woken = json.loads(done.stdout)
    assert [name for name in woken if name.startswith("selftune")] == ["selftune"]
    assert not {"sqlalchemy", "numpy", "asyncio", "msgspec", "typer"} & set(woken)


def test_the_page_runs_as_it_stands(folder, capsys, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    place = folder.parent
    monkeypatch.chdir(place)
    folder.rename(place / "PROJECT")
    talk = {"messages": [{"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": "It is."}]}
    (place / "talks.jsonl").write_text(json.dumps(talk) + "\n", encoding="utf-8")
    for name, score in (("old", 0.2), ("new", 0.9)):
        rows = "".join(f"i{at},{score + at % 3 / 100}\n" for at in range(40))
        (place / f"{name}.csv").write_text(f"item,score\n{rows}", encoding="utf-8")
    known = {}
    exec(compile("\n".join(block for block in blocks if "cycle()" not in block), str(PAGE), "exec"), known)  # noqa: S102 - our own page
    said = capsys.readouterr().out
    assert "It is better." in said
    assert "talks.jsonl" in said
    # There is no base on this machine, so the cycle says so as the page's other block shows.
    (cycle,) = (block for block in blocks if "cycle()" in block)
    with pytest.raises(SelftuneError):
        exec(compile(cycle, str(PAGE), "exec"), known)  # noqa: S102 - our own page
    assert "better" in said.splitlines()[-1]
    assert "selftune" in said


def test_a_log_comes_in_and_a_missing_one_is_said(folder, tmp_path):
    talk = {"messages": [{"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": "It is."}]}
    log = tmp_path / "talks.jsonl"
    log.write_text(json.dumps(talk) + "\n", encoding="utf-8")
    project = selftune.open(folder)
    assert repr(project) == f"selftune.open({str(folder)!r})"
    assert len(project.import_(log, consent="keep")) == len(project.import_([str(log)])) == 1
    assert project.status()["interactions"] == 1
    from selftune.loop.project import open_project

    with open_project(folder) as opened:
        assert [one.consent.train for _, one in opened.store.each(Interaction)] == [False]
    with pytest.raises(MissingFileError):
        project.import_("nowhere.jsonl")


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="no project") as raised:
        selftune.open(tmp_path)
    assert "selftune init" in raised.value.next_step
