"""How a forward pass is laid out without padding and without repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.training.base import Row

# A shorter common beginning costs more in masked attention than it saves.
_LEAST_SHARED: Final = 32
# Tokens in a forward pass beyond which a CPU computes none of them faster, only with more memory (dev/LOG.md).
_ENOUGH: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Rows that share their beginning, laid out as that beginning and then the rest of each.

    Attributes:
        start: Where the segment begins in the pack.
        stop: Where it ends.
        branches: For each of its tokens the row it belongs to, from 1; 0 for the shared beginning.
    """

    start: int
    stop: int
    branches: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is one row alone, for which causal attention is enough."""
        return self.branches[-1] <= 1


@dataclass(frozen=True, kw_only=True)
class Pack:
    """One forward pass as a single sequence.

    Attributes:
        tokens: All tokens, segment after segment.
        positions: Position of each token in its own row.
        predictors: Index of the token whose output must predict each target; a shared one may occur more than once.
        targets: The tokens under the loss.
    """

    tokens: tuple[int, ...]
    positions: tuple[int, ...]
    segments: tuple[Segment, ...]
    predictors: tuple[int, ...]
    targets: tuple[int, ...]


def pack(rows: Sequence[Row]) -> Pack:
    """Rows as one sequence; neighbours that begin alike share the computation of their beginning."""
    return lay_out(_families(rows))


def room_for(rows: Sequence[Row], batch_size: int) -> int:
    """Tokens that a forward pass is filled up to: never more than so many of the longest rows hold."""
    longest = sorted((len(row.tokens) for row in rows), reverse=True)[:batch_size]
    return min(sum(longest), max([_ENOUGH, *longest[:1]]))


def best_fit(batches: Iterable[Sequence[Row]], room: int) -> list[Pack]:
    """All rows of a step in few forward passes of about `room` tokens; what a batch computes once stays together.

    Source: best-fit decreasing (D. S. Johnson, "Near-optimal bin packing algorithms", 1973).
    """
    families = [family for rows in batches for family in _families(rows)]
    passes: list[list[tuple[int, list[Row]]]] = []
    free: list[int] = []
    for family in sorted(families, key=_size, reverse=True):
        fitting = [place for place, left in enumerate(free) if _size(family) <= left]
        if not fitting:
            fitting = [len(passes)]
            passes.append([])
            free.append(room)
        tightest = min(fitting, key=free.__getitem__)
        passes[tightest].append(family)
        free[tightest] -= _size(family)
    return [lay_out(each) for each in passes]


def _size(family: tuple[int, Sequence[Row]]) -> int:
    """Tokens of a family as it is laid out."""
    shared, rows = family
    return shared + sum(len(row.tokens) - shared for row in rows)


def lay_out(families: Iterable[tuple[int, Sequence[Row]]], *, with_prompts: bool = False) -> Pack:
    """Families of rows as one sequence, each with the number of tokens that its rows have in common at their beginning.

    `with_prompts` puts what stands before a family's branches among the targets, once and before all others of it.
    """
    tokens: list[int] = []
    positions: list[int] = []
    segments: list[Segment] = []
    predictors: list[int] = []
    targets: list[int] = []
    for shared, group in families:
        start = len(tokens)
        branches = [0] * shared
        tokens += group[0].tokens[:shared]
        positions += range(shared)
        if with_prompts:
            predictors += range(start, start + shared - 1)
            targets += group[0].tokens[1:shared]
        for number, row in enumerate(group, start=1):
            offset = len(tokens) - shared
            for index in range(shared, len(row.tokens)):
                if row.supervised[index] and index > 0:  # nothing predicts a first token
                    predictors.append(start + shared - 1 if index == shared else offset + index - 1)
                    targets.append(row.tokens[index])
            tokens += row.tokens[shared:]
            positions += range(shared, len(row.tokens))
            branches += [number] * (len(row.tokens) - shared)
        segments.append(Segment(start=start, stop=len(tokens), branches=tuple(branches)))
    return Pack(
        tokens=tuple(tokens),
        positions=tuple(positions),
        segments=tuple(segments),
        predictors=tuple(predictors),
        targets=tuple(targets),
    )


def shared_beginning(one: Row, other: Row) -> int:
    """Leading tokens that two rows have in common and neither learns."""
    limit = min(one.first_supervised, other.first_supervised)
    pairs = zip(one.tokens[:limit], other.tokens[:limit], strict=True)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), limit)


def _families(rows: Sequence[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Runs of neighbours with their shared length; a row alone shares nothing, which spares it the mask."""
    waiting = list(rows)
    while waiting:
        first = waiting.pop(0)
        family, shared = [first], first.first_supervised
        while waiting and (common := min(shared, shared_beginning(first, waiting[0]))) >= _LEAST_SHARED:
            family.append(waiting.pop(0))
            shared = common
        yield (shared if len(family) > 1 else 0), family
