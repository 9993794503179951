"""A small project with blobs, and promotions over it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from selftune.records import (
    Arm,
    Decision,
    Evaluation,
    FileDigest,
    GenerationParameters,
    Outcome,
    digest_bytes,
)
from selftune.release.base import Promotion
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.testing import MemoryWork, fake_build, fake_context, fake_proof

TOML = """\
# My project.
[project]
name = "a4ps"  # a comment to keep

[serving]  # edited by release
model = ""
release = ""
port = 0
"""


@dataclass
class House:
    """Everything a release needs; `promotion` makes one of a model file with these words."""

    folder: Path
    target: Target
    live: LiveServer
    records: list = field(default_factory=list)

    def context(self, work=None):
        return fake_context(self.folder / "fakes", records=self.records, work=work)

    def work(self):
        return MemoryWork(self.folder / "work")

    def build(self, words, **changes):
        data = words.encode()
        self.context().blobs.put_bytes(data)
        file = FileDigest(name="model.gguf", digest=digest_bytes(data), size_bytes=len(data))
        build = fake_build(words, files=(file,), **changes)
        self.records.append(build)
        return build

    def base(self, words="base"):
        return Promotion(
            build=self.build(words), decision=None, generation=0, replaced=None, approvals=(), reason="The base."
        )

    def promotion(self, words, replaced, *, outcome=Outcome.PROMOTE, approvals=(), build=None):
        build = build or self.build(words)
        evaluation = Evaluation(
            build_id=build.id,
            build_digest=build.digest,
            proof=fake_proof(build),
            suite="s",
            suite_digest="sha256:s",
            scorer="fake",
            scorer_lineage=(),
            generation=GenerationParameters(),
            seeds=(0,),
            outcomes=(),
        )
        decision = Decision(
            outcome=outcome,
            reason="It is better.",
            checks=(),
            arms=((Arm.CANDIDATE, evaluation.id),),
            policy="small",
            policy_digest="sha256:p",
            build_id=build.id,
            run_id=None,
        )
        self.records += [evaluation, decision]
        return Promotion(
            build=build,
            decision=decision,
            generation=replaced.generation + 1,
            replaced=replaced,
            approvals=approvals,
            reason="It is better.",
        )

    def toml(self):
        return (self.folder / "selftune.toml").read_text()

    def pointer(self):
        return json.loads((self.folder / ".selftune" / "active.json").read_text())["active"]

    def model(self, release):
        return self.folder / ".selftune" / "models" / release.model_file
