"""Candidates for likeness among many sets: MinHash signatures, cut into bands that must collide.

Broder, "On the resemblance and containment of documents" (1997): two sets agree in one place of their signatures with
a probability that equals their Jaccard similarity. Cut into b bands of r places, sets of similarity s share at least
one band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", 3.4).
What collides is a candidate only: whoever asks must measure it.
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


def rows_for(threshold: float) -> int:
    """The most places a band can have so that pairs at the threshold are all but never missed; 1 at the least."""
    fitting = (rows for rows in range(_PLACES, 1, -1) if (1 - threshold**rows) ** (_PLACES // rows) <= _MISSED)
    return next(fitting, 1)


def _collide(places: Sequence[int], signatures: Sequence[bytes], rows: int) -> Iterator[tuple[int, int]]:
    width = rows * array("I").itemsize
    for start in range(0, _PLACES // rows * width, width):
        first_with: dict[bytes, int] = {}
        others: dict[bytes, list[int]] = {}
        for place, signature in zip(places, signatures, strict=True):
            band = signature[start : start + width]
            first = first_with.setdefault(band, place)
            if first != place:
                earlier = others.setdefault(band, [first])
                yield from ((one, place) for one in earlier)
                earlier.append(place)


def _signatures(sets: Sequence[Collection[str]]) -> list[bytes]:
    from rensa import RMinHash

    digests = RMinHash.digests_from_token_sets([list(tokens) for tokens in sets], _PLACES, _SEED)
    return [array("I", digest).tobytes() for digest in digests]
