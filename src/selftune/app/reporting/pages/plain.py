"""Words of models and people, made safe to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def plain(text: str) -> str:
    """The text without characters that steer a terminal, that nobody sees, or that turn the direction of writing."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter in "\n\t" or letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def one_line(text: str) -> str:
    """The same on one line, as a name or a cell is printed: what breaks a line could pass for the next one."""
    return " ".join(plain(text).split())


def quoted(text: str, indent: str = "  ") -> Iterator[str]:
    """Somebody's words line by line behind a bar, so that no line of theirs can pass for one of ours."""
    return (f"{indent}| {plain(line)}" for line in text.split("\n"))
