"""Buckets in which sets that resemble each other meet: MinHash signatures, cut into bands.

Broder, "On the resemblance and containment of documents" (1997): two sets agree in one place of their signatures with
a probability that equals their Jaccard similarity. Cut into b bands of r places, sets of similarity s share at least
one band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", 3.4).
Who meets in a bucket is a candidate only: whoever asks must measure it.

Sets hold signed 64-bit numbers that are hashes already, as `array("q")` in bytes.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLACES: Final = 128
_SEED: Final = 42
# Sets of one call to rensa: more at once would only take memory.
_BATCH: Final = 4_000
# A pair that lies exactly at the threshold is missed once in a million times; one above it, more rarely still.
_MISSED: Final = 1e-6


def buckets_of(
    blocks: Sequence[int], sets: Sequence[bytes], threshold: float, missed: float = _MISSED
) -> Iterator[array[int]]:
    """For each set its buckets: two of one block and a similarity of `threshold` share none with chance `missed`."""
    rows, bands = bands_for(threshold, missed)
    for block, signature in zip(blocks, _signatures(sets, rows * bands), strict=True):
        # The hash of a tuple of numbers is the same in every process; that of a text is not.
        parts = zip(repeat(block, bands), range(bands), *(signature[row::rows] for row in range(rows)), strict=True)
        yield array("q", map(hash, parts))


def bands_for(threshold: float, missed: float = _MISSED) -> tuple[int, int]:
    """Rows of a band and how many bands: the longest that miss no more than they may, and no more than are needed."""
    rows = next((rows for rows in range(_PLACES, 1, -1) if _unseen(threshold, rows, _PLACES // rows) <= missed), 1)
    most = _PLACES // rows
    return rows, next((bands for bands in range(1, most) if _unseen(threshold, rows, bands) <= missed), most)


def _unseen(similarity: float, rows: int, bands: int) -> float:
    return (1 - similarity**rows) ** bands


def _signatures(sets: Sequence[bytes], places: int) -> Iterator[list[int]]:
    from rensa import RMinHash

    for start in range(0, len(sets), _BATCH):
        batch = sets[start : start + _BATCH]
        ends = array("Q", [0])
        for each in batch:
            ends.append(ends[-1] + len(each) // ends.itemsize)
        hashes = array("Q")
        hashes.frombytes(b"".join(batch))
        yield from RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, places, _SEED).to_rows()
