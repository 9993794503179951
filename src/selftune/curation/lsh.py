"""Candidates for likeness among many sets: MinHash signatures, cut into bands that must collide.

Broder, "On the resemblance and containment of documents" (1997): two sets agree in one place of their signatures with
a probability that equals their Jaccard similarity. Cut into b bands of r places, sets of similarity s share at least
one band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", 3.4).
What collides is a candidate only: whoever asks must measure it.

In a crowd of more than 64 that all collide, each is held against the first 64 only. Two of them that are alike, and
unlike all of those in every band, can be missed there; elsewhere `_MISSED` is the whole loss.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_PLACES: Final = 128
_SEED: Final = 42
# A pair that lies exactly at the threshold is missed once in a million times; one above it, more rarely still.
_MISSED: Final = 1e-6
CROWD: Final = 64
"""Of texts that all collide, each is held against so many: a flood of near-copies must not cost its square."""


def collisions(sets: Sequence[Collection[str]], blocks: Sequence[str], threshold: float) -> Iterator[tuple[int, int]]:
    """Each pair of places in one block whose sets may have a similarity of `threshold`, once, the earlier first."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, block in enumerate(blocks):
        members[block].append(place)
    crowded = [places for places in members.values() if len(places) > 1]
    signatures = iter(_signatures([sets[place] for places in crowded for place in places]))
    for places in crowded:
        found = set(_collide(places, list(islice(signatures, len(places))), rows_for(threshold)))
        yield from sorted(found)


def crossings(
    sets: Sequence[Collection[str]],
    blocks: Sequence[str],
    others: Sequence[Collection[str]],
    other_blocks: Sequence[str],
    *,
    threshold: float,
    missed: float,
) -> Iterator[tuple[int, int]]:
    """Each place here and place there, in the same block, whose sets may have a similarity of `threshold`, once.

    Of the pairs at the threshold a share of `missed` is not found; the further above, the fewer.
    """
    shared = set(other_blocks)
    wanted = [place for place, block in enumerate(blocks) if block in shared]
    here = list(zip(wanted, _signatures([sets[place] for place in wanted]), strict=True))
    there = list(zip(other_blocks, _signatures(others), strict=True))
    found: set[tuple[int, int]] = set()
    for band in _bands(rows_for(threshold, missed)):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for other, (_, signature) in enumerate(there):
            if len(buckets[signature[band]]) < CROWD:
                buckets[signature[band]].append(other)
        for place, signature in here:
            for other in buckets.get(signature[band], ()):
                if there[other][0] == blocks[place]:
                    found.add((place, other))
    yield from sorted(found)


def rows_for(threshold: float, missed: float = _MISSED) -> int:
    """The most places a band can have so that no more than `missed` of the pairs at the threshold are; 1 at least."""
    fitting = (rows for rows in range(_PLACES, 1, -1) if (1 - threshold**rows) ** (_PLACES // rows) <= missed)
    return next(fitting, 1)


def _bands(rows: int) -> list[slice]:
    width = rows * array("I").itemsize
    return [slice(start, start + width) for start in range(0, _PLACES // rows * width, width)]


def _collide(places: Sequence[int], signatures: Sequence[bytes], rows: int) -> Iterator[tuple[int, int]]:
    for band in _bands(rows):
        first_with: dict[bytes, int] = {}
        others: dict[bytes, list[int]] = {}
        for place, signature in zip(places, signatures, strict=True):
            part = signature[band]
            first = first_with.setdefault(part, place)
            if first != place:
                earlier = others.setdefault(part, [first])
                yield from ((one, place) for one in earlier)
                if len(earlier) < CROWD:
                    earlier.append(place)


def _signatures(sets: Sequence[Collection[str]]) -> list[bytes]:
    from rensa import RMinHash

    digests = RMinHash.digests_from_token_sets(list(sets), _PLACES, _SEED)
    return [array("I", digest).tobytes() for digest in digests]
