"""Buckets in which sets that resemble each other meet: MinHash signatures, cut into bands.

Broder, "On the resemblance and containment of documents" (1997): two sets agree in one place of their signatures with
a probability that equals their Jaccard similarity. Cut into b bands of r places, sets of similarity s share at least
one band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", 3.4).
Who meets in a bucket is a candidate only: whoever asks must measure it.

Sets hold signed 64-bit numbers that are hashes already, as `array("q")` in bytes.
"""

from __future__ import annotations

from array import array
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLACES: Final = 128
_SEED: Final = 42
# Sets of one call to rensa: more at once would only take memory.
_BATCH: Final = 4_000
# A pair that lies exactly at the threshold is missed once in a million times; one above it, more rarely still.
_MISSED: Final = 1e-6


def buckets_of(blocks: Sequence[int], sets: Sequence[bytes], rows: int) -> Iterator[array[int]]:
    """For each set its buckets, one a band of so many rows; sets of different blocks meet in none."""
    bands = range(_PLACES // rows)
    for block, signature in zip(blocks, _signatures(sets), strict=True):
        # The hash of a tuple of numbers is the same in every process; that of a text is not.
        parts = zip(repeat(block), bands, *(islice(signature, row, None, rows) for row in range(rows)), strict=False)
        yield array("q", map(hash, parts))


def rows_for(threshold: float, missed: float = _MISSED) -> int:
    """The most places a band can have so that no more than `missed` of the pairs at the threshold are; 1 at least."""
    fitting = (rows for rows in range(_PLACES, 1, -1) if (1 - threshold**rows) ** (_PLACES // rows) <= missed)
    return next(fitting, 1)


def _signatures(sets: Sequence[bytes]) -> Iterator[list[int]]:
    from rensa import RMinHash

    for start in range(0, len(sets), _BATCH):
        batch = sets[start : start + _BATCH]
        ends = array("Q", [0])
        for each in batch:
            ends.append(ends[-1] + len(each) // ends.itemsize)
        hashes = array("Q")
        hashes.frombytes(b"".join(batch))
        yield from RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, _PLACES, _SEED).to_rows()
