"""What goes wrong again and again is found; what goes wrong once, or was never scored, is not."""

from __future__ import annotations

from curation_pairs import judged, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.curation.weakness import ANY_TOPIC, find_weaknesses
from selftune.testing import fake_context


def log():
    bad = [
        pair(f"b{n}", f"Which passport number is in entry {n}?", score_of(n), 1.0, criterion="unknowns")
        for n in range(6)
    ]
    good = [pair(f"g{n}", f"Which colour has item {n}?", "Blue.", 5.0, criterion="unknowns") for n in range(30)]
    return [*bad, *good]


def score_of(place: int) -> str:
    return f"It is {place}."


def find(pairs, least=5):
    return find_weaknesses(pairs, low_below=4.5, least_conversations=least)


def test_a_topic_that_fails_in_many_conversations_is_named_with_its_criterion():
    (weakness,) = find(log())
    assert (weakness.criterion, weakness.conversations, weakness.items, weakness.mean) == ("unknowns", 6, 6, 1.0)
    assert weakness.topic.split(", ")[0] in {"passport", "number", "entry"}
    assert len(weakness.interaction_ids) == 5


def test_many_failures_in_one_conversation_are_one_conversation():
    same = [pair(f"b{n}", f"Which passport {n}?", "No.", 1.0, conversation="one") for n in range(20)]
    assert find(same) == ()


def test_what_was_never_scored_is_no_weakness():
    assert find([pair(f"b{n}", "Which passport?", "No.", None) for n in range(20)]) == ()


def test_low_everywhere_is_a_weakness_on_any_topic():
    words = ("apple", "boat", "candle", "drum", "elbow", "fence")
    (weakness,) = find([pair(word, f"Which {word}?", "No.", 1.0) for word in words])
    assert weakness.topic == ANY_TOPIC
    assert weakness.conversations == 6


def test_two_topics_of_one_criterion_are_told_apart():
    pairs = log() + [pair(f"v{n}", f"Book the violin lesson {n}.", "No.", 2.0, criterion="unknowns") for n in range(7)]
    topics = {weakness.topic.split(", ")[0] for weakness in find(pairs)}
    assert len(topics) == 2
    assert topics & {"violin", "book", "lesson"}


@given(st.lists(st.tuples(st.sampled_from(["boat", "drum", "fence"]), st.none() | st.floats(1, 5)), max_size=25),
       st.integers(1, 6))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_weakness_rests_on_fewer_conversations_than_asked_and_the_order_of_the_log_does_not_matter(entries, least):
    pairs = [pair(str(place), f"The {word} {place}?", "So.", score) for place, (word, score) in enumerate(entries)]
    found = find(pairs, least)
    assert all(weakness.conversations >= least for weakness in found)
    assert all(weakness.mean < 4.5 for weakness in found)
    backwards = find(pairs[::-1], least)
    assert [(one.topic, one.conversations) for one in found] == [(one.topic, one.conversations) for one in backwards]


def test_a_dataset_lists_what_keeps_going_wrong_and_leaves_the_held_out_ones_out_of_it(tmp_path):
    dataset = curate(judged(*log()), Curation(trigger=1, holdout_share=0.0), fake_context(tmp_path))
    assert [(weakness.criterion, weakness.conversations) for weakness in dataset.weaknesses] == [("unknowns", 6)]
    some = curate(judged(*log()), Curation(trigger=1, holdout_share=0.6, recurring_from=1), fake_context(tmp_path))
    held = {example.interaction_id for example in some.holdout} | set(some.clean_room)
    assert held
    assert not held & {name for weakness in some.weaknesses for name in weakness.interaction_ids}
