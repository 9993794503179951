"""ChatML: turns between `<|im_start|>` and `<|im_end|>`, as a text file or in the `text` of JSON entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.reading.assemble import Origin, assemble, read_file, read_from
from selftune.interactions.reading.documents import LIMITS, Limits
from selftune.interactions.reading.expect import as_text
from selftune.interactions.reading.lines import Entry, UnreadableError, decode_text
from selftune.interactions.reading.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_START: Final = "<|im_start|>"
_END: Final = "<|im_end|>"
_BOM: Final = b"\xef\xbb\xbf"
_TURN: Final = re.compile(
    r"<\|im_start\|>(?P<role>\w+)(?: name=(?P<name>[^\r\n]*))?\r?\n"
    r"(?P<text>.*?)(?P<end><\|im_end\|>|(?=<\|im_start\|>)|\Z)",
    re.DOTALL,
)
_BETWEEN: Final = re.compile(r"<\|endoftext\|>|\s+")


@dataclass(frozen=True)
class ChatML:
    """Conversations in ChatML; in a text file a new one begins after a blank line or with a system turn.

    An empty assistant's turn at the end is the place for an answer and no message. An answer that is never closed was
    `cut_short`; another turn that is not is flagged `turn_not_closed`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        text = entry.get("text")
        found = isinstance(text, str) and text.lstrip().startswith(_START)
        return f"the `text` of its entries begins with `{_START}`" if found else None

    @staticmethod
    def recognises_head(head: bytes) -> str | None:
        """Why a file that begins so looks like this format; None when it does not."""
        return f"its text begins with `{_START}`" if _is_text(head) else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction."""
        with self.path.open("rb") as stream:
            as_entries = not _is_text(stream.read(4096))
        if as_entries:
            return read_file(self.path, "chatml", _parse, context)
        return read_from(_entries(self.path), self.path.name, "chatml", _parse, context)


def _is_text(head: bytes) -> bool:
    return head.removeprefix(_BOM).lstrip().startswith(_START.encode())


def _entries(path: Path, limits: Limits = LIMITS) -> Iterator[Entry]:
    positions = Positions()
    with path.open("rb") as stream:
        if stream.read(len(_BOM)) != _BOM:
            stream.seek(0)
        for number, block, size in _blocks(stream, limits):
            huge = size > limits.line_bytes
            data = block[: limits.kept_bytes] if huge else block
            text, flags = decode_text(data)
            yield Entry(
                position=positions.of(data),
                place=f"line {number}",
                raw=text,
                value={"text": text},
                fault=f"{size:,} bytes in one conversation; only its beginning is kept" if huge else None,
                flags=flags,
            )


def _blocks(stream: IO[bytes], limits: Limits) -> Iterator[tuple[int, bytes, int]]:
    """Line, bytes (cut when huge) and full size of each conversation; memory holds one of them."""
    start, end = _START.encode(), _END.encode()
    first, number, data, size, opened = 1, 1, bytearray(), 0, False
    # A line may have no end for gigabytes, so it comes in pieces; only what ends in a line feed counts as one.
    while line := stream.readline(limits.line_bytes):
        if data and not opened and (not line.strip() or line.startswith(start + b"system")):
            yield first, bytes(data), size
            data, size = bytearray(), 0
        if data or line.strip():
            first = first if data else number
            size += len(line)
            data += line[: max(0, limits.line_bytes - len(data))]
            if start in line or end in line:
                opened = line.rfind(start) > line.rfind(end)
        number += line.endswith(b"\n")
    if data:
        yield first, bytes(data), size


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    text = as_text(entry.get("text"), "'text'")
    outside = _BETWEEN.sub("", _TURN.sub("", text))
    if outside:
        raise UnreadableError(f"{outside[:40]!r} stands outside of the turns")
    turns = list(_TURN.finditer(text))
    if turns and turns[-1]["role"] == "assistant" and not turns[-1]["text"].strip() and not turns[-1]["end"]:
        turns.pop()
    values: list[Mapping[str, Any]] = [
        {"role": turn["role"], "content": turn["text"], "persona": turn["name"]} for turn in turns
    ]
    messages, flags = parse_messages(values)
    return assemble(messages, entry, origin, (*flags, *_unclosed(turns)))


def _unclosed(turns: list[re.Match[str]]) -> tuple[str, ...]:
    left_open = [turn for turn in turns if not turn["end"]]
    if not left_open:
        return ()
    return ("cut_short",) if left_open == turns[-1:] and turns[-1]["role"] == "assistant" else ("turn_not_closed",)
