"""A mixture with stated shares: what is too much is left out, what is too little stands in it more than once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from math import floor
from typing import TYPE_CHECKING, Final

from selftune.curation.traits import shows
from selftune.errors import UnbalancedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.curation.select import Candidate

REST: Final = "everything else"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """What a mixture holds: items, repeated ones as copies, and what did not find a place."""

    items: tuple[Candidate, ...]
    left_out: tuple[tuple[Candidate, str], ...] = ()


def mix(items: Sequence[Candidate], parts: Sequence[str], shares: Mapping[str, float], most_repeats: int) -> Mixed:
    """Items in the stated shares, the lowest ranked left out and the highest ranked repeated first.

    Args:
        items: What there is.
        parts: For each item the part it belongs to.
        shares: Part to share; what is named nowhere shares the remainder as one part.
        most_repeats: How often one item may stand in the result.

    Raises:
        UnbalancedError: a part is asked for and there is nothing of it.
    """
    if not shares:
        return Mixed(items=tuple(items))
    named = [next((name for name in shares if shows(part, name)), REST) for part in parts]
    stock: dict[str, list[Candidate]] = defaultdict(list)
    for item, name in zip(items, named, strict=True):
        stock[name].append(item)
    wanted = _with_rest(shares, has_rest=REST in stock)
    _refuse_missing(stock, wanted)
    counts = counts_of({name: len(stock[name]) for name in wanted}, wanted, most_repeats)
    taken, left_out = [], []
    for name, ranked in (
        (name, sorted(held, key=lambda item: item.rank, reverse=True)) for name, held in stock.items()
    ):
        count = counts.get(name, 0)
        taken += [replace(ranked[place % len(ranked)], copy=place // len(ranked)) for place in range(count)]
        reason = f"mixture: {name} makes {wanted.get(name, 0):.0%}, and others rank higher"
        left_out += [(item, reason) for item in ranked[count:]]
    return Mixed(items=tuple(taken), left_out=tuple(left_out))


def counts_of(sizes: Mapping[str, int], shares: Mapping[str, float], most_repeats: int) -> dict[str, int]:
    """How many of each part make the largest mixture of these shares.

    No item stands in it more often than `most_repeats`, and of one part at least none is repeated: what would only
    repeat everything alike is a second pass, and passes are the recipe's.
    """
    asked = {name: share for name, share in shares.items() if share > 0}
    ratios = [sizes[name] / share for name, share in asked.items()]
    total = min(max(ratios), most_repeats * min(ratios))
    return {
        name: max(1, min(floor(total * share + 0.5 + _ROUNDING), most_repeats * sizes[name]))
        for name, share in asked.items()
    }


def _with_rest(shares: Mapping[str, float], *, has_rest: bool) -> dict[str, float]:
    remainder = 1 - sum(shares.values())
    return {**shares, REST: remainder} if has_rest and remainder > _ROUNDING else dict(shares)


def _refuse_missing(stock: Mapping[str, Sequence[Candidate]], wanted: Mapping[str, float]) -> None:
    for name, share in wanted.items():
        if share > 0 and not stock.get(name):
            raise UnbalancedError(
                f"the mixture asks for {share:.0%} {name}, and there is no lesson of it.",
                next_step=f"Add interactions of it, or take {name!r} out of [curation.mixture].",
            )
