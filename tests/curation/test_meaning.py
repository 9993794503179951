"""The threshold of likeness in meaning, on pairs that a person labelled; and the candidates of MinHash."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from curation_pairs import judged, pair

from selftune.curation.config import Curation
from selftune.curation.likeness.alike import cross
from selftune.curation.likeness.lsh import bands_for, buckets_of
from selftune.curation.likeness.meaning import content_words, gist, likeness_of, same_in_meaning
from selftune.curation.likeness.near import Fingerprint, NearDuplicates, jaccard, likenesses, shingles_of
from selftune.curation.stage import curate
from selftune.records import Message
from selftune.testing import fake_context


def pairs_in(text: str) -> list[tuple[str, str]]:
    """Labelled pairs, one text a line, a blank line between pairs."""
    blocks = [block.strip().splitlines() for block in text.strip().split("\n\n")]
    return [(first, second) for first, second in blocks]


SAME = pairs_in("""
Is the back door of the garage locked?
Is the garage's back door locked?

How do I reset the password of my router?
How can I reset my router's password?

summarise the meeting notes of the workshop in three short points
summarise in three short points the notes of the workshop meeting, please

Could you explain how vaccines train the immune system?
Can you explain how a vaccine trains the immune system?

write a short poem about the sea in winter for my grandmother
write my grandmother a short poem about the winter sea

Which ingredients do I need to bake sourdough bread at home?
What ingredients are needed for baking sourdough bread at home?

the harbour master closes the green book at noon and sends a copy to the customs house
at noon the harbour master closes the green book, and a copy is sent to the customs house

translate this contract clause into plain language for a tenant
translate this clause of the contract into plain language for tenants

Explain the difference between weather and climate to a child.
Explain to a child what the difference between climate and weather is.

What should I pack for a rainy weekend hike in the mountains?
What should I pack for a weekend hike in rainy mountains?
""")
# One template with another value, a negation, other names and numbers, another order of names, another topic.
DIFFERENT = pairs_in("""
Is the back door of the garage locked?
Is the front door of the house open?

How do I reset the password of my router?
How do I change the name of my router?

What is the capital of France?
What is the capital of Norway?

set an alarm for seven tomorrow morning
set an alarm for nine tomorrow morning

set an alarm for 7:00 tomorrow
set an alarm for 9:00 tomorrow

Tell me the colour of my bicycle.
Tell me the price of my bicycle.

is it safe to mix bleach and ammonia
is it not safe to mix bleach and ammonia

Send the money from Anna to Ben.
Send the money from Ben to Anna.

What should I pack for a rainy weekend hike in the mountains?
What should I cook for a rainy weekend hike in the mountains?

translate this contract clause into plain language for a tenant
translate this contract clause into plain language for a landlord

the harbour master closes the green book at noon and sends a copy to the customs house by evening boat
the harbour master closes the green book at noon and sends a copy to the customs house by morning boat
""")


def gists(*texts: str):
    return [gist((Message(role="user", content=text),), None) for text in texts]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_in_another_order_or_inflection_is_found(first, second):
    assert list(same_in_meaning(gists(first, second), Curation().same_in_meaning))


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_another_value_name_number_or_negation_is_another_text(first, second):
    assert not list(same_in_meaning(gists(first, second), Curation().same_in_meaning))


@pytest.mark.parametrize(("first", "second"), [("contract", "contrast"), ("interest", "internal"), ("star", "start")])
def test_words_that_only_begin_alike_lie_below_the_threshold_and_inflections_above(first, second):
    """Beginnings of three letters choose who is compared; the vector decides."""
    nearest = min(likeness_of(content_words(one), content_words(other)) for one, other in SAME)
    assert likeness_of((first,), (second,)) < Curation().same_in_meaning < nearest


def test_a_paraphrase_in_other_words_is_beyond_a_vector_that_knows_spelling_alone():
    """A known limit, not a wish: this takes a model."""
    first, second = "How can I make my computer start faster?", "What speeds up the boot of a PC?"
    assert likeness_of(content_words(first), content_words(second)) < 0.2


def test_of_a_cluster_that_means_the_same_the_best_judged_is_kept(tmp_path):
    worse = pair("a", SAME[1][0], "You hold the button for ten seconds.", 4.6)
    better = pair("b", SAME[1][1], "For ten seconds, you hold the button.", 4.9)
    config = Curation(trigger=1, holdout_share=0)
    dataset = curate(judged(worse, better), config, fake_context(tmp_path))
    assert [example.interaction_id for example in dataset.train] == [better.interaction.id]
    assert dataset.rejects[0].reason == f"same in meaning: 1.00 like {better.interaction.id}"
    apart = curate(judged(worse, better), replace(config, same_in_meaning=2.0), fake_context(tmp_path))
    assert len(apart.train) == 2


@pytest.mark.parametrize("other", ["What is your name?", "And who am I?", "Tell me who made you."])
def test_another_way_to_ask_for_the_same_answer_is_a_lesson_of_its_own(other):
    answer = Message(role="assistant", content="My name is Vicuna, and a small team made me.")
    asked = [gist((Message(role="user", content=text), answer), None) for text in ("Who are you?", other)]
    assert list(same_in_meaning(asked, Curation().same_in_meaning)) == []


def test_two_answers_to_one_prompt_that_say_different_things_stay(tmp_path):
    pairs = [pair("a", "Where to?", "North, along the river."), pair("b", "Where to?", "South, across the moor.")]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0, answers_per_prompt=2), fake_context(tmp_path))
    assert len(dataset.train) == 2


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
def test_a_pair_at_the_threshold_is_missed_once_in_a_million_at_most_and_no_band_is_wasted(threshold):
    rows, bands = bands_for(threshold)
    assert (1 - threshold**rows) ** bands <= 1e-6 < (1 - threshold**rows) ** (bands - 1)
    assert (1 - threshold ** (rows + 1)) ** (128 // (rows + 1)) > 1e-6


def bodies(sets) -> list[bytes]:
    return [array("q", one).tobytes() for one in sets]


def meet(sets, blocks, threshold: float) -> set[tuple[int, int]]:
    """Which two places share a bucket."""
    spread = [set(one) for one in buckets_of(blocks, bodies(sets), threshold)]
    return {(one, two) for one, two in combinations(range(len(spread)), 2) if spread[one] & spread[two]}


def test_minhash_finds_every_planted_near_duplicate_and_few_others():
    rng = Random(0)
    words = [f"word{number}" for number in range(3000)]
    texts = [rng.choices(words, k=60) for _ in range(400)]
    texts += [[*text[:30], "changed", *text[31:]] for text in texts[:200]]
    sets = [shingles_of(text) for text in texts]
    found = meet(sets, [1] * len(sets), 0.8)
    planted = {(place, 400 + place) for place in range(200)}
    assert all(jaccard(sets[first], sets[second]) >= 0.8 for first, second in planted)
    assert planted <= found
    assert len(found - planted) <= 5


def test_a_flood_of_near_copies_costs_no_square_and_is_found_whole():
    words = [f"word{number}" for number in range(60)]
    prints = [Fingerprint("f", shingles_of([*words, f"end{number}"])) for number in range(600)]
    found = list(likenesses(prints, 0.8))
    assert {one.second for one in found} == set(range(1, 600))
    assert len(found) <= 600 * 64


def test_of_two_lists_those_are_alike_that_lie_in_one_block_of_both():
    rng = Random(1)
    words = [f"word{number}" for number in range(2000)]
    here = [Fingerprint("x", shingles_of(rng.sample(words, 30))) for _ in range(200)]
    there = [Fingerprint("x" if place < 40 else "y", one.shingles) for place, one in enumerate(here[:50])]
    found = {(one.first, one.second) for one in cross(NearDuplicates(0.6), here, there)}
    assert found == {(place, place) for place in range(40)}


def test_blocks_keep_equal_sets_apart():
    assert meet([{1, 2, 3}] * 4, [7, 8, 7, 8], 0.8) == {(0, 2), (1, 3)}
