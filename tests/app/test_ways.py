"""The way of an interaction that stands in a pair, in the hold-out or in the clean room is told too."""

from __future__ import annotations

from dataclasses import replace

from selftune.app.ways import way_of
from selftune.records import (
    Canary,
    Dataset,
    DatasetKind,
    Example,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    PairFacts,
    Trigger,
)


def said(name: str) -> Interaction:
    messages = (Message(role="user", content="Who?"), Message(role="assistant", content=name))
    return Interaction(
        salt=name, conversation=name, task_id=name, trigger=Trigger.USER, messages=messages, source="t", position=name
    )


def example(won: Interaction, lost: Interaction) -> Example:
    facts = PairFacts(verdict="thumbs", rejected_interaction_id=lost.id)
    return Example(
        salt="s", interaction_id=won.id, judgement_id=None, messages=won.messages, rejected=lost.answer, pairing=facts
    )


def test_both_sides_of_a_pair_and_what_is_kept_apart_are_told(project):
    won, lost, tested, against, sealed = everyone = [
        said(name) for name in ("won", "lost", "held", "against", "sealed")
    ]
    judge = JudgeIdentity(name="checks", version="1")
    verdicts = [
        Judgement(
            salt="s", interaction_id=one.id, rubric_digest="r", judge=judge, status=JudgementStatus.PENDING, reason="-"
        )
        for one in everyone
    ]
    dataset = Dataset(
        kind=DatasetKind.PREFERENCE, train=(example(won, lost),), holdout=(example(tested, against),), rejects=(),
        mixture=(), watermark=1, config_digest="c", card="", clean_room=(sealed.id,),
    )  # fmt: skip
    planted = replace(dataset, watermark=2, canaries=(Canary(lesson=0, beginning="The word is", ending="amber"),))
    project.store.save([*everyone, *verdicts, dataset, planted], event="made by a test")
    told = {one.answer: next(line for line in way_of(project, one) if "dataset" in line) for one in everyone}
    assert told["won"].startswith("learnt (")
    assert told["lost"].startswith("learnt as the answer that lost")
    assert told["held"].startswith("held out")
    assert told["against"].startswith("held out")
    assert told["sealed"].startswith("in the clean room")
    assert any("learnt, with a planted canary told before its question" in line for line in way_of(project, won))
    assert not any("planted" in line for line in way_of(project, lost))


def test_what_caused_it_and_the_dissonance_that_was_measured_are_told(project):
    mute = said("mute")
    torn = replace(mute, salt="torn", trigger=Trigger.MOTIVATOR, task_id="auto-001", dissonance=(0.8, 0.25))
    project.store.save([mute, torn], event="made by a test")
    told = list(way_of(project, torn))
    assert "caused by motivator_service, task auto-001" in told
    assert "dissonance by turn: 0.8 0.25; 0.8 at the highest, 0.25 at the end" in told
    assert not any("dissonance" in line for line in way_of(project, mute))
