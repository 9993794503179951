"""Pairs laid out for one forward pass: each prompt once, and after it all answers to it, which never see each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
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
        counts: For each pair how many targets are its prompt's, its chosen and its rejected answer's, in that order; of
            neighbours with one prompt only the first has its targets.
        shared_by: For each pair how many pairs its prompt's targets stand for.
    """

    pack: Pack
    counts: tuple[tuple[int, int, int], ...]
    shared_by: tuple[int, ...]


def pack_pairs(rows: Sequence[Row], *, with_prompts: bool = False) -> PairPack:
    """Pairs as one sequence; `with_prompts` puts the prompts' own tokens among the targets too.

    A prompt that neighbours have in common is laid out once, with the answers of all of them behind it.
    """
    families = [list(family) for _, family in groupby(rows, key=_prompt_of)]
    return PairPack(
        pack=lay_out(
            ((family[0].first_supervised, [side for row in family for side in sides_of(row)]) for family in families),
            with_prompts=with_prompts,
        ),
        counts=tuple(
            (
                row.first_supervised - 1 if with_prompts and place == 0 else 0,
                sum(row.supervised),
                sum(sides_of(row)[1].supervised),
            )
            for family in families
            for place, row in enumerate(family)
        ),
        shared_by=tuple(len(family) for family in families for _ in family),
    )


def _prompt_of(row: Row) -> tuple[int, ...]:
    return row.tokens[: row.first_supervised]


def sides_of(row: Row) -> tuple[Row, Row]:
    """The chosen row of a pair and its rejected one."""
    if row.rejected is None:
        raise ValueError(f"{row.interaction_id} is no pair")  # rows come from `PairMaker`
    return row, row.rejected
