"""What is kept from night to night finds what comparing everything anew finds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.likeness.alike import CROWD, Likeness, Sketch, compare
from selftune.curation.likeness.meaning import SameMeaning, gist
from selftune.curation.likeness.near import Fingerprint, NearDuplicates, fingerprint, shingles_of
from selftune.curation.likeness.neighbours import Neighbours
from selftune.errors import DamagedFileError
from selftune.records import Message

NEAR = NearDuplicates(0.5)
WORDS = ["harbour", "master", "writes", "every", "arrival", "into", "green", "book", "closes", "it", "at", "noon"]


def prints(count: int, seed: int = 0, facts: str = "f") -> list[Fingerprint]:
    """Texts of which many resemble each other."""
    rng = Random(seed)
    texts = [rng.choices(WORDS, k=rng.randint(8, 14)) for _ in range(count // 5)]
    while len(texts) < count:
        text = list(rng.choice(texts))
        text[rng.choice((0, 1, -2, -1))] = rng.choice(WORDS)
        texts.append(text)
    return [Fingerprint(facts, shingles_of(text)) for text in texts[:count]]


def kept(folder, items, kind=NEAR, crowd=CROWD):
    names = [sketch and sketch.name for sketch in map(kind.sketch, items)]
    return list(Neighbours(folder, kind, crowd).find(names, items.__getitem__))


def test_the_first_night_finds_what_comparing_finds(tmp_path):
    items = prints(120)
    assert kept(tmp_path, items) == list(compare(NEAR, items))
    assert len(kept(tmp_path, items)) > 100


class NearNumbers:
    """Numbers in a few large buckets, so that crowds come and go at every turn; even and odd are never alike."""

    form = "numbers"
    threshold = 0.5

    def sketch(self, item: int) -> Sketch:
        return Sketch(item * 7919 % 101, item % 2, str(item).encode())

    def spread(self, blocks, bodies):
        return (
            (block, 10 + int(body) % 6, 20 + int(body) // 8 * 2 + block)
            for block, body in zip(blocks, bodies, strict=True)
        )

    def similarity(self, one: bytes, other: bytes) -> float:
        return 1 - abs(int(one) - int(other)) / 12


@pytest.mark.parametrize("kind", [NearNumbers(), NEAR], ids=["numbers", "texts"])
@settings(max_examples=100, deadline=None)
@given(drawn=st.lists(st.integers(0, 39), max_size=60), crowd=st.sampled_from([2, 3, 5, 64]), data=st.data())
def test_whatever_came_and_went_each_night_finds_what_comparing_anew_finds(tmp_path_factory, kind, drawn, crowd, data):
    """Any order of arrival, any split into nights, some forgotten on the way, crowds that come and go."""
    folder = tmp_path_factory.mktemp("nights")
    pool = list(range(40)) if isinstance(kind, NearNumbers) else [*prints(30), *prints(10, seed=1, facts="g")]
    held: list[int] = []
    while drawn:
        coming = data.draw(st.integers(1, 12))
        leaving = data.draw(st.sets(st.sampled_from(held), max_size=6)) if held else set()
        held, drawn = [*(one for one in held if one not in leaving), *drawn[:coming]], drawn[coming:]
        items = [pool[one] for one in held]
        assert kept(folder, items, kind, crowd) == list(compare(kind, items, crowd))


def test_a_crowd_that_shrinks_and_grows_again_takes_no_link_with_it_that_another_bucket_gave(tmp_path):
    """0 and 2 share a bucket of their own, and with the others one that holds a crowd, then none, then a crowd."""
    everybody = [8, 16, 26, 0, 2]
    for held in (everybody, [8, 0, 2], everybody):
        assert Likeness(held.index(0), held.index(2), 1 - 2 / 12) in kept(tmp_path, held, NearNumbers(), 3)


@pytest.mark.parametrize("seed", range(20))
def test_twenty_orders_of_arrival_in_nights_of_any_size_end_in_the_same_pairs(tmp_path, seed):
    rng, items = Random(seed), prints(90)
    arrived: list[Fingerprint] = []
    for one in rng.sample(items, len(items)):
        arrived.append(one)
        if rng.random() < 0.1:
            kept(tmp_path, arrived, crowd=8)
    assert kept(tmp_path, items, crowd=8) == list(compare(NEAR, items, 8))


def test_only_what_is_new_is_asked_for(tmp_path):
    items, asked = prints(60), []
    names = [NEAR.sketch(item).name for item in items]

    def read(place):
        asked.append(place)
        return items[place]

    index = Neighbours(tmp_path, NEAR)
    list(index.find(names[:50], read))
    assert len(asked) == len(set(names[:50]))
    asked.clear()
    list(index.find(names, read))
    assert {names[place] for place in asked} == set(names[50:]) - set(names[:50])


def test_what_is_like_nothing_is_passed_over(tmp_path):
    kind = SameMeaning(0.7)
    texts = ["", "harbour closes at noon", "...", "closes at noon harbour", ""]
    items = [gist((Message(role="user", content=text),), None) for text in texts]
    assert [(one.first, one.second) for one in kept(tmp_path, items, kind)] == [(1, 3)]


def test_above_one_only_equal_ones_are_found(tmp_path):
    items = [*prints(30), *prints(30)]
    kind = NearDuplicates(2.0)
    found = kept(tmp_path, items, kind)
    assert found == list(compare(kind, items))
    assert {one.similarity for one in found} == {1.0}


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_a_file_that_cannot_be_read_is_made_anew(tmp_path, damage):
    items = prints(40)
    expected = kept(tmp_path, items)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] if damage is None else damage)
    assert kept(tmp_path, items) == expected


def test_damage_that_shows_while_reading_is_named_and_gone_the_next_time(tmp_path):
    items = prints(40)
    expected = kept(tmp_path, items)
    (path,) = tmp_path.iterdir()
    page = 4096
    whole = path.read_bytes()
    path.write_bytes(whole[: 2 * page] + b"\xff" * (len(whole) - 2 * page))
    with pytest.raises(DamagedFileError, match="run it again") as told:
        kept(tmp_path, items)
    assert str(path) in str(told.value)
    assert kept(tmp_path, items) == expected


@pytest.mark.parametrize("other", [NearDuplicates(0.6), NearDuplicates(2.0)])
def test_another_threshold_begins_anew(tmp_path, other):
    items = prints(40)
    kept(tmp_path, items)
    assert kept(tmp_path, items, other) == list(compare(other, items))


def test_a_night_that_is_cut_off_leaves_the_night_before(tmp_path):
    """The reader of items fails half-way, as a process that is killed would."""
    items = prints(60)
    names = [NEAR.sketch(item).name for item in items]
    kept(tmp_path, items[:30])

    def read(place):
        if place > 45:
            raise KeyboardInterrupt
        return items[place]

    with pytest.raises(KeyboardInterrupt):
        list(Neighbours(tmp_path, NEAR).find(names, read))
    (path,) = tmp_path.glob("*.db")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM print").fetchone() == (len(set(names[:30])),)
    assert kept(tmp_path, items) == list(compare(NEAR, items))


def test_words_that_were_forgotten_are_gone_from_the_file(tmp_path):
    kind = SameMeaning(0.7)
    items = [gist((Message(role="user", content=text),), None) for text in ("a secret marmalade", "harbour at noon")]
    kept(tmp_path, items, kind)
    (path,) = tmp_path.iterdir()
    assert b"marmalade" in path.read_bytes()
    kept(tmp_path, items[1:], kind)
    assert b"marmalade" not in path.read_bytes()
    assert b"harbour" in path.read_bytes()


def test_a_flood_leaves_no_links_behind_and_every_copy_is_found(tmp_path):
    words = [f"word{number}" for number in range(60)]
    items = [Fingerprint("f", shingles_of([*words, f"end{number}"])) for number in range(300)]
    for count in (40, 200, 300):
        found = kept(tmp_path, items[:count])
        assert found == list(compare(NEAR, items[:count]))
    assert {one.second for one in found} == set(range(1, 300))
    assert len(found) < 300 * 16
    (path,) = tmp_path.iterdir()
    with sqlite3.connect(path) as database:
        links = database.execute("SELECT count(*) FROM link").fetchone()[0]
    assert links < 300
    assert kept(tmp_path, items[::-1]) == list(compare(NEAR, items[::-1]))


def test_the_fingerprint_of_a_text_is_the_same_in_every_process():
    """Names outlive the night: a hash that is salted per process would find nothing again."""
    name = NEAR.sketch(fingerprint((Message(role="user", content="Harbour closes at 12."),), None)).name
    code = (
        "from selftune.curation.likeness.near import NearDuplicates, fingerprint\n"
        "from selftune.records import Message\n"
        'said = (Message(role="user", content="Harbour closes at 12."),)\n'
        "print(NearDuplicates(0.5).sketch(fingerprint(said, None)).name)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) == name
