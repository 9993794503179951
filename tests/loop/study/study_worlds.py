"""An arm that a fake serves, and nights of a study made up for a test."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from selftune.app.kits import demo_kit
from selftune.ledger.keys import make_machine_key
from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.project import Project
from selftune.loop.study.plan import StudyPlan
from selftune.loop.study.scenarios import DrawnGoals, Replay, Scenarios
from selftune.records import Release, StudyNight
from selftune.store import BlobStore, Store
from selftune.testing import FakeServe, fake_base, fake_build

KIT = demo_kit("reference")
PLAN = StudyPlan(name="short", question="Does it rise?", nights=12, prompts=3, goals=2, probe_pairs=4, block=3, gap=0)
SCENARIOS = Scenarios(
    users=KIT.users, goals=DrawnGoals(users=KIT.users), probe=KIT.probe, replay=Replay(prompts=(), seed=0)
)


def night(arm, number, score, generation=0, **changes):
    facts = {
        "study": PLAN.digest, "arm": arm.value, "number": number, "date": f"2026-01-{number:02d}", "simulated": True,
        "release_id": f"release:{generation}", "version": f"v1.{generation}", "generation": generation, "prompts": 3,
        "goals": 2, "probe_digest": "sha256:p", "evaluation_id": None, "score": score,
        "interval": None if score is None else (max(0.0, score - 0.1), min(1.0, score + 0.1)),
        "n": 0 if score is None else 4, "ended_by": "halted",
    }  # fmt: skip
    return StudyNight(**facts | changes)


def nights(arm, scores, generations=None):
    served = generations or [0] * len(scores)
    pairs = zip(scores, served, strict=True)
    return tuple(night(arm, number, score, one) for number, (score, one) in enumerate(pairs, start=1))


BASE = fake_build()


def release_of(build, version="v1.0", generation=0, decision_id=None):
    return Release(
        version=version, generation=generation, alias="champion", build_id=build.id, build_digest=build.digest,
        model_file="m", decision_id=decision_id, replaced=None, reason="r", config_edit=(), approvals=(), health=(),
        proof=None,
    )  # fmt: skip


class ServedByAFake(Project):
    """A project whose builds a fake serves: it says which build it is, and what it was asked is counted."""

    def context(self):
        return replace(super().context(), serve=SERVE)


SERVE = FakeServe(lambda build, _: f"I am {build.digest[-6:]}.")


@contextmanager
def open_arm(inside):
    """A project with the base in service, its store open until the block ends."""
    folder = inside / "arm"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    text = new_config_text(
        name="arm", base="fake", recipe="reference_sft", suite="state_obedience", profile=Profile.SOLO, further=()
    )
    (folder / CONFIG_FILE).write_text(text)
    SERVE.started.clear()
    with Store.open(folder) as store:
        store.save([BASE, release_of(BASE)], event="made by a test")
        yield ServedByAFake(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=fake_base("fake"),
            base_folder=inside,
        )
