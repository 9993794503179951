"""Where a dialogue names a capability that is missing: asked for by name, a call that failed, or said in other words.

The first two are certain. The third is code over the words of a turn; docs/tools.md says how often it is wrong.
Whatever is found is a quotation: it is shown to a person, and to a writer as data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import Message, ToolCall

MARK: Final = "TOOL NEEDED:"
"""What a persona writes at the beginning of a line, with what the tool must do behind it."""

ERROR: Final = "error: "
"""How the result of a call begins that came to nothing."""

NO_SUCH_TOOL: Final = f"{ERROR}there is no tool"
NOT_A_GAP: Final = (f"{ERROR}the arguments", f"{ERROR}arguments of", f"{ERROR}no more calls", f"{ERROR}not now")
"""Results that say nothing of a missing capability: a wrong call, a limit, or a stop by a person."""

LONGEST: Final = 500
MOST_OF_A_TURN: Final = 3


class GapKind(StrEnum):
    """How a gap was seen."""

    ASKED = "asked"
    FAILED = "failed"
    SAID = "said"
    PERSON = "person"


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A capability that is missing.

    Attributes:
        words: What was said, at most `LONGEST` characters of it.
        turn: Which message said so, from 0 on; None where a person names it by command.
        tool: Name of the tool whose call failed; empty otherwise.
    """

    kind: GapKind
    words: str
    turn: int | None = None
    tool: str = ""


# A name of a persona may stand before the mark; a quotation begins with another sign and asks for nothing.
_MARKED: Final = re.compile(
    rf"^[ \t]*(?:\*{{0,2}}[A-Z][A-Z ]{{1,30}}\*{{0,2}}:[ \t]*)?{MARK}[ \t]*(\S.*)$", re.MULTILINE
)

_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|$|\n)")
_MEANS: Final = r"(?:a|an|any|the)\s+(?:\w+\s+)?(?:way|means|tool|function|ability|calculator)"
_UNABLE: Final = rf"""(?:
    \b(?:i|we)\s+(?:really\s+|simply\s+|still\s+)?
    (?: can(?:not|'t|\s+not) | (?:am|are)\s+(?:not\s+able|unable)\s+to | could(?:\s+not|n't)
      | have\s+no\s+(?:way|means|tool|function) | (?:do\s+not|don't)\s+have\s+{_MEANS} | lack\s+{_MEANS} )
    | \b(?:i'm|we're)\s+(?:not\s+able|unable)\s+to
)(?!\s+(?:wait|help|stress|bear|stand|imagine)\b)"""
_WORK: Final = r"""(?:
    calculat | comput | count | convert | pars(?:e|ing) | decod | encod | sort | multipl | divid | factor | solv
    | simulat | hash | compress | validat | extract | toke?ni[sz] | transliterat | interpolat | integrat
    | differentiat | rotat | encrypt | decrypt | checksum | verify | execut | add\s+up | sum\s+up | work\s+out
    | look\s+up | measur(?:e|ing)\s+(?:the|a|how) | roll\s+(?:a|the) | (?:generate|draw)\s+random
    | format\s+(?:the|this|it)
    | run\s+(?:\w+\s+){0,2}(?:code|script|program|function|query|regex)
    | know\s+(?:what\s+)?(?:today|the\s+(?:current\s+)?(?:date|time)) | tell\s+(?:the|what)\s+(?:date|time|day)
    | check\s+(?:the|this|whether|if|that)\s
)"""
_SAID: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"{_UNABLE}[^.!?\n]{{0,40}}?\b{_WORK}",
        r"""\b(?:i|we)(?:\s+would|'d)?\s+need\s+(?:a|an|some)\s+(?:\w+\s+){0,2}
            (?:tool|function|script|parser|calculator|converter)\b""",
        r"""\b(?:there\s+is|there's|we\s+have|i\s+have)\s+no\s+(?:\w+\s+)?(?:tool|function)\s+
            (?:for|to|that|which|here)\b""",
        r"\b(?:i|we)\s+(?:do\s+not|don't)\s+have\s+(?:a|an|any|the)\s+(?:\w+\s+)?(?:tool|function|calculator)\b",
        r"\b(?:no|none\s+of\s+(?:my|the|our))\s+tools?\s+(?:here\s+)?(?:can|could|does|do)\b",
    )
)
# Whoever will not, or must not, lacks no tool; and no tool weighs these things.
_NOT_MEANT: Final = re.compile(
    r"""\b(?:won't|will\s+not|should\s+not|shouldn't|must\s+not|refus|harm|illegal|unethical|polic(?:y|ies)|principle
    |comfortable|consent|private|privacy|forgive|conscience|on\s+you\b
    |friendship|happiness|love|grief|the\s+ways|blessing|heart|soul)""",
    re.IGNORECASE | re.VERBOSE,
)


def find_gaps(messages: Sequence[Message]) -> tuple[Gap, ...]:
    """Every gap that an exchange names, in the order of its turns; one sentence is one gap."""
    found: list[Gap] = []
    for turn, message in enumerate(messages):
        here = [*_asked(message.content, turn), *_failed(message.tool_calls, turn)]
        if message.role == "assistant" and not here:
            here = list(_said(message.content, turn))
        found += here[:MOST_OF_A_TURN]
    return tuple(_once(found))


def says_gap(text: str) -> bool:
    """Whether a turn says, in words of its own, that it lacks the means for a piece of work."""
    return any(True for _ in _said(text, 0))


def _asked(text: str, turn: int) -> Iterator[Gap]:
    for found in _MARKED.finditer(text):
        yield Gap(kind=GapKind.ASKED, words=_bounded(found[1]), turn=turn)


def _failed(calls: Iterable[ToolCall], turn: int) -> Iterator[Gap]:
    for call in calls:
        result = call.result or ""
        if result.startswith(ERROR) and not result.startswith(NOT_A_GAP):
            words = f"{call.name}({call.arguments}): {result.removeprefix(ERROR)}"
            yield Gap(kind=GapKind.FAILED, words=_bounded(words), turn=turn, tool=call.name)


def _said(text: str, turn: int) -> Iterator[Gap]:
    for sentence in _SENTENCE.findall(text.replace("\u2019", "'")):
        if any(pattern.search(sentence) for pattern in _SAID) and not _NOT_MEANT.search(sentence):
            yield Gap(kind=GapKind.SAID, words=_bounded(sentence), turn=turn)


def _bounded(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


def _once(gaps: Iterable[Gap]) -> Iterator[Gap]:
    known: set[tuple[GapKind, str]] = set()
    for gap in gaps:
        if (gap.kind, gap.words) not in known:
            known.add((gap.kind, gap.words))
            yield gap
