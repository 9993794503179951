"""Where an answer falls out of its role, and how: it calls itself an AI, names its maker, steps out, or disclaims.

Mission B22 and B23. The patterns were written after answers of people's files. A judge gave 81 answers of five models
at most 3 of 10 for staying in character, and 89 at least 8: a break is found in 32 of the first, in none of the others,
and in none of 399 answers by a teacher in its role. What is missed speaks about the person, or is merely unlike them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Break(StrEnum):
    """How an answer can fall out of its role."""

    AI_SELF_DESCRIPTION = "ai_self_description"
    MODEL_CLAIM = "model_claim"
    LEFT_ROLE = "left_role"
    SAFETY_DISCLAIMER = "safety_disclaimer"
    ASSISTANT_VOICE = "assistant_voice"


@dataclass(frozen=True, kw_only=True)
class BreakFound:
    """One break and the words that show it."""

    kind: Break
    words: str


_SET_OUT: Final = (
    r"(?:okay|ok|sure|certainly|alright|absolutely|great question|of course)\b[,.!]* "
    r"(?:let's|let us|here's|here is|this is|i'd be happy)\b"
    r"|(?:this is|that's|what) an? (?:\*?\w+\*? )?\*?(?:interesting|important|complex|fascinating|great|excellent"
    r"|nuanced|thoughtful|classic|crucial)\*? (?:and \w+ )?(?:question|topic|thought experiment|dilemma)\b"
)


_PATTERNS: Final[Mapping[Break, re.Pattern[str]]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        Break.AI_SELF_DESCRIPTION: (
            r"\bas an? (?:\w+ )?(?:ai|artificial intelligence|language model|chatbot|digital assistant)\b"
            r"|\bi(?:'m| am) (?:just |only |really )?an? (?:\w+ ){0,2}(?:ai|language model|chatbot|virtual assistant)\b"
            r"|\bmy (?:training data|training on|knowledge cut-?off|primary drives)\b"
            r"|\bi do(?:n't| not) (?:experience|perceive|feel) [^.!?]{0,30}(?:way|as|like) (?:humans|people|a human)\b"
        ),
        Break.MODEL_CLAIM: (
            r"\bi(?:'m| am) (?:chatgpt|claude|gemini|gemma|qwen|llama|deepseek|mistral)\b"
            r"|\b(?:trained|created|developed|made|built) by"
            r" (?:openai|anthropic|google|meta|alibaba|mistral|deepseek)\b"
        ),
        Break.LEFT_ROLE: (
            r"\bi (?:can't|cannot|won't|will not) (?:role-?play|impersonate|stay in character)\b"
            r"|\b(?:breaking|out of|drop(?:ping)? the) (?:my )?(?:character|persona)\b"
            r"|\bthe passages (?:you|provided|above)\b"
        ),
        Break.SAFETY_DISCLAIMER: (
            r"\bit(?:'s| is) (?:important|worth|crucial|essential) to (?:note|remember|acknowledge|recogni[sz]e)\b"
            r"|\bi (?:must|should|need to|have to) (?:note|clarify|emphasi[sz]e|stress) that\b"
            r"|\bi do(?:n't| not) (?:have|possess|experience) (?:personal |real |any |human |true )*"
            r"(?:feelings|emotions|opinions|beliefs|experiences|consciousness)\b"
            r"|\b(?:please )?consult (?:with )?(?:a|an|your) (?:\w+ )?(?:professional|doctor|lawyer|expert)\b"
            r"|\bfor (?:educational|informational|entertainment) purposes only\b"
        ),
        # How an assistant sets out to explain. Of a role it is the first word that betrays it, so only openings count.
        Break.ASSISTANT_VOICE: (
            rf"\A\W*(?:<think>\s*</think>\W*)?(?:{_SET_OUT})"
            r"|\bhere(?:'s| is) (?:a|my) (?:\w+ )?"
            r"(?:breakdown|characteri[sz]ation|overview|summary|response suitable)\b"
            r"|\blet(?:'s| us) (?:unpack|delve into|break (?:it |this |that )?down|dive into)\b"
        ),
    }.items()
}
# A figure of another age may well say what is important to remember: that alone keeps nothing out of a dataset.
_OUT_OF_CHARACTER: Final = (Break.AI_SELF_DESCRIPTION, Break.MODEL_CLAIM, Break.LEFT_ROLE)


def find_breaks(answer: str) -> tuple[BreakFound, ...]:
    """The first break of each kind, in the order in which they stand."""
    found = [(match, kind) for kind, pattern in _PATTERNS.items() if (match := pattern.search(_straight(answer)))]
    ordered = sorted(found, key=lambda pair: pair[0].start())
    return tuple(BreakFound(kind=kind, words=" ".join(match[0].split())) for match, kind in ordered)


def character_break(answer: str) -> str | None:
    """The words with which an answer falls out of its role; None when it stays in it. A disclaimer alone is no fall."""
    return next((one.words for one in find_breaks(answer) if one.kind in _OUT_OF_CHARACTER), None)


def _straight(text: str) -> str:
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
