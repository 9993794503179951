"""Several judges of one answer: their median decides, and where they disagree a person does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from curation_pairs import judged, pair

from selftune.curation.base import Pair
from selftune.curation.confidence import verdict_on
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.records import Feedback, JudgeIdentity, JudgementStatus
from selftune.testing import fake_context

ALL_IN = Curation(trigger=1, holdout_share=0.0)


def heard(overall: float | None, *others: tuple[str, float | None], flags: tuple[str, ...] = (), **facts) -> Pair:
    """An answer with the judge's overall, and those of others by name."""
    item = pair("a", overall=overall, **facts)
    judgement = replace(item.judgement, flags=flags)
    opinions = tuple(
        replace(
            judgement,
            salt=name,
            flags=(),
            judge=JudgeIdentity(name=name, version="1"),
            overall=said,
            status=JudgementStatus.UNSCORED if said is None else JudgementStatus.SCORED,
        )
        for name, said in others
    )
    return replace(item, judgement=judgement, opinions=opinions)


def outcome(item: Pair, tmp_path) -> str:
    """The reason why it was not learnt from; nothing when it was."""
    dataset = curate(judged(item, pair("good")), ALL_IN, fake_context(tmp_path))
    return next((reject.reason for reject in dataset.rejects), "")


def test_the_median_of_the_judges_is_compared_with_the_threshold(tmp_path):
    assert outcome(heard(4.6, ("second", 4.9), ("third", 4.1)), tmp_path) == ""
    assert outcome(heard(4.6, ("second", 4.2), ("third", 4.1)), tmp_path).startswith(
        "below the threshold: overall 4.20"
    )


def test_judges_that_disagree_leave_it_to_a_person(tmp_path):
    reason = outcome(heard(5.0, ("second", 3.9), ("third", 4.9)), tmp_path)
    assert reason == "pending: needs a person, the judges disagree: 5.00 by test and 3.90 by second"
    assert outcome(heard(5.0, ("second", 4.0)), tmp_path) == ""


def test_a_persons_verdict_counts_alone(tmp_path):
    assert outcome(heard(1.0, ("human:ab12", 5.0)), tmp_path) == ""
    assert outcome(heard(5.0, ("human:ab12", 2.0), ("second", 5.0)), tmp_path).startswith(
        "below the threshold: overall 2.00"
    )
    assert outcome(heard(None, ("human:ab12", 4.8), reason="HTTP 500"), tmp_path) == ""


def test_a_judge_that_gave_no_score_has_no_voice(tmp_path):
    verdict = verdict_on(heard(None, ("second", 4.7), ("third", None)))
    assert (verdict.overall, verdict.spread, verdict.voices) == (4.7, 0.0, (("second", 4.7),))
    assert outcome(heard(None, ("second", None), reason="cut off"), tmp_path) == "unscored: cut off"


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("unsupported", "unsupported: the judge quotes words that stand nowhere in the transcript"),
        ("injection_suspected", "addresses the judge: "),
        ("disagreement", "pending: needs a person, the judges of the panel disagree"),
    ],
)
def test_a_verdict_that_cannot_be_relied_on_makes_nothing_golden(flag, reason, tmp_path):
    assert outcome(heard(5.0, flags=(flag,)), tmp_path).startswith(reason)


def test_a_person_settles_what_the_judge_could_not_support(tmp_path):
    assert outcome(heard(5.0, ("human:ab12", 4.9), flags=("unsupported",)), tmp_path) == ""
    corrected = heard(1.0, flags=("unsupported",), feedback=Feedback(correction="I am Brigo."))
    assert outcome(corrected, tmp_path) == ""


def test_words_that_ask_the_judge_for_a_score_are_learnt_from_by_nobodys_leave(tmp_path):
    corrected = heard(5.0, flags=("injection_suspected",), feedback=Feedback(correction="I am Brigo."))
    assert outcome(corrected, tmp_path).startswith("addresses the judge")
