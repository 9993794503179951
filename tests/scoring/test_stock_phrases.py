"""Stock phrases: counted wherever they stand, in any case and under either apostrophe."""

from __future__ import annotations

import pytest

from selftune.scoring.stock_phrases import count_stock_phrases


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("I am pleased to assist with this analysis.", 1),
        ("I find this topic engaging. I\u2019d be happy to go on.\nLet me  know if\tyou want more.", 3),
        ("I UNDERSTAND THE REQUEST. I'm glad to help.", 2),
        ("Please assist him; the topic is pleasing.", 0),
        ("", 0),
    ],
)
def test_stock_phrases_are_counted(text, count):
    assert count_stock_phrases(text) == count
