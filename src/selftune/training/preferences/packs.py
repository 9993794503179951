"""Pairs laid out for one forward pass: each prompt once, and after it both answers, which never see each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.training.batches import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.training.base import Row
    from selftune.training.batches import Pack


@dataclass(frozen=True, kw_only=True)
class PairPack:
    """A pack of pairs, and whose tokens its targets are.

    Attributes:
        counts: For each pair how many targets are its prompt's, its chosen and its rejected answer's, in that order.
    """

    pack: Pack
    counts: tuple[tuple[int, int, int], ...]


def pack_pairs(rows: Sequence[Row], *, with_prompts: bool = False) -> PairPack:
    """Pairs as one sequence; `with_prompts` puts the prompts' own tokens among the targets too."""
    families = [(row.first_supervised, sides_of(row)) for row in rows]
    return PairPack(
        pack=lay_out(families, with_prompts=with_prompts),
        counts=tuple(
            (prompt - 1 if with_prompts else 0, sum(chosen.supervised), sum(rejected.supervised))
            for prompt, (chosen, rejected) in families
        ),
    )


def sides_of(row: Row) -> tuple[Row, Row]:
    """The chosen row of a pair and its rejected one."""
    if row.rejected is None:
        raise ValueError(f"{row.interaction_id} is no pair")  # rows come from `PairMaker`
    return row, row.rejected
