"""Words of models and people, made safe to look at."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text without characters that steer a terminal, that nobody sees, or that turn the direction of writing."""
    return "".join(
        letter if letter in "\n\t" or letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
