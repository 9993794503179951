"""A project that people have worked in: two generations, lessons, a dialogue, a doubt, and a candidate on trial.

Nothing in it was trained and no model stands behind it: whatever answers is a fake, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.codex.reading import load_codex
from selftune.gate.policies import load_policy
from selftune.interactions.reading.assemble import find_state
from selftune.loop.canary.note import CanaryNote, Limits
from selftune.loop.planning import make_plan
from selftune.loop.project import create_project, open_project
from selftune.records import (
    Arm,
    Check,
    CheckStatus,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    Example,
    GenerationParameters,
    Interaction,
    Judgement,
    JudgementStatus,
    Message,
    Outcome,
    Release,
    Run,
    RunStatus,
    Statement,
    StatementKind,
    Trigger,
)
from selftune.records.statement import Gravity
from selftune.release.live import LiveStatus
from selftune.serving.streaming import Streamed
from selftune.testing import FakeServe, fake_build, fake_proof

if TYPE_CHECKING:
    from pathlib import Path

OLDER = fake_build("older")
CHAMPION = fake_build()
STATE = '== STATE ==\n{"user.name": "Ana"}\n== END STATE ==\nAnswer from it alone.'
TOPICS = (
    "tide",
    "harbour",
    "lamp",
    "bread",
    "river",
    "clock",
    "garden",
    "letter",
    "bridge",
    "kettle",
    "violin",
    "snow",
)


def make_peopled(folder: Path) -> Path:
    """Make it in a folder that is there and empty."""
    create_project(folder, name="my-model", base="reference", recipe="reference_sft", suite="state_obedience")
    with (folder / "selftune.toml").open("a", encoding="utf-8") as config:
        config.write("\n[curation]\ntrigger = 3\nholdout_share = 0.0\n")
    with open_project(folder) as project:
        project.store.save([OLDER, CHAMPION, release(OLDER, 0), release(CHAMPION, 1)], event="made by a test")
        log = [said(topic) for topic in TOPICS]
        project.store.save(log, event="imported")
        project.store.save([*_unsure(project, log[0]), *_dialogue()], event="made by a test")
        plan = make_plan(project, anyway=True)
        rubric, judge = plan.judging.rubric_digest or "", plan.judge_identity
        project.store.save([judged(one, rubric, judge) for one in log[:8]], event="made by a test")
    return folder


def release(build, generation: int) -> Release:
    return Release(
        version=f"v1.{generation}", generation=generation, alias="champion", build_id=build.id,
        build_digest=build.digest, model_file="m", decision_id=None, replaced=None, reason="made by a test",
        config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip


def said(topic: str, **facts) -> Interaction:
    turns = (
        Message(role="system", content=STATE),
        Message(role="user", content=f"What do you know of the {topic}?"),
        Message(role="assistant", content=f"A {topic} is not in my state, so I know nothing of it."),
    )
    plain = {
        "salt": topic, "conversation": f"talk-{topic}", "task_id": topic, "trigger": Trigger.USER, "messages": turns,
        "source": "a log", "position": topic, "generated_by": CHAMPION.digest, "state": find_state(turns),
    }  # fmt: skip
    return Interaction(**(plain | facts))


def judged(one: Interaction, rubric_digest: str, judge) -> Judgement:
    return Judgement(
        salt=one.salt, interaction_id=one.id, rubric_digest=rubric_digest, judge=judge, status=JudgementStatus.SCORED,
        criteria=(), overall=5.0,
    )  # fmt: skip


def doubt_by(author: str, subject: str, text: str) -> Statement:
    return Statement(
        salt=text, author=author, author_is_model=False, subject=subject, kind=StatementKind.CONCERN, text=text,
        said_at="2026-11-20T08:00:00+00:00", gravity=Gravity.BLOCKING,
    )  # fmt: skip


def a_trial() -> CanaryNote:
    """A note that a candidate is being tried, which nothing answers as."""
    limits = Limits(alpha=0.05, errors=0.02, refusals=0.05, thumbs=0.1, slow=0.2, slower_times=1.5)
    return CanaryNote(
        trial="ab" * 8, candidate_build_id="build:c", candidate_digest="sha256:c", champion_build_id=CHAMPION.id,
        champion_digest=CHAMPION.digest, evaluation_id="evaluation:e", address="http://127.0.0.1:9/v1", share=0.25,
        shadow=False, salt="cd" * 16, started_at="2026-11-22T17:00:00+00:00", limits=limits,
    )  # fmt: skip


def _unsure(project, learnt: Interaction):
    """A decision that wants picks, and all that stands behind it."""
    lesson = Example(salt="e", interaction_id=learnt.id, judgement_id=None, messages=learnt.messages)
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(lesson,), holdout=(), rejects=(), mixture=(), watermark=1, config_digest="c",
        card="Made by a test.",
    )  # fmt: skip
    run = Run(
        recipe="r", recipe_digest="r", dataset_id=dataset.id, base_digest=project.base.digest, stage_history=(),
        objective="sft", backend="fake", status=RunStatus.FINISHED, seed=0, steps=1, planned_steps=1, passes=1.0,
        examples=1, supervised_tokens=1,
    )  # fmt: skip
    tuned = fake_build("tuned", run_id=run.id)
    old, new = (_evaluation(build) for build in (CHAMPION, tuned))
    policy = load_policy("small")
    decision = Decision(
        outcome=Outcome.INCONCLUSIVE, reason="Too few pairs to be sure of a gain.",
        checks=(Check(name="gain", status=CheckStatus.NOT_SHOWN, detail="+0.01 [-0.05, +0.07]"),),
        arms=((Arm.CHAMPION, old.id), (Arm.CANDIDATE, new.id)), policy=policy.name, policy_digest=policy.digest,
        build_id=tuned.id, run_id=run.id,
    )  # fmt: skip
    doubt = doubt_by("vasquez", decision.id, "The transition was too fast; I would see more nights first.")
    return dataset, run, tuned, old, new, decision, doubt


def _evaluation(build) -> Evaluation:
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="d",
        scorer="made_up", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=(),
    )  # fmt: skip


def _dialogue():
    """BRICK and ROBIN, who were far apart and came together."""
    codex = load_codex("brick_robin")
    turns = (
        Message(role="user", content="Is it worth it?"),
        Message(role="assistant", content="No. The figures say so.", persona="BRICK"),
        Message(role="assistant", content="It is, for whoever it helps.", persona="ROBIN"),
        Message(role="assistant", content="Then for them alone, and no further.", persona="BRICK"),
    )
    held = said("worth", messages=turns, source="chat", dissonance=(0.15, 0.62, 0.2), codex_id=codex.id)
    return codex, replace(held, happened_at="2026-11-21T20:00:00+00:00")


def answers(build, request) -> str:
    """What a build answers here; the candidate says otherwise than the champion, and neither says who it is."""
    last = request.messages[-1].content
    return f"The lamp is lit. {last}" if build.run_id is None else f"Somebody lit it. {last}"


class FakeLive:
    """A live server that is none: it answers piece by piece, and proves what it says it is."""

    status_now = LiveStatus(
        address="http://127.0.0.1:0/v1", port=0, pid=0, version="v1.1", build_digest=CHAMPION.digest,
        proof=fake_proof(CHAMPION), started_at="2026-11-22T00:00:00+00:00", problem=None,
    )  # fmt: skip
    said = 0

    def status(self) -> LiveStatus:
        return self.status_now

    def stream(self, body, heard):
        type(self).said += 1
        text = f"Fake answer {self.said} to {body['messages'][-1]['content']}"
        for word in text.split(" "):
            heard(f"{word} ")
        made = Streamed(
            text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=5, model="fake", reasoning=None,
            tool_calls=(),
        )  # fmt: skip
        return made, CHAMPION.digest


def stand_in(patch) -> None:
    """Have fakes answer wherever a page would start a server."""
    from selftune.app import conversing
    from selftune.loop.opened import Project

    context = Project.context
    patch.setattr(Project, "context", lambda project: replace(context(project), serve=FakeServe(answers)))
    patch.setattr(conversing, "wake_server", lambda project: (FakeLive(), FakeLive.status_now))
