"""How entries stand in a file: each behind its length and its checksum, so that a cut or a flipped bit is seen."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD: Final = struct.Struct(">II")
LONGEST: Final = 256 << 20
"""Bytes that an entry has at most; a length above it is no length but damage."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """An entry that was found in a file.

    Attributes:
        payload: Its bytes; None where they are not what was written.
        start: Where the frame begins.
        end: Where the next one begins.
    """

    payload: bytes | None
    start: int
    end: int


def framed(payloads: Iterable[bytes]) -> bytes:
    """The entries one after another, as they stand in a file."""
    return b"".join(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload for payload in payloads)


def read_frames(data: bytes) -> Iterator[Frame]:
    """Every whole frame; what comes after the last one's end is a tail that was not finished."""
    start = 0
    while start + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, start)
        begin, end = start + _HEAD.size, start + _HEAD.size + length
        if length > LONGEST or end > len(data):
            return
        payload = data[begin:end]
        yield Frame(payload=payload if zlib.crc32(payload) == checksum else None, start=start, end=end)
        start = end
