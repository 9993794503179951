"""Logs written and read by the tests of this room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from selftune.interactions.config import Capture
from selftune.interactions.detect import open_sources
from selftune.interactions.stage import capture
from selftune.records import Interaction, Quarantined
from selftune.testing import fake_context

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *entries: object) -> Path:
    """A JSONL file of the entries."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    return path


def document(path: Path, value: object) -> Path:
    """A file of one JSON document."""
    path.write_text(json.dumps(value, indent=1), "utf-8")
    return path


def read(path: Path, tmp_path: Path, format_name: str = "auto") -> list[Interaction | Quarantined]:
    """All that the file holds, through the door."""
    return list(capture(open_sources(path, format_name), Capture(), fake_context(tmp_path)))


def whole(items: list[Interaction | Quarantined]) -> list[Interaction]:
    """The items, none of them set aside."""
    broken = [item.reason for item in items if isinstance(item, Quarantined)]
    assert not broken, broken
    return [item for item in items if isinstance(item, Interaction)]


def said(interaction: Interaction) -> list[tuple[str, str]]:
    """Role and text of each message."""
    return [(message.role, message.content) for message in interaction.messages]


def places(items: list[Interaction | Quarantined]) -> set[tuple[str, str]]:
    """What a second import is recognised by."""
    return {(item.source, item.position) for item in items}
