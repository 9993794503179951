"""What it takes to be alike, and how all that are alike among many are found without holding each against each.

A kind of likeness turns an item into a `Sketch` and spreads sketches over buckets: who shares no bucket is not alike.
Those that share one are measured. `compare` does that once in memory; `neighbours.Neighbours` keeps it from night to
night on disk. Both find the same pairs.

A flood must not cost its square: where more than `CROWD` share a bucket, each is held only against the first of them
that are unlike each other. Two that are alike and yet unlike all of those, in every bucket, can be missed there.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T_contra = TypeVar("T_contra", contravariant=True)
T = TypeVar("T")
CROWD: Final = 64
"""Of more than so many that share a bucket, no more than so many are held against all others in it."""


_NOBODY: Final[set[int]] = set()


class Likeness(NamedTuple):
    """Two places in a sequence whose texts are alike, the earlier one first, and how much."""

    first: int
    second: int
    similarity: float


class Sketch(NamedTuple):
    """What of an item is compared.

    Attributes:
        name: 64 bits, signed; equal for equal items, and else but once in 2^64.
        block: 64 bits, signed; only items of one block can be alike.
        body: What the similarity is measured on.
    """

    name: int
    block: int
    body: bytes


class Alike(Protocol[T_contra]):
    """A kind of likeness at one threshold; `form` changes whenever the same items would be kept or found otherwise."""

    form: str
    threshold: float

    def sketch(self, item: T_contra) -> Sketch | None:
        """What is compared of an item; None when it is like nothing."""
        ...

    def spread(self, blocks: Sequence[int], bodies: Sequence[bytes]) -> Iterator[Sequence[int]]:
        """For each body in its block its buckets, signed 64-bit numbers; none where only equal ones are alike."""
        ...

    def similarity(self, one: bytes, other: bytes) -> float:
        """How much two bodies of one block are alike, from 0 to 1."""
        ...


def compare(alike: Alike[T], items: Iterable[T], crowd: int = CROWD) -> Iterator[Likeness]:
    """Every two places whose items are alike; equal ones once, against the first, and these before all others."""
    sketches = [alike.sketch(item) for item in items]
    firsts: dict[int, int] = {}
    blocks: dict[int, list[int]] = defaultdict(list)
    for place, sketch in enumerate(sketches):
        if sketch is None:
            continue
        twin = firsts.setdefault(sketch.name, place)
        if twin == place:
            blocks[sketch.block].append(place)
        else:
            yield Likeness(twin, place, 1.0)
    places = sorted(place for members in blocks.values() if len(members) > 1 for place in members)
    known = {place: one for place in places if (one := sketches[place])}
    met: set[Likeness] = set()
    candidates: set[tuple[int, int]] = set()
    for members in _meetings(places, list(_spread(alike, list(known.values())))):
        if len(members) <= crowd:
            candidates.update(combinations(members, 2))
        else:
            met.update(lead(((place, known[place].body) for place in members), alike, crowd))
    for first, second in candidates:
        similarity = alike.similarity(known[first].body, known[second].body)
        if similarity >= alike.threshold:
            met.add(Likeness(first, second, similarity))
    yield from sorted(met)


def cross(alike: Alike[T], here: Iterable[T], there: Iterable[T]) -> Iterator[Likeness]:
    """Every place here and place there whose items are alike; of a crowd there, those with the smallest names."""
    asked, measuring = ([(one, at) for at, one in enumerate(map(alike.sketch, side)) if one] for side in (here, there))
    measuring.sort()
    blocks = {one.block for one, _ in measuring}
    asked = [(one, place) for one, place in asked if one.block in blocks]
    spread = [list(_spread(alike, [one for one, _ in side])) for side in (asked, measuring)]
    for at, met in enumerate(_crossings(*spread)):
        (one, place), others = asked[at], [measuring[other] for other in sorted(met)]
        for other, other_place in others:
            similarity = alike.similarity(one.body, other.body)
            if similarity >= alike.threshold:
                yield Likeness(place, other_place, similarity)


def _crossings(here: Sequence[Sequence[int]], there: Sequence[Sequence[int]]) -> Sequence[set[int]]:
    """For each place here those there that share a bucket with it, of each bucket the first `CROWD`."""
    met: list[set[int]] = [_NOBODY] * len(here)
    for band in range(len(there[0]) if there else 0):
        first_in: dict[int, int] = {}
        more_in: dict[int, list[int]] = {}
        for at, buckets in enumerate(there):
            first = first_in.setdefault(buckets[band], at)
            if first != at and len(more := more_in.setdefault(buckets[band], [first])) < CROWD:
                more.append(at)
        for place, buckets in enumerate(here):
            first = first_in.get(buckets[band], -1)
            if first >= 0:
                met[place] = met[place].union(more_in.get(buckets[band], (first,)))
    return met


def _spread(alike: Alike[T], sketches: Sequence[Sketch]) -> Iterator[Sequence[int]]:
    return alike.spread([one.block for one in sketches], [one.body for one in sketches])


def lead(bodies: Iterable[tuple[int, bytes]], alike: Alike[T], most: int) -> Iterator[Likeness]:
    """Of a crowd at these places, in order, each held against the first, `most`, that are unlike each other."""
    leaders: list[tuple[int, bytes]] = []
    for place, body in bodies:
        met = [(leader, alike.similarity(other, body)) for leader, other in leaders]
        found = [Likeness(leader, place, similarity) for leader, similarity in met if similarity >= alike.threshold]
        if not found and len(leaders) < most:
            leaders.append((place, body))
        yield from found


def _meetings(places: Sequence[int], spread: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """The places that share a bucket, in order, bucket by bucket."""
    for band in range(len(spread[0]) if spread else 0):
        first_in: dict[int, int] = {}
        shared: dict[int, list[int]] = {}
        for place, buckets in zip(places, spread, strict=True):
            first = first_in.setdefault(buckets[band], place)
            if first != place:
                shared.setdefault(buckets[band], [first]).append(place)
        yield from shared.values()
