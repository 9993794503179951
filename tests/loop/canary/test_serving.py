"""The candidate's own keeper: the real one, over the fake server of the release tests."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from canary_world import evaluation_of

from selftune.errors import DamagedFileError, ServingError
from selftune.governance.keys import seal_build
from selftune.ledger.keys import load_machine_key
from selftune.loop.canary.place import canary_folder, canary_server, serve_candidate, stop_candidate
from selftune.records import FileDigest, digest_bytes
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.testing import fake_build

FAKE_KEEPER = (sys.executable, str(Path(__file__).parents[2] / "release" / "fake_keeper.py"))


@pytest.fixture
def place(project, monkeypatch):
    """Builds with a model file of these words, served by the real keeper over a fake server."""
    monkeypatch.setattr("selftune.loop.canary.place.LiveServer", partial(LiveServer, keeper=FAKE_KEEPER))

    def made(words: str, *, sealed: bool = True):
        data = words.encode()
        project.blobs.put_bytes(data)
        file = FileDigest(name="model.gguf", digest=digest_bytes(data), size_bytes=len(data))
        build = fake_build(words, files=(file,))
        return seal_build(build, load_machine_key(project.hidden / "keys")) if sealed else build

    yield made
    stop_candidate(project.hidden)


def test_it_answers_at_an_address_of_its_own_and_goes_without_a_trace_that_a_next_start_would_believe(project, place):
    build = place("a candidate")
    switched, status = serve_candidate(project, build, evaluation_of(build))
    assert status.build_digest == build.digest
    assert all(check.passed for check in switched.health)
    champion = Target(folder=str(project.folder), project="p", base="b")
    assert LiveServer(champion).status() is None
    assert stop_candidate(project.hidden)
    assert not stop_candidate(project.hidden)
    own = canary_folder(project.hidden) / ".selftune"
    assert not (own / "models").exists()
    assert not (own / "active.json").exists()


def test_what_is_not_what_was_evaluated_is_served_to_nobody(project, place):
    build = place("it lies")
    with pytest.raises(ServingError, match="not healthy"):
        serve_candidate(project, build, evaluation_of(build))
    assert canary_server(project.hidden).status() is None


def test_a_build_without_the_project_s_seal_is_not_served(project, place):
    build = place("a stray", sealed=False)
    with pytest.raises(DamagedFileError, match="seal"):
        serve_candidate(project, build, evaluation_of(build))


def test_without_room_for_a_second_model_nothing_starts(project, place, monkeypatch):
    monkeypatch.setattr("selftune.release.keeper.fits_in_memory", lambda _: False)
    build = place("a candidate")
    with pytest.raises(ServingError, match="no room"):
        serve_candidate(project, build, evaluation_of(build))
    assert canary_server(project.hidden).status() is None
