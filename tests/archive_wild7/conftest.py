"""The story's archive at a tenth of its size, built in layers: what several archives have in common is laid once."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))

from wild_sessions import TENTH
from wild_signing import deploy, sign_chain
from wild_story import CLAIMS, DOUBTFUL, bring_sessions, settle, speak, tidy, turns_of

from selftune.loop.project import create_project, open_project


class Layers:
    """Projects, each a copy of another with something more in it; each is made when it is first asked for."""

    def __init__(self, make_folder):
        self._make_folder = make_folder
        self._made = {}

    def on(self, below, name, *steps):
        """The folder of the project below with these steps taken in a copy of it."""
        if name not in self._made:
            beside = self._make_folder("wild7")
            folder = beside / "wild7"
            if below is None:
                folder.mkdir()
                create_project(folder, name="wild7", base="reference", recipe="reference_sft", suite="reference")
            else:
                shutil.copytree(below, folder)
            with open_project(folder) as project:
                for step in steps:
                    step(project, beside=beside)
            self._made[name] = folder
        return self._made[name]


@pytest.fixture(scope="session")
def layers(tmp_path_factory):
    """Where the archives are made; the keys of their people lie in a home of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFTUNE_HOME", os.fspath(tmp_path_factory.mktemp("wild7_home")))
        yield Layers(tmp_path_factory.mktemp)


@pytest.fixture(scope="session")
def archive(layers):
    """Opens the story's archive with these faults; it is told once, and whoever opens it only looks."""

    @contextmanager
    def open_archive(*faults, scale=TENTH, signed=False):
        faults = frozenset(faults)
        turns, doubt = turns_of(faults), faults & DOUBTFUL
        settled = layers.on(None, "settled", settle)
        filled = layers.on(settled, (scale, turns), partial(bring_sessions, scale=scale, turns=turns))
        spoken = layers.on(filled, (scale, turns, doubt), _alone(speak, scale, doubt))
        if not signed:
            told = layers.on(spoken, (scale, faults, "told"), _alone(tidy, scale, faults))
        else:
            # What a signature bears out with a fact is no empty claim any more.
            stated = not faults & CLAIMS
            before = layers.on(spoken, (scale, turns, doubt, stated), partial(_sign, scale=scale, stated=stated))
            steps = _alone(tidy, scale, faults), _alone(deploy, scale, faults)
            told = layers.on(before, (scale, faults, "deployed"), *steps)
        with open_project(told) as project:
            yield project

    return open_archive


def _alone(step, scale, faults):
    """A step that needs no files."""
    return lambda project, beside: step(project, scale, faults)


def _sign(project, beside, *, scale, stated):
    sign_chain(project, scale, stated=stated)
