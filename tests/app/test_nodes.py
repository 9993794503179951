"""What `selftune nodes` finds: a machine that is ready, one that has another selftune, one that is away."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from selftune import __version__
from selftune.app.nodes import describe_nodes, look_at_nodes
from selftune.bases.registry import REFERENCE
from selftune.ledger.keys import make_machine_key
from selftune.loop.config import MachineSection, NightlySection, ProjectConfig
from selftune.loop.project import Project
from selftune.records import Experiment, ExperimentResult, Mode
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the other end is a POSIX shell")

FAKE = (sys.executable, str(Path(__file__).parents[1] / "training" / "fake_ssh.py"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "far"))
    folder = tmp_path / "project"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    blobs = BlobStore(folder / ".selftune" / "blobs")
    with Store.open(folder) as store:
        yield Project(
            folder=folder, config=ProjectConfig(), store=store, blobs=blobs, base=fake_base(), base_folder=tmp_path
        )


def with_machine(project: Project, folder: Path, host: str, version: str) -> Project:
    program = folder / "far_selftune"
    program.write_text(f"#!/bin/sh\necho selftune {version}\n")
    program.chmod(0o755)
    machine = MachineSection(ssh=host, ssh_selftune=str(program))
    return replace(project, config=ProjectConfig(machine=machine, nightly=NightlySection(proxy_base=REFERENCE)))


def test_a_machine_that_answers_with_our_version_is_ready_and_would_be_taken(project: Project, tmp_path: Path) -> None:
    found = look_at_nodes(with_machine(project, tmp_path, "fake-host", __version__), FAKE)
    full, proxy = found.nodes
    assert (full.mode, full.name, full.trouble, full.version) == ("full", "fake-host", "", f"selftune {__version__}")
    assert full.milliseconds > 0
    assert full.disk_gb > 0
    assert (proxy.mode, proxy.name, proxy.base, proxy.trouble) == ("proxy", "here", REFERENCE, "")
    assert found.chosen.startswith("full, fake-host")


@pytest.mark.parametrize(
    ("host", "version", "trouble"),
    [("fake-host", "0.0.1", "it has selftune 0.0.1"), ("nowhere", __version__, "it does not answer")],
)
def test_one_that_can_train_nothing_says_why_and_a_base_stands_in(
    project: Project, tmp_path: Path, host: str, version: str, trouble: str
) -> None:
    found = look_at_nodes(with_machine(project, tmp_path, host, version), FAKE)
    assert found.nodes[0].trouble.startswith(trouble)
    assert found.chosen.startswith("proxy, here")


def test_each_base_and_mode_has_a_champion_and_a_baseline_of_its_own(project: Project, tmp_path: Path) -> None:
    told = Experiment(
        name="2026-03-01-01",
        began="2026-03-01T02:00:00+00:00",
        mode=Mode.FULL,
        base=project.base.name,
        base_digest=project.base.digest,
        lane="hyperparameters",
        proposer="grid",
        changes=("lora_rank=8",),
        result=ExperimentResult.KEPT,
        why="it is better",
        score=0.813,
        baseline=0.778,
    )
    project.store.save([told, replace(told, name="2026-03-01-02", mode=Mode.PROXY, base_digest="other")], event="tried")
    full, proxy = look_at_nodes(with_machine(project, tmp_path, "fake-host", __version__), FAKE).nodes
    assert (full.baseline, full.champion) == (0.778, "2026-03-01-01")
    assert (proxy.baseline, proxy.champion) == (None, ""), "another base's results say nothing of this one"


def test_what_was_kept_on_a_base_that_stands_in_is_offered_for_a_full_try(project: Project, tmp_path: Path) -> None:
    told = Experiment(
        name="2026-03-01-01",
        began="2026-03-01T02:00:00+00:00",
        mode=Mode.PROXY,
        base="small",
        base_digest="sha256:small",
        lane="hyperparameters",
        proposer="grid",
        changes=("lora_rank=8",),
        result=ExperimentResult.KEPT,
        why="it is better",
    )
    project.store.save([told], event="tried")
    lines = describe_nodes(look_at_nodes(with_machine(project, tmp_path, "nowhere", __version__), FAKE))
    assert "Kept on a base that stands in, worth a full try: lora_rank=8" in lines
