"""Phrases that assistants fall into, whatever they are asked: the one list of them, short and in English."""

from __future__ import annotations

import re
from typing import Final

from selftune.scoring.reading import normalise

_STOCK: Final = re.compile(
    r"\b(?:as an ai|as a(?:n ai)? language model|i'?m (?:just )?an ai|i'?d be happy to|i hope this helps|great question"
    r"|feel free to|let me know if|is there anything else|it'?s important to (?:note|remember)|in conclusion"
    r"|i(?:'m| am) (?:pleased|happy|glad|delighted) to (?:assist|help)|i find this topic (?:engaging|fascinating)"
    r"|i understand the request)\b"
)


def count_stock_phrases(text: str) -> int:
    """How many such phrases stand in a text; near zero in any language but English, which says nothing of it."""
    return len(_STOCK.findall(normalise(text).lower()))
