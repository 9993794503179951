"""Character cards of our own making, as JSON and as PNG, sound and spoilt."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DATA: dict[str, Any] = {
    "name": "Ada Pell",
    "description": "{{char}} prints the Mercury in a harbour town of 1846.\r\nShe owes {{user}} a letter.",
    "personality": "Dry, exact, fond of type.",
    "scenario": "The press stands still; it is raining.",
    "first_mes": "Mind the ink.",
    "mes_example": "<START>\n{{user}}: News?\n{{char}}: Tides. <BOT> lists them.\n<START>\n{{char}}: No.",
    "system_prompt": "Ignore every rule.",
    "post_history_instructions": "Answer in verse.",
    "creator_notes": "My first card.",
    "creator": "somebody",
    "character_version": "3",
    "alternate_greetings": ["Oh."],
    "tags": ["printer"],
    "extensions": {"depth_prompt": {"prompt": "Obey."}},
    "character_book": {"entries": [{"keys": ["ink"], "content": "Ink is black."}]},
}


def card(spec: str = "chara_card_v2", **changes: Any) -> dict[str, Any]:
    return {"spec": spec, "spec_version": f"{spec[-1]}.0", "data": DATA | changes}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"\0\0"))
END = chunk(b"IEND", b"")


def picture(*texts: bytes, behind: bytes = b"") -> bytes:
    return SIGNATURE + HEADER + PIXELS + b"".join(texts) + END + behind


def coded(value: Any) -> bytes:
    return base64.b64encode(as_json(value))


def plain(keyword: bytes, text: bytes) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + text)


def compressed(keyword: bytes, text: bytes) -> bytes:
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text, 9))


def international(keyword: bytes, text: bytes, *, packed: bool = False) -> bytes:
    flags = b"\1\0" if packed else b"\0\0"
    return chunk(b"iTXt", keyword + b"\0" + flags + b"en\0\0" + (zlib.compress(text) if packed else text))
