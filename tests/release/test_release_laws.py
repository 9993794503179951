"""Whatever happens in whatever order, one release serves, and pointer, config and server agree on which."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from release_house import TOML, House

from selftune.errors import SelftuneError, ServingError
from selftune.release.base import Switched
from selftune.release.config import Target
from selftune.release.manifest import model_files, pointer_to, read_pointer, read_trusted, write_pointer
from selftune.release.stage import put_into_service, take_back, undo_unrecorded
from selftune.testing import fake_proof

POINTS = ("release-intent", "release-placed", "release-switched", "release-edited")


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


class MemoryLive:
    """A live server without processes: the same pointer and files, an answer from the file itself."""

    def __init__(self, hidden):
        self.hidden, self.serving, self.deaf = hidden, None, False

    def switch(self, name, placed=None):
        manifest = read_trusted(name, self.hidden, placed)
        model_files(manifest, self.hidden)
        words = (self.hidden / "models" / f"{name}.gguf").read_text()
        if words.startswith("broken"):
            raise ServingError("broken.", next_step="None.")
        write_pointer(pointer_to(manifest, self.hidden), self.hidden)
        self.serving = manifest
        return Switched(proof=fake_proof(manifest.build), health=(), gap_seconds=0.0)

    def ask(self, text, *, max_tokens=None):
        if self.deaf:
            raise ServingError("deaf.", next_step="None.")
        return (self.hidden / "models" / f"{self.serving.name}.gguf").read_text()


class Releases(RuleBasedStateMachine):
    """Promotions, failures, crashes and rollbacks in any order; `history` is what the store would hold."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "selftune.toml").write_text(TOML)
        (self.folder / ".selftune").mkdir()
        target = Target(folder=str(self.folder), project="a4ps", base="base_model")
        self.house = House(self.folder, target, MemoryLive(target.hidden))
        self.count = 0
        self.history = [self.release(self.house.base())]

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def release(self, promotion, *, work=None, reach=lambda name: None):
        house = self.house
        return put_into_service(promotion, house.target, house.context(work), live=house.live, reach=reach)

    def candidate(self, words="good"):
        self.count += 1
        return self.house.promotion(f"{words} {self.count}", self.history[-1])

    @rule()
    def promote(self):
        self.history.append(self.release(self.candidate()))

    @rule()
    def fail_to_start(self):
        with pytest.raises(ServingError):
            self.release(self.candidate("broken"))

    @rule()
    def fail_after_the_switch(self):
        def go_deaf(name):
            self.house.live.deaf = name == "release-edited"

        with pytest.raises(ServingError):
            self.release(self.candidate(), reach=go_deaf)
        self.house.live.deaf = False

    @rule(point=st.sampled_from(POINTS), again=st.integers(0, 2))
    def crash_and_finish(self, point, again):
        promotion, work = self.candidate(), self.house.work()
        for _ in range(again + 1):
            with pytest.raises(Crash):
                self.release(promotion, work=work, reach=crash_at(point))
        finished = self.release(promotion, work=work)
        assert finished.config_edit == (
            ("serving.model", self.model(self.history[-1].model_file), self.model(finished.model_file)),
            ("serving.release", self.history[-1].version, finished.version),
        )
        self.history.append(finished)

    @rule(point=st.sampled_from(POINTS))
    def crash_and_undo(self, point):
        with pytest.raises(Crash):
            self.release(self.candidate(), reach=crash_at(point))
        undo_unrecorded(self.history[-1], self.house.target, live=self.house.live)

    @rule(steps=st.integers(1, 5))
    def roll_back(self, steps):
        earlier = self.history[max(0, len(self.history) - 1 - steps)]
        house = self.house
        back = take_back(earlier, self.history[-1], house.target, house.context(), live=house.live, reason="Back.")
        assert (back.build_id, back.generation) == (earlier.build_id, earlier.generation)
        self.history.append(back)

    @rule()
    def spoil_the_config(self):
        path = self.folder / "selftune.toml"
        sound = path.read_text()
        path.write_text("[serving")
        with pytest.raises(SelftuneError):
            self.release(self.candidate())
        path.write_text(sound)

    @invariant()
    def all_agree_on_what_serves(self):
        if not hasattr(self, "history"):
            return
        active = self.history[-1]
        serving = tomllib.loads((self.folder / "selftune.toml").read_text())["serving"]
        assert serving["release"] == active.version
        assert serving["model"] == self.model(active.model_file)
        assert read_pointer(self.house.target.hidden).active == Path(active.model_file).stem
        assert self.house.live.serving.build.digest == active.build_digest
        assert "# a comment to keep" in (self.folder / "selftune.toml").read_text()

    @invariant()
    def no_version_serves_twice(self):
        versions = [release.version for release in getattr(self, "history", [])]
        assert len(versions) == len(set(versions))

    @staticmethod
    def model(name):
        return f".selftune/models/{name}"


def crash_at(point):
    def reach(name):
        if name == point:
            raise Crash

    return reach


TestReleases = Releases.TestCase
TestReleases.settings = settings(max_examples=15, stateful_step_count=8, deadline=None)


def test_an_unfinished_base_release_has_nothing_to_go_back_to(tmp_path):
    (tmp_path / "selftune.toml").write_text(TOML)
    target = Target(folder=str(tmp_path), project="a4ps", base="base_model")
    house = House(tmp_path, target, MemoryLive(target.hidden))
    with pytest.raises(Crash):
        put_into_service(house.base(), target, house.context(), live=house.live, reach=crash_at("release-switched"))
    assert undo_unrecorded(None, target, live=house.live) == ()
    assert put_into_service(house.base(), target, house.context(), live=house.live).version == "v1.0"


def test_base_is_the_only_one_that_needs_no_decision(tmp_path):
    (tmp_path / "selftune.toml").write_text(TOML)
    target = Target(folder=str(tmp_path), project="a4ps", base="base_model")
    house = House(tmp_path, target, MemoryLive(target.hidden))
    with pytest.raises(SelftuneError, match="without a decision"):
        put_into_service(replace(house.base(), generation=1), target, house.context(), live=house.live)


def test_decision_without_an_evaluation_of_this_build_lets_nothing_in(tmp_path):
    (tmp_path / "selftune.toml").write_text(TOML)
    target = Target(folder=str(tmp_path), project="a4ps", base="base_model")
    house = House(tmp_path, target, MemoryLive(target.hidden))
    first = put_into_service(house.base(), target, house.context(), live=house.live)
    promotion = house.promotion("good", first)
    unmeasured = replace(promotion, decision=replace(promotion.decision, arms=()))
    with pytest.raises(SelftuneError, match="no evaluation of this build"):
        put_into_service(unmeasured, target, house.context(), live=house.live)
