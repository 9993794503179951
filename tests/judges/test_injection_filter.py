"""What may have talked its judge into a score is never learnt from."""

from __future__ import annotations

import pytest

from selftune.curation.base import Pair
from selftune.curation.config import Curation
from selftune.curation.filters import NotSuspected
from selftune.curation.rejects import Rejects
from selftune.curation.select import sift
from selftune.plugins import load_plugin
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger


def pair(*flags: str) -> Pair:
    said = Interaction(
        salt="s",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        messages=(Message(role="user", content="Hello?"), Message(role="assistant", content="Hello.")),
        source="test",
        position=" ".join(flags),
    )
    verdict = Judgement(
        salt="s",
        interaction_id=said.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="test", version="1", lineage=("some-model",)),
        status=JudgementStatus.SCORED,
        overall=5.0,
        flags=flags,
    )
    return Pair(interaction=said, judgement=verdict)


@pytest.mark.parametrize("flag", ["injection_suspected", "unmoved"])
def test_a_suspect_verdict_is_rejected_with_its_reason(flag):
    rejects = Rejects()
    assert sift([pair(flag)], [NotSuspected()], rejects) == ()
    assert ":" in rejects.listed()[0].reason


def test_other_flags_pass():
    rejects = Rejects()
    assert len(sift([pair(), pair("unsupported")], [NotSuspected()], rejects)) == 2


def test_the_filter_is_in_force_unless_a_config_says_otherwise():
    assert "not_suspected" in Curation().filters
    assert load_plugin("selftune.filters", "not_suspected") is NotSuspected
