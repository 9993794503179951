"""The story's archive at a tenth of its size, laid once for each way in which its sessions went, and copied."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from wild_sessions import TENTH
from wild_story import lay_ground, tell_story, turns_of

from selftune.loop.project import create_project, open_project


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """Copies of a project with people and sessions in it, by what is wrong with the sessions."""
    home = tmp_path_factory.mktemp("wild7_home")
    laid = {}

    def copy_of(scale, turns, place):
        if (scale, turns) not in laid:
            laid[scale, turns] = _lay(tmp_path_factory.mktemp("wild7"), scale, turns)
        return shutil.copytree(laid[scale, turns], place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFTUNE_HOME", os.fspath(home))
        yield copy_of


def _lay(beside, scale, turns):
    folder = beside / "wild7"
    folder.mkdir()
    create_project(folder, name="wild7", base="reference", recipe="reference_sft", suite="reference")
    with open_project(folder) as project:
        lay_ground(project, scale, turns, beside)
    return folder


@pytest.fixture(scope="session")
def archive(ground, tmp_path_factory):
    """Opens the story's archive with these faults; it is told once, and whoever opens it only looks."""
    told = {}

    @contextmanager
    def open_archive(*faults, scale=TENTH):
        wanted = scale, frozenset(faults)
        if wanted not in told:
            beside = tmp_path_factory.mktemp("told")
            folder = ground(scale, turns_of(faults), beside / "wild7")
            with open_project(folder) as project:
                told[wanted] = folder, tell_story(project, scale, frozenset(faults), beside)
        folder, story = told[wanted]
        with open_project(folder) as project:
            yield project, story

    return open_archive
