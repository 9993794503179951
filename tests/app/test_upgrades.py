"""A project that the first version wrote opens in this one, with all that was in it, and goes on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import selftune
from selftune.loop.project import open_project
from selftune.records import Build, Interaction, Release

WRITTEN = sorted((Path(__file__).parent / "upgrades").glob("*.zip"))
ASKED = ("Is the shop open?", "And tomorrow?", "Who painted the sign?", "Do you sell nails?")


@pytest.fixture(params=WRITTEN, ids=lambda path: path.stem)
def earlier(request, tmp_path, monkeypatch):
    """Such a project, laid out anew."""
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    with zipfile.ZipFile(request.param) as packed:
        packed.extractall(folder)
    for key in (folder / ".selftune" / "keys").glob("*.key"):
        key.chmod(0o600)
    return folder


def test_there_is_one():
    assert WRITTEN


def test_every_record_is_there_word_for_word_and_the_ledger_holds(earlier):
    before = [json.loads(line) for line in (earlier / ".selftune/ledger/00000001.jsonl").read_text().splitlines()]
    with open_project(earlier) as project:
        kept = [one for _, one in project.store.each(Interaction)]
        assert tuple(one.messages[0].content for one in kept) == ASKED
        (release,) = (one for _, one in project.store.each(Release))
        assert release.version == "v1.0"
        assert project.store.record(release.build_id, Build).digest == release.build_digest
        assert list(project.store.damaged()) == []
        after = [(entry.seq, entry.hash) for entry in project.store.history()]
    assert after[: len(before)] == [(one["seq"], one["hash"]) for one in before]


def test_it_goes_on_what_is_known_is_known_and_what_is_new_comes_in(earlier, tmp_path):
    log = tmp_path / "talks.jsonl"
    said = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "A new answer."}]}
        for asked in ("Is the shop open?", "Do you deliver?")
    ]
    log.write_text("".join(json.dumps(one) + "\n" for one in said), encoding="utf-8")
    project = selftune.open(earlier)
    project.import_(log)
    assert project.status()["interactions"] == len(ASKED) + len(said)
    assert project.status()["serves"].startswith("v1.0")
    assert "generation 0" in "\n".join(project.why("v1.0").lines)
