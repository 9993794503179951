"""Makers of releases and statements, short enough to read a test in one breath."""

from __future__ import annotations

import itertools

from selftune.governance.doubts import doubts, hear
from selftune.records import Decision, Outcome, Release, Statement, StatementKind
from selftune.testing import MemoryReader

_counter = itertools.count()


def release(number, *, decision=None, generation=None, replaced=None):
    """The release `v1.NUMBER`; with a decision it is a promotion."""
    return Release(
        version=f"v1.{number}",
        generation=number if generation is None else generation,
        alias="selftune",
        build_id=f"build:{number}",
        build_digest=f"sha256:{number}",
        model_file=f"m_v1.{number}.gguf",
        decision_id=decision,
        replaced=replaced,
        reason="",
        config_edit=(),
        approvals=(),
        health=(),
        proof=None,
    )


REPORT = release(99)


def promotions(count, *, start=1):
    """The base and so many promotions after it."""
    return [release(0), *(release(number, decision=f"decision:{number}") for number in range(start, start + count))]


def say(kind, subject, author="ana", *, model=False, text="So be it.", **more):
    """A statement of any kind, with a salt of its own."""
    return Statement(
        salt=f"{next(_counter):032x}",
        author=author,
        author_is_model=model,
        subject=subject,
        kind=StatementKind(kind),
        text=text,
        **{"said_at": "2026-01-01T00:00:00+00:00"} | more,
    )


def withdraw(said, author=None, **more):
    """The withdrawal of a statement, by its author."""
    return say("withdrawal", said.subject, author or said.author, supersedes=said.id, **more)


def close(doubt, author, *evidence, **more):
    """The closing of a concern; the evidence is a record that `REPORT` is, where none is named."""
    return say("closing", doubt.id, author, evidence=evidence or (REPORT.id,), **more)


def heard(*records, profile="team", runner="runner", public_key=None):
    """The hearing over these records and a report that can be cited."""
    return hear(MemoryReader([REPORT, *records]), profile=profile, runner=runner, public_key=public_key)


def look_at(doubt, *records, **options):
    """What has become of a doubt, after all this."""
    (found,) = (one for one in doubts(heard(*records, **options)) if one.statement.id == doubt.id)
    return found


def decision(name, *, outcome=Outcome.PROMOTE, run=None, difference=0.48, interval=(0.42, 0.55)):
    """A decision about the build of this name."""
    return Decision(
        outcome=outcome,
        reason="It is better.",
        checks=(),
        arms=(),
        policy="small",
        policy_digest="sha256:p",
        build_id=f"build:{name}",
        run_id=run,
        difference=difference,
        interval=interval,
        n=192,
    )
