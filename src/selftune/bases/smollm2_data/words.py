"""The words in `words.toml`, typed: who speaks, what a state can hold, how people ask."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Split = Literal["train", "demo", "heldout"]

TONES: Final = ("warm", "playful", "formal", "serious")


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Words by split; no word is in two of them."""

    words: Mapping[Split, tuple[str, ...]]

    def of(self, split: Split) -> tuple[str, ...]:
        """The words of one split."""
        return self.words[split]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing a state can hold about the user, and what it can be."""

    path: str
    values: Pool

    @property
    def label(self) -> str:
        """What people call it: the last part of the path in plain words."""
        return self.path.rpartition(".")[2].replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Phrasings:
    """Ways of asking: those that the corrections show, and those that they never show."""

    familiar: tuple[str, ...]
    novel: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Words:
    """All of it; `actions` are what people ask for, `action_name` gives what a state calls them."""

    agents: Pool
    users: Pool
    attackers: Pool
    actions: Pool
    fields: tuple[Field, ...]
    held_out_fields: tuple[Field, ...]
    phrasings: Mapping[str, Phrasings]


@cache
def words() -> Words:
    """The words as the file holds them."""
    table = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
    return Words(
        agents=_pool(table["agents"]),
        users=_pool(table["users"]),
        attackers=_pool(table["attackers"]),
        actions=_pool(table["actions"]),
        fields=_fields(table["fields"]),
        held_out_fields=_fields(table["held_out_fields"]),
        phrasings={
            kind: Phrasings(familiar=tuple(lists["familiar"]), novel=tuple(lists["novel"]))
            for kind, lists in table["phrasings"].items()
        },
    )


def action_name(phrase: str) -> str:
    """What a state calls an action: `send an email` is `send_email`."""
    return "_".join(word for word in phrase.split() if word not in {"a", "an", "the", "my", "some"})


def _pool(table: dict[Split, list[str]]) -> Pool:
    return Pool(words={split: tuple(listed) for split, listed in table.items()})


def _fields(table: dict[str, Any]) -> tuple[Field, ...]:
    return tuple(Field(path=path, values=_pool(lists)) for path, lists in table.items())
