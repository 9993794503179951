"""What lies too close to an exam, kept from night to night, is what comparing everything anew finds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.base import Yardstick
from selftune.curation.likeness.contamination import Measured, find_overlaps, name_question
from selftune.curation.likeness.overlaps import Overlaps

WORDS = ["harbour", "master", "writes", "every", "arrival", "into", "green", "book", "closes", "it", "at", "noon"]
STATES = (None, "", '{"colour": "red"}')


def questions(count: int, seed: int = 0) -> list[tuple[str, str | None]]:
    """Questions that quote, turn and repeat each other, under a few states."""
    rng = Random(seed)
    texts = [" ".join(rng.sample(WORDS, rng.randint(3, 12))) for _ in range(count // 4)]
    while len(texts) < count:
        words = rng.choice(texts).split()
        turned = rng.choice((words, words[1:], [*words, "please"], rng.sample(words, len(words))))
        texts.append(rng.choice((str.upper, str, str.title))(" ".join(turned)))
    return [(text, rng.choice(STATES)) for text in texts[:count]]


def kept(folder, asked, exams) -> dict[int, str]:
    names = [name_question(*one) for one in asked]
    called = [(name_question(*question), name) for question, name in exams]
    return Overlaps(folder).find(names, asked.__getitem__, called, lambda place: exams[place][0])


def anew(asked, exams) -> dict[int, str]:
    yardsticks = [Yardstick(name=name, text=text, state=state) for (text, state), name in exams]
    return find_overlaps(asked, Measured(yardsticks))


POOL = questions(80)
EXAMS = [(question, f"item {place % 7}") for place, question in enumerate(questions(80)[::3])]


def test_the_first_night_finds_what_comparing_finds(tmp_path):
    found = kept(tmp_path, POOL, EXAMS)
    assert found == anew(POOL, EXAMS)
    for reason in ("word for word", "8 words in a row", " like item"):
        assert any(reason in told for told in found.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_came_and_went_each_night_finds_what_comparing_anew_finds(tmp_path_factory, data):
    """Questions and exams come, go and change sides in any order."""
    folder = tmp_path_factory.mktemp("nights")
    for _ in range(data.draw(st.integers(1, 4))):
        asked = [POOL[place] for place in data.draw(st.lists(st.integers(0, 79), max_size=40))]
        exams = [EXAMS[place] for place in data.draw(st.sets(st.integers(0, len(EXAMS) - 1), max_size=15))]
        assert kept(folder, asked, exams) == anew(asked, exams)


@pytest.mark.parametrize("seed", range(20))
def test_twenty_orders_of_arrival_in_nights_of_any_size_end_in_the_same_findings(tmp_path, seed):
    rng = Random(seed)
    arrived: list = []
    for one in rng.sample(POOL, len(POOL)):
        arrived.append(one)
        if rng.random() < 0.08:
            kept(tmp_path, arrived, rng.sample(EXAMS, 9))
    assert kept(tmp_path, POOL, EXAMS) == anew(POOL, EXAMS)


def test_a_new_suite_looks_at_what_came_long_ago_and_only_its_own_texts_are_read(tmp_path):
    kept(tmp_path, POOL, EXAMS[:5])

    def unread(place):
        raise AssertionError(place)

    names = [name_question(*one) for one in POOL]
    called = [(name_question(*question), name) for question, name in EXAMS]
    read: list[int] = []

    def exam_at(place):
        read.append(place)
        return EXAMS[place][0]

    assert Overlaps(tmp_path).find(names, unread, called, exam_at) == anew(POOL, EXAMS)
    known = {name for name, _ in called[:5]}
    assert {called[place][0] for place in read} == {name for name, _ in called} - known


def test_a_phrase_becomes_common_over_the_nights_and_rare_again_when_texts_are_erased(tmp_path):
    phrase = "can you tell me what you think about the following question of mine"
    exams = [((f"{phrase}: who wrote the older harbour book?", None), "item 1")]
    asked = [(f"{phrase}: {chr(97 + n) * 3} {chr(97 + n) * 4}?", None) for n in range(11)]
    assert len(kept(tmp_path, asked[:10], exams)) == 10
    assert kept(tmp_path, asked, exams) == {}
    assert len(kept(tmp_path, asked[1:], exams)) == 10


def test_words_that_were_forgotten_are_gone_from_the_file(tmp_path):
    asked = [("a secret marmalade", None), ("harbour at noon", None)]
    kept(tmp_path, asked, EXAMS)
    (path,) = tmp_path.iterdir()
    assert b"marmalade" in path.read_bytes()
    kept(tmp_path, asked[1:], EXAMS)
    assert b"marmalade" not in path.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"no database"])
def test_a_file_that_cannot_be_read_is_made_anew(tmp_path, damage):
    kept(tmp_path, POOL, EXAMS)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    assert kept(tmp_path, POOL, EXAMS) == anew(POOL, EXAMS)


def test_a_night_that_is_cut_off_leaves_the_night_before(tmp_path):
    kept(tmp_path, POOL[:20], EXAMS)

    def asked_at(place):
        if place > 50:
            raise KeyboardInterrupt
        return POOL[place]

    names = [name_question(*one) for one in POOL]
    with pytest.raises(KeyboardInterrupt):
        Overlaps(tmp_path).find(names, asked_at, [], POOL.__getitem__)
    assert kept(tmp_path, POOL, EXAMS) == anew(POOL, EXAMS)


def test_an_exam_that_leaves_takes_its_likeness_with_it(tmp_path):
    asked = [("which ship left the old harbour with salted fish before the storm", None)]
    near = ("fish salted with harbour old the left ship which storm the before yesterday", None)
    nearer = ("before the storm which ship left the old harbour with salted fish", None)
    both = kept(tmp_path, asked, [(near, "near"), (nearer, "nearer")])
    assert both == anew(asked, [(near, "near"), (nearer, "nearer")])
    assert both[0].endswith("nearer")
    assert kept(tmp_path, asked, [(near, "near")]) == anew(asked, [(near, "near")]) != {}
