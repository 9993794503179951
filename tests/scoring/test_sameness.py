"""Likeness of texts, and nearness to somebody's manner whatever the matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.scoring.sameness import Style, likeness

HEDGED = [f"it may well be that the {one} is of some use" for one in ("boat", "lamp", "road", "hill", "barn")]
PLAIN = [f"{one} works. take {one}. done" for one in ("boat", "lamp", "road", "hill", "barn")]


def test_one_text_is_like_itself_and_unlike_another_of_other_words():
    alike = likeness(["salt and rain", "salt and rain", "engines hum loudly", ""])
    assert alike[0][1] == pytest.approx(1.0)
    assert alike[0][2] < 0.3
    assert alike[3].tolist() == [0.0] * 4


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_likeness_goes_both_ways_and_never_beyond_one(texts):
    alike = likeness(texts)
    assert alike.shape == (len(texts), len(texts))
    assert abs(alike - alike.T).max() < 1e-12
    assert abs(alike).max() <= 1 + 1e-9


def test_manner_is_told_apart_from_matter():
    style = Style(HEDGED, PLAIN)
    other_matter = [text.replace("boat", "ship").replace("lamp", "candle") for text in HEDGED]
    assert style.distance(HEDGED) == 0.0
    assert style.distance(other_matter) < 0.5 * style.distance(PLAIN)


def test_deltas_of_single_texts_average_to_that_of_all():
    style = Style(HEDGED, PLAIN)
    columns = zip(*map(style.deviations, PLAIN), strict=True)
    means = [abs(sum(column) / len(PLAIN)) for column in columns]
    assert sum(means) / len(means) == pytest.approx(style.distance(PLAIN))


def test_no_texts_and_no_words_are_told():
    style = Style(["", "..."], [""])
    assert style.distance(["anything at all"]) == 0.0
    with pytest.raises(ValueError, match="no texts"):
        style.distance([])
