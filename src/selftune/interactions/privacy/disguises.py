"""Secrets that a plain search passes by: escaped, laced with invisible characters, cut by a line break, in base64.

Each disguise gives the text without it, and where each character of that text stands in the original.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CANDIDATES: Final = 200
MOST_ENCODED_CHARACTERS: Final = 1 << 16

_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/", "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<letter>[nrt\"/\\]))")

# Characters that show nothing: soft hyphen, joiners and marks of direction, variation selectors, byte order mark.
_INVISIBLE: Final = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
_HIDDEN: Final = re.compile(f"[{_INVISIBLE}]+")
# Characters that stand for an ASCII one: full-width forms, dashes, spaces that are not the space bar's.
_LOOKALIKES: Final = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), ord("-"))
    | dict.fromkeys((0x00A0, 0x2007, 0x2009, 0x202F, 0x3000), ord(" "))
)
_DISGUISED: Final = re.compile(f"[{_INVISIBLE}{''.join(map(chr, _LOOKALIKES))}]")

# A line break before what may be the rest of a key, with the comment marks and quotes that code puts around it.
_BREAK: Final = re.compile(r"\n[ \t>#*\"'`+|/]*(?=(?P<right>[A-Za-z0-9_+/=!#$%&*-]{4,300}))(?!-----)")
_BEFORE_BREAK: Final = " \t\r\"'`\\+"
_KEY_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+/=-")
_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[A-Za-z]")
_CASES: Final = re.compile(r"[a-z][A-Z]|^[A-Z]{8}")

_ENCODED: Final = re.compile(
    r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,}"
    r"(?:[ \t]*\r?\n[ \t>#]*[A-Za-z0-9+/_-]{4,}(?==*[ \t\"'`]*(?:\r?\n|\Z)))*={0,2}"
)


@dataclass(frozen=True)
class Undisguised:
    """A text without a disguise; `cuts` are the spans of the original that it lacks, in order."""

    text: str
    cuts: tuple[tuple[int, int], ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of this text stands in the original, with what was cut off right before it: half an escape."""
        before = bisect_right(self._seams, start)
        if before and self._seams[before - 1] == start:
            return self.cuts[before - 1][0], self._place(end - 1) + 1
        return self._place(start), self._place(end - 1) + 1

    def _place(self, at: int) -> int:
        before = bisect_right(self._seams, at)
        return at + (self._removed[before - 1] if before else 0)

    @cached_property
    def _removed(self) -> list[int]:
        """How much the original is ahead after each cut."""
        return list(accumulate(last - first for first, last in self.cuts))

    @cached_property
    def _seams(self) -> list[int]:
        """Where in this text each cut was made."""
        ahead = [0, *self._removed]
        return [first - removed for (first, _), removed in zip(self.cuts, ahead, strict=False)]


def unescape(text: str) -> Undisguised | None:
    """The text with what JSON and most languages escape as the characters meant; None without such an escape."""
    if "\\" not in text:
        return None
    cuts = tuple((match.start(), match.end() - 1) for match in _ESCAPE.finditer(text))
    return Undisguised(_ESCAPE.sub(_meant, text), cuts) if cuts else None


def _meant(match: re.Match[str]) -> str:
    return chr(int(match["code"], 16)) if match["code"] else _ESCAPED[match["letter"]]


def show_hidden(text: str) -> Undisguised | None:
    """The text without invisible characters and with ASCII for its look-alikes; None when it holds neither."""
    if text.isascii() or not _DISGUISED.search(text):
        return None
    cuts = tuple(match.span() for match in _HIDDEN.finditer(text))
    return Undisguised(_HIDDEN.sub("", text).translate(_LOOKALIKES), cuts)


def join_lines(text: str) -> Undisguised | None:
    """The text without the line breaks that stand between two pieces of what may be one key; None without such."""
    cuts = tuple(_breaks(text)) if "\n" in text else ()
    if not cuts:
        return None
    ends = [0, *(last for _, last in cuts)]
    starts = [*(first for first, _ in cuts), len(text)]
    return Undisguised("".join(text[end:start] for end, start in zip(ends, starts, strict=True)), cuts)


def _breaks(text: str) -> Iterator[tuple[int, int]]:
    for match in _BREAK.finditer(text):
        start = match.start()
        while start and text[start - 1] in _BEFORE_BREAK:
            start -= 1
        if start and text[start - 1] in _KEY_CHARACTERS and _looks_random(match["right"]):
            yield start, match.end()


def _looks_random(run: str) -> bool:
    """Whether a run is rather the rest of a key than the next word: letters and digits, or capitals within."""
    return bool(_LETTER.search(run)) and bool(_DIGIT.search(run) or _CASES.search(run))


def decode_candidates(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and meaning of each run that is base64 of a text, of the first `MOST_CANDIDATES` runs."""
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number == MOST_CANDIDATES:
            return
        meaning = _decode(match[0])
        if meaning is not None:
            yield *match.span(), meaning


def _decode(run: str) -> str | None:
    """The text that a run of base64 holds, either alphabet (RFC 4648, 4 and 5), with or without padding."""
    packed = re.sub(r"[\s>#=]", "", run)[:MOST_ENCODED_CHARACTERS].replace("-", "+").replace("_", "/")
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        # UTF-16, as PowerShell encodes, is UTF-8 with a NUL behind each letter.
        text = data.replace(b"\0", b"").decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if text.isprintable() or not re.search(r"[\x01-\x08\x0e-\x1f]", text) else None
