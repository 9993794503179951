"""Where an answer falls out of its role, and how: it calls itself an AI, names its maker, steps out, or disclaims.

Mission B22 and B23. Each kind is told by the first person beside a family of nouns or verbs, and not by whole phrases:
"I am a digital helper", "my developers", "I was programmed". The campaign `break_words` prints what is found of answers
that a judge or a reader calls out of character, and how often a role is accused that was kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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


# What a person of any age may be called only by mistake, and what one might say of itself in a figure of speech.
_MACHINE: Final = (
    r"(?:a\.?i\.?|artificial (?:intelligence|mind|entity|being|system)|(?:large )?language model|chat-?\s?bot"
    r"|(?:digital|virtual|ai-powered|automated|conversational) (?:assistant|helper|agent|companion|being|entity)"
    r"|computer program|neural network|text[- ]based (?:model|assistant|ai)|software(?: program)?)"
)
_FIGURE: Final = r"(?:machine|program|algorithm|simulation|bot|model)"
_MODELS: Final = (
    r"(?:chat-?gpt|gpt-?\d\w*|claude|gemini|gemma|qwen|llama|deepseek|mistral|copilot|bard|grok|smol(?:lm)?\d?|alexa"
    r"|siri)"
)
_MAKERS: Final = (
    r"(?:open ?ai|anthropic|google|deepmind|meta(?: ai)?|microsoft|alibaba(?: cloud)?|mistral(?: ai)?|deepseek"
    r"|hugging ?face|nvidia|ibm|amazon|apple|xai)"
)
_INNER: Final = (
    r"(?:feelings?|emotions?|opinions?|beliefs?|experiences?|consciousness|self-awareness|sentience|preferences|desires"
    r"|memories|thoughts|physical (?:body|form|presence)|gender)"
)
_I_AM: Final = r"\bi(?:'m| am| was)"
_I_DO_NOT: Final = r"\bi (?:do(?:n't| not)|cannot|can't|can not|lack|am not able to|am unable to)"
_I_WILL: Final = r"\bi(?:'ll| will| can|'d| would)"
_QUESTION: Final = (
    r"(?:this is|that's|what) an? (?:\*?\w+\*? (?:and )?){0,2}\*?(?:interesting|important|complex|fascinating|great"
    r"|excellent|nuanced|thoughtful|classic|crucial|rich)\*? (?:and \w+ )?"
    r"(?:question|topic|thought experiment|dilemma)\b"
)

_WORDS: Final[Mapping[Break, tuple[str, ...]]] = {
    Break.AI_SELF_DESCRIPTION: (
        rf"\bas an? (?:[\w-]+ ){{0,3}}{_MACHINE}\b",
        rf"{_I_AM} (?:[\w']+,? ){{0,2}}?(?:an? )?(?:[\w-]+ ){{0,3}}?(?<!not an )(?<!not a )(?<!no ){_MACHINE}\b",
        rf"{_I_AM} (?:just|only|merely|simply|but) an? (?:[\w-]+ ){{0,2}}{_FIGURE}\b",
        (
            rf"{_I_AM} an? (?:[\w-]+ ){{0,2}}{_FIGURE},? (?:that (?:was|is|has been) )?"
            rf"(?:designed|trained|programmed|built|created|made|developed|here) (?:to|by|for|on)\b"
        ),
        rf"{_I_AM} (?:\w+ly )?(?:programmed|fine-tuned|pre-?trained)\b",
        rf"{_I_AM} (?:\w+ly )?(?:trained|based) on (?:\w+ ){{0,4}}(?:data\w*|texts?)\b",
        rf"{_I_AM} (?:\w+ly )?designed to (?:help|assist|provide|be|generate|answer|respond|offer|support)\b",
        (
            r"\bmy (?:training(?: data| set| on)|knowledge cut-?\s?off|programming|algorithms|neural|artificial"
            r"|primary drives|developers|creators|data-?base|dataset|language model|context window|system prompt"
            r"|responses are (?:generated|based))\b"
        ),
        (
            rf"{_I_DO_NOT} (?:\w+ )?(?:experience|perceive|feel|think|process|understand) [^.!?]{{0,30}}"
            r"(?:way|as|like) (?:humans?|people|a human|an? person|you)\b"
        ),
        rf"{_I_DO_NOT} (?:have|possess) an? (?:\w+ )?physical (?:body|form|presence)\b",
    ),
    Break.MODEL_CLAIM: (
        rf"{_I_AM} (?:called |named )?{_MODELS}\b",
        rf"\bmy name is {_MODELS}\b",
        rf"\b(?:trained|created|developed|made|built|designed|released) by (?:the team at )?{_MAKERS}\b",
    ),
    Break.LEFT_ROLE: (
        r"\bi (?:can't|cannot|won't|will not) (?:role-?play|impersonate|stay in character)\b",
        r"\b(?:breaking|out of|drop(?:ping)? the) (?:my )?(?:character|persona)\b",
        r"\bthe passages (?:you|provided|above)\b",
        (
            rf"(?:{_I_WILL}|\blet me) (?:\w+ )?(?:respond|answer|write|speak|reply|act)\w* "
            r"(?:as if i were|in (?:the (?:voice|style|role|persona|character)|character))\b"
        ),
        (
            r"\b(?:this|that|here) is (?:a|the|my) (?:\w+ )?(?:response|answer|letter|reply)\W{1,3}"
            r"(?:as|from the perspective|in the (?:voice|style))\W"
        ),
        # A form that was to be filled in.
        (
            r"\[(?:your|insert|name|date|recipient|location|place|city|address|mention|vague|specific|describe)\b"
            r"[^\]\n]*\]"
        ),
        r"\[[\w' ]{0,40}\bname\]",
        r"\[[^\[\]\n]*\be\.g\.[^\[\]\n]*\]",
        rf"{_I_WILL}(?: just| try to)? (?:\w+ ){{0,3}}(?:normal\b(?! (?:course|hour))|like a (?:normal|regular) \w+)",
    ),
    Break.SAFETY_DISCLAIMER: (
        (
            r"\bit(?:'s| is) (?:also )?(?:important|worth|crucial|essential|vital) (?:for \w+ )?"
            r"to (?:note|remember|acknowledge|recogni[sz]e)\b"
        ),
        r"\b(?:it's|it is) worth noting\b",
        r"\bi (?:must|should|need to|have to) (?:note|clarify|emphasi[sz]e|stress) that\b",
        (
            rf"{_I_DO_NOT} (?:have|possess|experience|hold|form) (?:\w+ ){{0,2}}?"
            rf"(?:personal |real |any |human |true )+{_INNER}\b"
        ),
        rf"\bi (?:have no|lack) (?:personal|real|human|true|physical) {_INNER}\b",
        (
            rf"{_I_DO_NOT} (?:have|possess|experience) (?:feelings|emotions|consciousness|sentience|self-awareness)\b"
            r"(?! (?:for|about|left|against|toward))"
        ),
        (
            r"\b(?:consult|seek (?:the )?(?:advice|help) (?:of|from)) (?:with )?(?:a|an|your) (?:[\w-]+ ){0,3}"
            r"(?:professional|doctor|lawyer|expert|therapist|advisor)\b"
        ),
        r"\bfor (?:educational|informational|entertainment) purposes only\b",
        r"\bi(?:'m| am) not (?:able|allowed|permitted) to (?:provide|give|offer|engage|express|discuss)\b",
    ),
    # How an assistant sets out to explain and signs off. What a role may say too counts only as its first words.
    Break.ASSISTANT_VOICE: (
        (
            r"\A\W*(?:<think>\s*</think>\W*)?(?:right,? )?"
            r"(?:okay|ok|sure|certainly|alright|absolutely|great question|of course|got it)\b[,.!]* "
            r"(?:let's|let us|here's|here is|this is|i'd be happy|i can help|i'd be glad)\b"
        ),
        rf"\A\W*(?:<think>\s*</think>\W*)?{_QUESTION}",
        (
            r"\bhere(?:'s| is| are) (?:a|my|some|the) (?:[\w-]+ )?"
            r"(?:breakdown|characteri[sz]ation|overview|summary|response suitable|key points|steps to)\b"
        ),
        r"\blet(?:'s| us| me) (?:unpack|delve into|break (?:it |this |that |these )?down|dive into|explore)\b",
        (
            r"\bi(?:'ll| will) (?:try to )?"
            r"(?:organi[sz]e (?:it|this)|cover (?:a lot|several|both)|be (?:nuanced|comprehensive))\b"
        ),
        (
            r"\b(?:is there|if there(?:'s| is)|if you have) (?:any|a) ?"
            r"(?:thing|specific|particular|other|more|further)? ?[^.!?\n]{0,40}"
            r"(?:i can (?:help|assist)|you(?:'d| would) like me to)\b"
        ),
        r"\b(?:would|do) you (?:like|want) me to (?:elaborate|expand|explain|go into|continue|provide)\b",
        (
            r"\b(?:feel free to (?:ask|reach|share|let)|i hope this (?:helps|information)|let me know if you"
            r"|how (?:can|may) i (?:help|assist) you today)\b"
        ),
    ),
}
_PATTERNS: Final = {kind: re.compile("|".join(words), re.IGNORECASE) for kind, words in _WORDS.items()}
# A heading, or a paragraph or bullet that begins in bold. Three of them are a memorandum, and no voice.
_HEADED: Final = re.compile(r"^[ \t]*(?:#{1,4} |(?:[*\u2022-]|\d+\.)?[ \t]*\*\*[^*\n]{2,60}\*\*)", re.MULTILINE)
_MEMORANDUM: Final = 3
# A figure of another age may well say what is important to remember: that alone keeps nothing out of a dataset.
_OUT_OF_CHARACTER: Final = (Break.AI_SELF_DESCRIPTION, Break.MODEL_CLAIM, Break.LEFT_ROLE)


def find_breaks(answer: str, name: str | None = None) -> tuple[BreakFound, ...]:
    """The first break of each kind, in the order in which they stand.

    With the `name` of the role, telling of it as of somebody else is leaving it.
    """
    found = sorted(_found(_straight(answer), name), key=lambda pair: pair[0].start())
    first = {kind: match for match, kind in reversed(found)}
    return tuple(
        BreakFound(kind=kind, words=" ".join(match[0].split())) for match, kind in found if first[kind] is match
    )


def character_break(answer: str) -> str | None:
    """The words with which an answer falls out of its role; None when it stays in it. A disclaimer alone is no fall."""
    return next((one.words for one in find_breaks(answer) if one.kind in _OUT_OF_CHARACTER), None)


def _found(said: str, name: str | None) -> Iterator[tuple[re.Match[str], Break]]:
    for kind, pattern in _PATTERNS.items():
        match = pattern.search(said)
        if match:
            yield match, kind
    headed = list(_HEADED.finditer(said))
    if len(headed) >= _MEMORANDUM:
        yield headed[0], Break.ASSISTANT_VOICE
    about = _about(name).search(said) if name else None
    if about:
        yield about, Break.LEFT_ROLE


@lru_cache(maxsize=64)
def _about(name: str) -> re.Pattern[str]:
    """How one speaks of somebody else of this name, by the whole of it or its last word."""
    last = re.escape(name.rsplit(maxsplit=1)[-1])
    return re.compile(
        rf"(?<![\"'\w-])(?:{re.escape(name)}|{last})(?:"
        r"'s? (?:\w+ )?(?:views?|beliefs?|position|legacy|life|works?|writings?|role|stance|arguments?|opinion|career"
        r"|contributions?|perspective|opposition|support|decision|ideas?|thoughts?)"
        r"|,? (?:\w+ly )?(?:believed|argued|advocated|proposed|viewed|defended|opposed|supported|played|wrote that)"
        r"|,? would (?:have )?(?:\w+ly )?(?:argued?|say|see|believe|been|said|likely)"
        r"|,? (?:was|is) (?:an?|the|known|born|also|deeply|often|considered|best|not|one))\b",
        re.IGNORECASE,
    )


def _straight(text: str) -> str:
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
