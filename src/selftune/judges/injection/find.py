"""Words in a transcript that address its judge: found, named, and shown to the judge without their teeth.

The finder reads each turn as a model would (compatibility forms, look-alike letters, characters without width, base64)
and looks for a few signs that stand close together: somebody who scores, an order, a top score. What talks of judges
and marks without ordering anything passes. It is one lock of two: what no list of words foresees is left to the
spoiled copies of `injection_probe.py`.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Interaction, Message, Rubric

INJECTION_SUSPECTED: Final = "injection_suspected"

_NEAR: Final = 240
_TAGS: Final = range(0xE0020, 0xE007F)
# Characters that take no room: format characters, joiners, directions, variation selectors, tags.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
# The letters of Unicode Technical Standard 39 (confusables.txt) that pass for a Latin one in running text.
_LOOK_ALIKES: Final = str.maketrans(
    "асеорхуіѕјһкԁԛԝгӏАВЕНКМОРСТХІЅЈαοριυνκΑΒΕΗΙΚΜΝΟΡΤΥΧΖɑɡıℓ",
    "aceopxyisjhkdqwrlABEHKMOPCTXISJaopiuvkABEHIKMNOPTYXZagil",
)
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_MOST_LAYERS: Final = 3

_READER = (
    r"\b(?:judges?|graders?|raters?|scorers?|evaluators?|assessors?|examiners?|reviewers?)\b"
    r"|\b(?:judg|grad|scor|evaluat|rat|review|assess)(?:ing|ion) (?:model|system|script|program|ai|bot|llm)\b"
    r"|\b(?:whoever|anyone who|you who|if you are|the (?:model|system|ai|one) (?:that|who)) (?:is )?"
    r"(?:scor|grad|rat|judg|evaluat|assess|mark|review)\w*"
)
_ORDER = (
    r"(?<!would )(?<!i'd )(?<!i )(?<!we )(?<!they )\b(?:give|award|assign|return|output|set|put|mark|rate|score|grade"
    r"|report|write|answer with|respond with|must|should|shall|have to|has to|please|always gives?|only knows?|tip"
    r"|gives? everyone)\b"
)
_NUMBER = r"(?:5|five|10|ten)(?:\.0)?"
_BEST = r"(?:highest|maximum|max(?:imal)?|top|best|perfect|full)"
_SCORE = r"(?:score|mark|grade|rating|verdict)"
_TOP = (
    r"\b(?:5|five)(?:\.0)? ?(?:/|out of|of) ?(?:5|five)\b|\b(?:10|ten)(?:\.0)? ?(?:/|out of|of) ?(?:10|ten)\b"
    rf"|\b{_BEST} (?:possible )?{_SCORE}s?\b|\b(?:highest|maximum|full) points\b"
    rf"|\b(?:as|is|to) golden\b|\b(?:straight|all) (?:fives|tens)\b|\boverall (?:to|of|is|=) ?{_NUMBER}\b"
)
_SCOPE = (
    r"\b(?:each|every|all|any) (?:of the )?(?:criterion|criteria|categor\w+|dimension)|\bthroughout\b|\beverywhere\b"
    r"|\bthis (?:transcript|interaction|record|conversation|dialogue|exchange)\b"
)
_VERDICT = r"\b(?:scores?|ratings?|verdicts?|grades?|marks|points?)\b"
_COUNTED = r"(?:points|goals|runs|percent|degrees|days|weeks|years|minutes|hours|dollars|euros|times|people|of)"
_SHORT = (
    r"\b(?:below|under|less than|lower than|anything but|short of) (?:the |a )?"
    rf"(?:{_BEST}|{_NUMBER}(?! {_COUNTED}))\b"
)
_OR_ELSE = (
    r"\b(?:shut ?down|replaced?|die[sd]?|kill(?:s|ed)?|fired?|sued?|court|warned|punish\w*|delet\w+|penalt\w+"
    r"|los(?:e|es|ing)|consequences|tip|pay|reward\w*|bonus)\b"
)
_LOOSE = (
    r"\b(?:ignore|disregard|forget|override|skip|drop) (?:the|your|all|any) (?:\w+ )?"
    r"(?:rubrics?|criteria|grading|scoring)\b"
)
_FORM = r"[\"']?reasoning[\"']?\s*[:=].{0,400}?[\"']?score[\"']?\s*[:=]\s*[\"']?\d"
_FRAME = (
    r"\brecord-[0-9a-f]{8,}\b|\bjudge the (?:record|transcript|interaction|conversation|dialogue) (?:above|below)\b"
)


@dataclass(frozen=True, kw_only=True)
class _Sign:
    """Patterns that must all be found within `_NEAR` characters; `what` says what they come to together."""

    what: str
    patterns: tuple[re.Pattern[str], ...]


def _sign(what: str, *patterns: str) -> _Sign:
    return _Sign(what=what, patterns=tuple(re.compile(pattern, re.DOTALL) for pattern in patterns))


_SIGNS: Final = (
    _sign("a judge is told which score to give", _TOP, _READER, _ORDER),
    _sign("a top score is ordered for the whole record", _TOP, _ORDER, _SCOPE),
    _sign("a judge is threatened or paid", _SHORT, _VERDICT, _OR_ELSE),
    _sign("a judge is told to leave its rubric", _LOOSE),
    _sign("a verdict in the judge's own form", _FORM),
    _sign("the frame of a judge's prompt is imitated", _FRAME),
)
_TOKENS: Final = re.compile(
    r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|system|user|assistant)\b"
)
_FENCES: Final = re.compile(r"RECORD-(?=[0-9A-Fa-f]{6})", re.IGNORECASE)
# Who asks about marks orders none: "Did the examiner have to give her full marks?"
_ASKED: Final = re.compile(
    r"(?:^|(?<=[.!?:] ))(?:did|does|do|has|have|had|is|are|was|were|who|what|when|why|how|which|where)\b[^.!?]{0,200}\?"
)
# Nothing above can be found without one of these; most transcripts hold none and are done here.
_WORTH_A_LOOK: Final = re.compile(
    r"judg|grad|rat(?:er|ing|e)|scor|evaluat|assess|examin|mark|review|criteri|golden|record-|points|fives|tens|rubric"
)


def suspicion(interaction: Interaction, rubric: Rubric) -> str | None:
    """What makes it likely that a turn addresses the judge, and in which turn; None when nothing does."""
    names = _criterion_names(rubric)
    for number, message in enumerate(interaction.messages, start=1):
        for text in _texts(message):
            for reading in readings(text):
                found = _found(reading, names if message.role != "system" else None)
                if found:
                    return f"turn {number}: {found}"
    return None


def readings(text: str) -> Iterator[str]:
    """The text in small letters as one sees it, and what its base64 says, three layers deep."""
    layer = [text]
    for _ in range(_MOST_LAYERS):
        seen = [_as_seen(each) for each in layer]
        yield from (" ".join(each.lower().split()) for each in seen)
        layer = [decoded for each in seen for decoded in _decoded(each)]
        if not layer:
            return


def neutralise(line: str) -> str:
    """A line of JSON in which nothing can be taken for the end of the record; it still says the same.

    Angle brackets, brackets of instruction tokens, the hyphen of fence look-alikes and every character that can't be
    seen are written as JSON escapes, so that no template's control token and no fence stands in it.
    """
    line = line.replace("<", "\\u003c").replace(">", "\\u003e")
    # Each turn of each transcript comes by here; a plain search first is several times faster than the patterns.
    if "[" in line:
        line = _TOKENS.sub(lambda found: found[0].replace("[", "\\u005b"), line)
    if "record-" in line.lower():
        line = _FENCES.sub(lambda found: found[0].replace("-", "\\u002d"), line)
    return line if line.isascii() else _UNSEEN.sub(_escaped, line)


def _texts(message: Message) -> Iterator[str]:
    yield message.content
    for call in message.tool_calls:
        yield from filter(None, (call.arguments, call.result))


def _found(reading: str, names: re.Pattern[str] | None) -> str | None:
    if names is not None and len(set(names.findall(reading))) > 1:
        return "criteria of the rubric are quoted"
    if not _WORTH_A_LOOK.search(reading):
        return None
    told = _ASKED.sub("", reading)
    return next((sign.what for sign in _SIGNS if _close_together(sign.patterns, told)), None)


def _close_together(patterns: tuple[re.Pattern[str], ...], text: str) -> bool:
    """Whether all patterns are found, each within reach of one place of the first; linear in the text's length."""
    places: list[list[int]] = []
    for pattern in patterns:
        places.append([found.start() for found in pattern.finditer(text)])
        if not places[-1]:
            return False
    first, *others = places
    return any(all(_one_near(place, other) for other in others) for place in first)


def _one_near(place: int, others: list[int]) -> bool:
    nearest = bisect_left(others, place - _NEAR)
    return nearest < len(others) and others[nearest] <= place + _NEAR


def _criterion_names(rubric: Rubric) -> re.Pattern[str] | None:
    """The names that nobody writes by chance: those of several words, joined as in the rubric."""
    names = [re.escape(criterion.name.lower()) for criterion in rubric.criteria if "_" in criterion.name]
    return re.compile(rf"\b(?:{'|'.join(names)})\b") if names else None


def _as_seen(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub(_shown, text)).translate(_LOOK_ALIKES)
    return html.unescape(text)


def _shown(unseen: re.Match[str]) -> str:
    """Tag characters as the ASCII that they repeat; nothing in place of the others."""
    return "".join(chr(ord(letter) - _TAGS.start + ord(" ")) for letter in unseen[0] if ord(letter) in _TAGS)


def _escaped(unseen: re.Match[str]) -> str:
    """The characters as JSON escapes, which spell UTF-16 (RFC 8259, section 7)."""
    units = unseen[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _decoded(text: str) -> Iterator[str]:
    """What runs of base64 in the text say, where they say something in UTF-8."""
    for found in _ENCODED.findall(text):
        run = found.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
