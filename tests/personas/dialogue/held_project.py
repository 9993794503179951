"""A project in which dialogues can be held without any model: a script speaks, a labelled fake measures."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

from configured_project import open_test_project

from selftune.loop.config import load_config
from selftune.loop.project import HIDDEN, Project
from selftune.personas.base import Dissonance
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import Release
from selftune.store import BlobStore, Store
from selftune.testing import fake_base, fake_build

QUARREL = (
    ("BRICK", "No. It holds 12 tonnes."),
    ("ROBIN", "Yes, let the train cross."),
    ("ALFRED", "What do you take the bridge to be for?"),
    ("BRICK", "For carts, so a light train may cross."),
    ("ROBIN", "Then let the light one cross, and the heavy one wait."),
)


class FakeGauge:
    """Gives the score at the place of the last turn of a voice; it measures nothing, and says so."""

    def __init__(self, *scores) -> None:
        self.scores = scores

    def measure(self, turns, codex):
        spoken = [turn for turn in turns if turn.role == "assistant" and turn.persona != codex.governor]
        return Dissonance(score=self.scores[len(spoken) - 1], reasons=("a fake said so",), measured_by="a fake gauge")


def script(*lines) -> ScriptedVoice:
    """A voice out of `("BRICK", "words")` pairs."""
    return ScriptedVoice([Line(persona=persona, text=text) for persona, text in lines])


@contextmanager
def open_held_project(inside):
    """A fresh project with its base in service, as `init` leaves it; nothing serves."""
    with open_test_project(inside) as project:
        build = fake_build()
        release = Release(
            version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest,
            model_file="m", decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(),
            health=(), proof=None,
        )  # fmt: skip
        project.store.save([build, release], event="made by a test")
        yield project


@contextmanager
def reopen(folder):
    """The same project, opened by another process or later."""
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"),
            base_folder=folder.parent,
        )
