"""The search index: whatever happens to it, it is made again from what is kept and answers the same."""

from __future__ import annotations

import shutil

import pytest

from selftune.errors import DamagedFileError
from selftune.scoring.embedding import HashedWords
from selftune.store.index import Entry, SearchIndex

pytestmark = pytest.mark.needs("lance")

SAID = [
    "Is the back door locked? Yes, the back door is locked.",
    "Which lamp is on? The lamp in the hall is on.",
    "Please lock the back door. The back door is locked now.",
    "What is the capital of France? I see no such field.",
]


def entries(first=1, texts=SAID):
    return [Entry(place, f"interaction:{place:064x}", text) for place, text in enumerate(texts, start=first)]


@pytest.fixture
def index(tmp_path):
    made = SearchIndex(tmp_path / "index", HashedWords())
    assert made.extend(entries(), until=4) == 4
    return made


def places(hits):
    return [int(hit.interaction_id.partition(":")[2], 16) for hit in hits]


def test_words_find_those_that_hold_them_and_no_others(index):
    assert set(places(index.search("locked door", limit=10))) == {1, 3}
    assert index.search("submarine", limit=10) == []


def test_the_most_alike_comes_first_and_itself_before_all(index):
    hits = index.alike(SAID[0], limit=4)
    assert places(hits)[:2] == [1, 3]
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_what_comes_later_is_added_and_nothing_twice(index):
    assert index.extend(entries(5, ["The lamp in the cellar is broken."]), until=5) == 1
    index.extend(entries(5, ["The lamp in the cellar is broken."]), until=5)
    assert set(places(index.search("lamp", limit=10))) == {2, 5}
    assert index.watermark == 5


def test_a_newer_version_takes_the_place_of_the_older(index):
    newer = Entry(5, f"interaction:{5:064x}", "Which lamp is on? None is on any more.", entries()[1].interaction_id)
    index.extend([newer], until=5)
    assert places(index.search("lamp", limit=10)) == [5]


def test_deleted_and_made_again_it_answers_the_same(index, tmp_path):
    before = index.search("door", limit=10), index.alike(SAID[2], limit=4)
    shutil.rmtree(tmp_path / "index")
    assert index.search("door", limit=10) == []
    index.extend(entries(), until=4)
    assert (index.search("door", limit=10), index.alike(SAID[2], limit=4)) == before


def test_cut_off_before_the_watermark_moved_it_begins_again_and_holds_nothing_twice(index, tmp_path):
    (tmp_path / "index" / "watermark.json").unlink()
    assert index.watermark == 0
    index.extend(entries(), until=4)
    assert sorted(places(index.alike(SAID[0], limit=10))) == [1, 2, 3, 4]


def test_another_embedding_begins_anew(index, tmp_path):
    smaller = SearchIndex(tmp_path / "index", HashedWords(64))
    assert smaller.watermark == 0
    smaller.extend(entries(), until=4)
    assert places(smaller.alike(SAID[0], limit=1)) == [1]


def test_many_nights_leave_few_pieces(index):
    for night in range(5, 25):
        index.extend(entries(night, [f"Night {night}: the door is locked."]), until=night)
    assert index.fragments() <= 2
    assert places(index.search("24", limit=5)) == [24]


def test_a_damaged_index_names_its_mend(index, tmp_path):
    for path in (tmp_path / "index").rglob("*.lance"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(DamagedFileError, match="index") as caught:
        index.alike(SAID[0], limit=4)
    assert "selftune index rebuild" in caught.value.next_step
    index.clear()
    index.extend(entries(), until=4)
    assert places(index.alike(SAID[0], limit=1)) == [1]


def test_an_empty_store_gives_an_empty_index(tmp_path):
    index = SearchIndex(tmp_path / "index", HashedWords())
    assert index.extend([], until=0) == 0
    assert index.search("door", limit=3) == []
