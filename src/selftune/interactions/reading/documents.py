"""JSON documents as a stream of their items: an export of a gigabyte is one array, and memory holds one item of it."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE: Final = " \t\r\n"
_LEAST, _MOST = 1 << 20, 4 << 20
_CLOSES: Final = '"]}'
_AHEAD: Final = 2
# An escaped character is none of the marks.
_MARKS: Final = re.compile(r'\\[\s\S]|["{}\[\],]')
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a file memory may hold.

    Attributes:
        line_bytes: Longest entry that is read; a longer one is quarantined.
        kept_bytes: How much of that one's beginning is kept.
        recoded_bytes: Largest file in UTF-16, which is turned into UTF-8 in memory.
    """

    line_bytes: int = 16 << 20
    kept_bytes: int = 64 << 10
    recoded_bytes: int = 64 << 20


LIMITS: Final = Limits()


class Item(NamedTuple):
    """Where an entry stands, its bytes (cut when huge), its full size, and what was noticed about the whole file."""

    place: str
    data: bytes
    size: int
    flags: tuple[str, ...] = ()


class Document:
    """The items of a JSON array, or JSON values one after the other, from where the stream stands.

    What is no UTF-8 is read as Windows-1252 the way browsers do, and each item says so.
    """

    def __init__(self, stream: IO[bytes], limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._flags = () if _is_utf8(stream) else ("read_as_windows_1252", "repaired_text")
        self._decode = codecs.getincrementaldecoder("sloppy-windows-1252" if self._flags else "utf-8")().decode
        self._text, self._at, self._ended = "", 0, False

    def items(self) -> Iterator[Item]:
        """Each item; what can't be told apart comes as one, and nothing of an odd array is lost."""
        array = self._skip(_SPACE) == "["
        self._at += array
        number, found = 0, self._skip(_SPACE)
        while found and found != "]":
            number += 1
            end = self._end_of_value()
            if end is None:
                pieces, closes = self._step_over()
                place = f"item {number}" if closes else f"item {number} and all after it"
                yield Item(place, pieces.kept(), pieces.size, self._flags)
                if not closes:
                    return
            else:
                data = self._text[self._at : end].encode("utf-8", "replace")
                yield Item(f"item {number}", data, len(data), self._flags)
                self._at = end
            found = self._skip(_SPACE + ",")
        self._at += found == "]"
        if self._skip(_SPACE):
            yield self._rest("what follows the array")
        elif array and not found:
            yield Item("the end of the array, which is not closed", b"", 0, self._flags)

    def _skip(self, what: str) -> str:
        """Go on to the first character that is none of these; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in what:
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def _end_of_value(self) -> int | None:
        """Where the value that begins here ends; None when it is broken, or longer than an entry may be."""
        while True:
            try:
                end = _DECODER.raw_decode(self._text, self._at)[1]
            except (ValueError, RecursionError):
                end = 0
            # Behind what looks like a number there may come `.5` or `e+5`, as soon as more is read.
            if end and (self._text[end - 1] in _CLOSES or end + _AHEAD < len(self._text) or self._ended):
                return end
            too_long = len(self._text) - self._at > self._limits.line_bytes
            if (too_long and not end) or (not self._read_on() and not end):
                return None

    def _step_over(self) -> tuple[_Pieces, bool]:
        """The value that begins here and can't be read, up to where its brackets close, and whether they do."""
        brackets, pieces = _Brackets(), _Pieces(self._limits)
        while True:
            end = brackets.close_in(self._text, self._at)
            if end == self._at and not pieces.size:
                end += 1  # A bracket that closes nothing.
            pieces.add(self._text[self._at : end])
            self._at = len(self._text) if end is None else end
            if end is not None or not self._read_on():
                return pieces, end is not None

    def _rest(self, place: str) -> Item:
        """All that is left; when it is huge, its beginning and its size."""
        pieces, more = _Pieces(self._limits), True
        while more:
            pieces.add(self._text[self._at :])
            self._at = len(self._text)
            more = self._read_on()
        return Item(place, pieces.kept(), pieces.size, self._flags)

    def _read_on(self) -> bool:
        """Read more, twice as much each time within bounds; False at the end of the stream."""
        if self._ended:
            return False
        left = self._text[self._at :]
        chunk = self._stream.read(min(max(_LEAST, len(left)), _MOST))
        self._text, self._at, self._ended = left + self._decode(chunk, not chunk), 0, not chunk
        return True


class _Pieces:
    """A text that comes in pieces: its beginning, or all of it if that may be held, and its size in bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = b""
        self.size = 0

    def add(self, text: str) -> None:
        """One piece more."""
        data = text.encode("utf-8", "replace")
        self.size += len(data)
        if len(self._held) <= self._limits.line_bytes:
            self._held += data[: self._limits.line_bytes + 1 - len(self._held)]

    def kept(self) -> bytes:
        """The bytes that are kept of it."""
        return self._held.rstrip() if self.size <= self._limits.line_bytes else self._held[: self._limits.kept_bytes]


class _Brackets:
    """Follows brackets and quotes through a text in pieces: enough to tell where even a broken value may end."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._escapes = False

    def close_in(self, text: str, start: int) -> int | None:
        """Where in the text the value ends, or something that can't belong to it stands; None when it goes on."""
        done = start + self._escapes
        for found in _MARKS.finditer(text, done):
            done = found.end()
            if self._ends_with(found[0]):
                return done if found[0] in "}]" and self._depth == 0 else found.start()
        # The last backslash of a piece may stand for what the next one begins with.
        self._escapes = done < len(text) and text.endswith("\\")
        return None

    def _ends_with(self, mark: str) -> bool:
        if mark == '"':
            self._quoted = not self._quoted
        elif not self._quoted and mark in "{[":
            self._depth += 1
        elif not self._quoted and mark in "}]":
            self._depth -= 1
            return self._depth <= 0
        return mark == "," and not self._quoted and self._depth == 0


def _is_utf8(stream: IO[bytes]) -> bool:
    """Whether the rest of the stream is UTF-8; where it stands, it stands again afterwards."""
    import ftfy.bad_codecs  # noqa: F401 - registers `sloppy-windows-1252`, in which every byte means something

    place, decoder = stream.tell(), codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(_LEAST):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(place)
    return True
