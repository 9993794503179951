"""What people liked is a lesson, what they did not is none, and neither is taken for the other."""

from __future__ import annotations

import pytest
from curation_pairs import judged, pair

from selftune.curation.config import Curation, check_curation
from selftune.curation.exporting import export
from selftune.curation.stage import curate
from selftune.errors import ConfigError, NothingToTrainOnError, UsageError
from selftune.records import Consent, DatasetKind, Feedback, decode_record, encode_record
from selftune.testing import fake_context

THUMBS = Curation(kind="thumbs", trigger=1, holdout_share=0.0, canaries=0)


def thumbed(name: str, answer: str, thumbs: int | None, **facts):
    return pair(name, f"What about {name}?", answer, None, feedback=Feedback(thumbs=thumbs), **facts)


SOME = (
    thumbed("rain", "Take a coat with you, it pours.", 1),
    thumbed("snow", "Whatever you say, who cares.", -1),
    thumbed("wind", "Hold on to your hat today.", None),
)


def test_liked_answers_are_lessons_and_disliked_ones_stand_apart_from_them(tmp_path):
    dataset = curate(judged(*SOME), THUMBS, fake_context(tmp_path))
    assert dataset.kind is DatasetKind.THUMBS
    ((liked,), (disliked,)) = dataset.train, dataset.disliked
    assert (liked.messages[-1].content, liked.rejected) == ("Take a coat with you, it pours.", None)
    assert (disliked.messages[-1].role, disliked.rejected) == ("user", "Whatever you say, who cares.")
    assert dataset.taught == (liked, disliked)
    assert [reject.reason for reject in dataset.rejects] == ["no thumb: nobody said whether it is liked"]
    assert "By thumbs: 1 answers that people liked, 1 that they did not" in dataset.card
    assert decode_record(encode_record(dataset)) == dataset


def test_no_judge_is_asked_what_a_person_said(tmp_path):
    bad = pair("best", "Which?", "The best one by far.", 5.0, feedback=Feedback(thumbs=-1))
    dataset = curate(judged(bad, SOME[0]), THUMBS, fake_context(tmp_path))
    assert [one.rejected for one in dataset.disliked] == ["The best one by far."]


def test_thumbs_of_one_kind_are_nothing_to_learn_from(tmp_path):
    with pytest.raises(NothingToTrainOnError, match="1 answers were liked and 0 were not"):
        curate(judged(SOME[0]), THUMBS, fake_context(tmp_path))


def test_what_may_not_be_learnt_is_not_learnt_from_a_thumb_either(tmp_path):
    private = thumbed("fog", "I would not like to say.", -1, consent=Consent(train=False))
    dataset = curate(judged(*SOME, private), THUMBS, fake_context(tmp_path))
    assert "I would not like to say." not in encode_record(dataset)


def test_the_same_answer_liked_by_one_and_disliked_by_another_stays_on_both_sides(tmp_path):
    again = thumbed("rain ", "Take a coat with you, it pours.", -1)
    dataset = curate(judged(SOME[0], again), THUMBS, fake_context(tmp_path))
    assert (len(dataset.train), len(dataset.disliked)) == (1, 1)


def test_no_format_takes_what_was_disliked_for_a_lesson(tmp_path):
    dataset = curate(judged(*SOME), THUMBS, fake_context(tmp_path))
    with pytest.raises(UsageError, match="disliked"):
        export(dataset, "openai", tmp_path / "out.jsonl")


@pytest.mark.parametrize("changes", [{"selection": "worst"}, {"rendering": "as_served"}], ids=str)
def test_what_has_no_meaning_for_thumbs_is_refused(changes):
    with pytest.raises(ConfigError):
        check_curation(Curation(kind="thumbs", **changes))
