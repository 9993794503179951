"""What a person took out is learnt in no way: not itself, not corrected, not as an example in a prompt."""

from __future__ import annotations

from dataclasses import replace

from curation_pairs import judged, pair

from selftune.curation.config import Curation
from selftune.curation.corrections import find_correctable
from selftune.curation.examples import choose_examples
from selftune.curation.stage import curate
from selftune.records import DatasetKind, Feedback
from selftune.testing import fake_context

ALL_IN = Curation(trigger=1, holdout_share=0.0)


def without(*pairs, left_out):
    return replace(judged(*pairs), left_out=frozenset(one.interaction.id for one in left_out))


def test_what_was_taken_out_is_rejected_with_that_reason_and_the_next_best_answer_stands_in(tmp_path):
    best, next_best = (
        pair("a", "Same?", "Best.", 4.9, conversation="c"),
        pair("b", "Same?", "Next.", 4.7, conversation="c"),
    )
    mine = pair("c", feedback=Feedback(correction="Mine."))
    dataset = curate(without(best, next_best, mine, left_out=[best, mine]), ALL_IN, fake_context(tmp_path))
    assert [one.interaction_id for one in dataset.train] == [next_best.interaction.id]
    assert {one.interaction_id: one.reason for one in dataset.rejects} == {
        best.interaction.id: "taken out by a person",
        mine.interaction.id: "taken out by a person",
    }


def test_a_teachers_correction_of_what_was_taken_out_goes_with_it(tmp_path):
    bad, other = pair("a", overall=2.0), pair("b")
    better = pair("a2", "Question a?", "Better.", 4.9, flags=("corrected", f"corrects:{bad.interaction.id}"))
    dataset = curate(without(bad, better, other, left_out=[bad]), ALL_IN, fake_context(tmp_path))
    assert [one.interaction_id for one in dataset.train] == [other.interaction.id]
    told = {one.interaction_id: one.reason for one in dataset.rejects}
    assert told[better.interaction.id] == f"taken out by a person: it corrects {bad.interaction.id}"


def test_a_teacher_is_not_asked_to_correct_it():
    bad, worse = pair("a", overall=4.0), pair("b", overall=3.0)
    found = find_correctable(without(bad, worse, left_out=[bad]), ALL_IN, 5)
    assert [one.interaction.id for one in found] == [worse.interaction.id]


def test_it_is_no_example_in_a_prompt():
    one, other = pair("a"), pair("b")
    found = choose_examples(without(one, other, left_out=[one]), ALL_IN, 0, 5)
    assert [item.pair.interaction.id for item in found] == [other.interaction.id]


def test_it_is_on_neither_side_of_a_pair(tmp_path):
    liked, disliked = pair("a", feedback=Feedback(thumbs=1)), pair("b", feedback=Feedback(thumbs=-1))
    left = pair("c", feedback=Feedback(thumbs=-1))
    thumbs = replace(ALL_IN, kind=DatasetKind.THUMBS, one_sided_above=1.0)
    dataset = curate(without(liked, disliked, left, left_out=[left]), thumbs, fake_context(tmp_path))
    assert [one.interaction_id for one in dataset.disliked] == [disliked.interaction.id]


def test_what_is_held_out_stays_held_out_whoever_took_it_out(tmp_path):
    pairs = [pair(str(number)) for number in range(60)]
    config = Curation(trigger=1, holdout_share=0.5)
    before = curate(judged(*pairs), config, fake_context(tmp_path))
    after = curate(without(*pairs, left_out=pairs[:30]), config, fake_context(tmp_path))
    assert [one.interaction_id for one in after.holdout] == [one.interaction_id for one in before.holdout]
    assert {one.interaction_id for one in after.train} < {one.interaction_id for one in before.train}
