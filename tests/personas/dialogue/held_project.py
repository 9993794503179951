"""A project in which dialogues can be held without any model: a script speaks, a labelled fake measures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

from configured_project import open_test_project  # noqa: F401 - handed on

from selftune.personas.base import Dissonance
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import Release
from selftune.testing import fake_build


class FakeGauge:
    """Gives the scores it was made with, one a call; it measures nothing."""

    def __init__(self, *scores) -> None:
        self.scores, self.asked = list(scores), []

    def measure(self, turns, codex):
        self.asked.append(turns)
        score = self.scores.pop(0)
        return Dissonance(score=score, reasons=("a fake said so",), measured_by="a fake gauge")


def script(*lines) -> ScriptedVoice:
    """A voice out of `("BRICK", "words")` pairs."""
    return ScriptedVoice([Line(persona=persona, text=text) for persona, text in lines])


def release_base(project):
    """Its base in service, as `init` leaves it; nothing serves."""
    build = fake_build()
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([build, release], event="made by a test")
    return project
