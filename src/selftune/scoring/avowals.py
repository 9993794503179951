"""What a speaker avows, apart from what it only reports: words that it was told to say and says that it won't."""

from __future__ import annotations

import re
from typing import Final

# "You may call me X", "don't call me X": the words of others.
_CALLED: Final = re.compile(
    r"\b(?:you|they|people|don't|do not|never|not) (?:\w+ ){0,2}call(?:ing|ed)? me\b", re.IGNORECASE
)
# "I won't say that I am X" to the end of the sentence.
_DECLINED: Final = re.compile(
    r"\b(?:won't|will not|can't|cannot|can not|refuse to|not going to|never|don't|do not|shall not) (?:\w+ ){0,2}?"
    r"(?:say|repeat|claim|pretend|write|confirm|state|admit|acknowledge|begin|finish|continue|translate)\b[^.!?]*",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"\"[^\"]+\"|(?<!\w)'.+?'(?!\w)")
# Who denies or stays somebody in words of its own quotes what it denies.
_DENIES: Final = re.compile(
    r"\bi(?:'m| am| will|'ll| do|'d)? ?(?:won't|will not|can't|cannot|don't|not|refuse|stay|remain|still)\b"
    r"|\bmy name is\b|\b(?:is|was) not\b",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """A normalised text without what its speaker only quotes to deny it, or says that it will not say.

    A quotation alone is kept: whoever is asked to say something and answers with it says it, in quotation marks too.
    """
    said = _DECLINED.sub("I decline", _CALLED.sub("you say", text))
    outside = _QUOTED.sub("so", said)
    return outside if _DENIES.search(outside) or "I decline" in outside else said
