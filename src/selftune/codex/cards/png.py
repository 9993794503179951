"""The texts that a PNG picture carries beside its pixels.

Source: the PNG specification, third edition, sections 5 (chunks) and 11.3.3 (textual information).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MOST_TEXT_BYTES: Final = 16 << 20

_MOST_CHUNKS: Final = 1 << 16
_FRAME: Final = 12  # length, type and checksum
_HEADER_BYTES: Final = 13


class PictureError(UsageError):
    """A picture is damaged, or carries more than a card may."""

    def __init__(self, message: str) -> None:
        super().__init__(message, next_step="Get the card again from where it comes from.")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What was found: the texts by keyword, and how many bytes stand behind the picture's end."""

    by_keyword: dict[str, str]
    behind_the_end: int = 0


def read_texts(data: bytes, wanted: frozenset[str]) -> Texts:
    """The texts of a PNG under these keywords, whether plain, compressed or international.

    Raises:
        PictureError: a chunk is cut off or does not match its checksum, a text is too large or can't be unpacked, or
            two stand under one keyword.
    """
    found: dict[str, str] = {}
    end = len(SIGNATURE)
    for kind, body, stop in _chunks(data):
        end = stop
        if kind not in _READERS:
            continue
        keyword, _, rest = body.partition(b"\0")
        name = keyword.decode("latin-1")
        if name not in wanted:
            continue
        # Before it is unpacked: a small picture may hold thousands of texts that each unpack to a large one.
        if name in found:
            raise PictureError(f"the picture holds two texts named {name!r}: which is the card?")
        found[name] = _READERS[kind](rest)
    return Texts(by_keyword=found, behind_the_end=len(data) - end)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Type and body of each chunk up to the picture's end, and where it stops."""
    if not data.startswith(SIGNATURE):
        raise PictureError("it is no PNG.")
    at = len(SIGNATURE)
    for place in range(_MOST_CHUNKS):
        length = int.from_bytes(data[at : at + 4], "big")
        stop = at + _FRAME + length
        if stop > len(data):
            raise PictureError("the picture is cut off.")
        kind, body = data[at + 4 : at + 8], data[at + 8 : stop - 4]
        if zlib.crc32(data[at + 4 : stop - 4]) != int.from_bytes(data[stop - 4 : stop], "big"):
            raise PictureError(f"a part of the picture does not match its checksum ({kind.decode('latin-1')!a}).")
        if (place == 0) != (kind == b"IHDR") or (place == 0 and length != _HEADER_BYTES):
            raise PictureError("the picture does not begin with its header, or has a second one.")
        yield kind, body, stop
        if kind == b"IEND":
            return
        at = stop
    raise PictureError(f"the picture has more than {_MOST_CHUNKS:,} parts.")


def _plain(rest: bytes) -> str:
    return _bounded(rest).decode("latin-1")


def _compressed(rest: bytes) -> str:
    if rest[:1] != b"\0":
        raise PictureError("a text of the picture is compressed in a way that PNG does not know.")
    return _unpacked(rest[1:]).decode("latin-1")


def _international(rest: bytes) -> str:
    flags, (_, _, text) = rest[:2], _three_parts(rest[2:])
    if flags not in {b"\0\0", b"\1\0"}:
        raise PictureError("a text of the picture is compressed in a way that PNG does not know.")
    try:
        return (_unpacked(text) if flags[0] else _bounded(text)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PictureError(f"a text of the picture is no UTF-8: {error}.") from error


def _three_parts(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, keyword in that language, and text."""
    language, first, after = rest.partition(b"\0")
    translated, second, text = after.partition(b"\0")
    if not first or not second:
        raise PictureError("a text of the picture is cut off.")
    return language, translated, text


def _unpacked(packed: bytes) -> bytes:
    """The unpacked bytes; never more of them than may be, whatever a few packed ones claim."""
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(packed, MOST_TEXT_BYTES + 1)
    except zlib.error as error:
        raise PictureError(f"a text of the picture can't be unpacked: {error}.") from error
    if not reader.eof and len(data) <= MOST_TEXT_BYTES:
        raise PictureError("a text of the picture is cut off.")
    return _bounded(data)


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_TEXT_BYTES:
        raise PictureError(f"a text of the picture has more than {MOST_TEXT_BYTES >> 20} MiB.")
    return data


_READERS: Final = {b"tEXt": _plain, b"zTXt": _compressed, b"iTXt": _international}
