"""Sums in words. The right number is computed beside the sentence that asks for it."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.evals.writing.items import make_item

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from random import Random

    from selftune.records import SuiteItem

CATEGORY: Final = "arithmetic"
_EACH: Final = 3
_NAMES: Final = (
    "Amina", "Bartosz", "Chidi", "Dagny", "Emre", "Farida", "Goran", "Hye-jin", "Ines", "Jonas", "Kavita", "Leif",
    "Mireille", "Nkechi", "Oskar", "Petra", "Quentin", "Rosa", "Samir", "Tove",
)  # fmt: skip
_TOGETHER: Final = ((3, 6), (2, 3), (4, 6), (4, 12), (10, 15), (6, 3), (5, 20), (12, 6), (9, 18), (8, 24))


class Sum(NamedTuple):
    """A question and its answer."""

    asked: str
    answer: int


def write_arithmetic(rng: Random) -> Iterator[SuiteItem]:
    """Three sums of each kind; no two have the same answer, and none the answer that stands last in its question."""
    given: set[int] = set()
    for difficulty, kinds in _KINDS.items():
        drawn = chain.from_iterable(repeat(kind, _EACH) for kind in kinds)
        for number, kind in enumerate(drawn):
            asked, answer = _draw(kind, rng, given)
            given.add(answer)
            yield make_item(
                f"{CATEGORY}-{difficulty}-{number:02d}",
                CATEGORY,
                "compute",
                difficulty,
                f"{asked} Give the number last, in digits.",
                {"value": answer},
                scorer="number",
            )


def draw_sum(difficulty: str, rng: Random, given: Collection[int]) -> Sum:
    """A sum of any kind of this difficulty; its answer is none of those `given`, and does not stand in its question."""
    return _draw(rng.choice(_KINDS[difficulty]), rng, given)


def _draw(kind: Callable[[Random, str], Sum], rng: Random, given: Collection[int]) -> Sum:
    while True:
        found = kind(rng, rng.choice(_NAMES))
        if found.answer not in given and found.answer > 0 and str(found.answer) not in found.asked:
            return found


def _fruit(rng: Random, name: str) -> Sum:
    a, b, c = rng.randint(12, 40), rng.randint(12, 40), rng.randint(3, 11)
    asked = f"{name} buys {a} apples and {b} pears and gives {c} pieces of fruit away. How many pieces are left?"
    return Sum(asked, a + b - c)


def _tram(rng: Random, _: str) -> Sum:
    a, b, c = rng.randint(50, 90), rng.randint(10, 30), rng.randint(10, 40)
    asked = f"A tram leaves with {a} people on board. At the first stop {b} get off and {c} get on. How many ride on?"
    return Sum(asked, a - b + c)


def _times(rng: Random, _: str) -> Sum:
    a, b = rng.randint(12, 29), rng.randint(6, 19)
    return Sum(f"What is {a} times {b}?", a * b)


def _boxes(rng: Random, _: str) -> Sum:
    a, b = rng.choice((6, 10, 12, 24)), rng.randint(13, 39)
    return Sum(f"One crate holds {a} bottles. How many bottles are in {b} full crates?", a * b)


def _minus(rng: Random, _: str) -> Sum:
    a, b = rng.randint(600, 990), rng.randint(120, 580)
    return Sum(f"What is {a} minus {b}?", a - b)


def _pages(rng: Random, name: str) -> Sum:
    a, b = rng.randint(18, 45), rng.randint(5, 14)
    return Sum(f"{name} reads {a} pages on each of {b} evenings. How many pages is that in all?", a * b)


def _shared(rng: Random, name: str) -> Sum:
    a, b = rng.randint(6, 18), rng.randint(14, 60)
    return Sum(f"{name} deals {a * b} cards out evenly to {a} tables. How many cards lie on each table?", b)


def _reduced(rng: Random, _: str) -> Sum:
    price, cut = rng.randrange(60, 400, 20), rng.choice((5, 10, 15, 25, 30, 35, 45))
    asked = f"A coat costs {price} euros and is reduced by {cut} percent. What does it cost now, in euros?"
    return Sum(asked, price * (100 - cut) // 100)


def _fence(rng: Random, _: str) -> Sum:
    a, b = rng.randint(31, 98), rng.randint(17, 60)
    return Sum(f"A rectangular field is {a} m long and {b} m wide. How many metres of fence go round it?", 2 * (a + b))


def _cycling(rng: Random, name: str) -> Sum:
    speed, hours, quarters = rng.randrange(12, 32, 4), rng.randint(2, 6), rng.choice((1, 2, 3))
    asked = f"{name} cycles at {speed} km/h for {hours} hours and {15 * quarters} minutes. How many kilometres is that?"
    return Sum(asked, speed * hours + speed * quarters // 4)


def _flour(rng: Random, _: str) -> Sum:
    people, grams, guests = rng.choice((4, 5, 6)), rng.randint(35, 90), rng.randint(7, 19)
    asked = f"For {people} people a recipe takes {people * grams} g of flour. How many grams does it take for {guests}?"
    return Sum(asked, grams * guests)


def _tank(rng: Random, _: str) -> Sum:
    litres, full = rng.randrange(300, 2000, 100), rng.randint(11, 89)
    asked = f"A tank for {litres} litres is {full} percent full. How many litres are missing until it is full?"
    return Sum(asked, litres * (100 - full) // 100)


def _mean(rng: Random, _: str) -> Sum:
    known = [rng.randint(20, 90) for _ in range(3)]
    fourth = rng.randint(20, 90)
    fourth += -(sum(known) + fourth) % 4
    listed = f"{known[0]}, {known[1]} and {known[2]}"
    asked = f"Four numbers have the mean {(sum(known) + fourth) // 4}. Three of them are {listed}. What is the fourth?"
    return Sum(asked, fourth)


def _wages(rng: Random, name: str) -> Sum:
    wage, hours, days, kept = rng.randint(14, 31), rng.randint(5, 8), rng.randint(11, 21), rng.randint(120, 480)
    asked = (
        f"{name} earns {wage} euros an hour and works {hours} hours a day on {days} days; {kept} euros of that are "
        "kept back. How many euros are paid out?"
    )
    return Sum(asked, wage * hours * days - kept)


def _pumps(rng: Random, _: str) -> Sum:
    a, b = rng.choice(_TOGETHER)
    asked = f"One pump fills a pool in {a} hours, another one in {b} hours. How many minutes do both take together?"
    return Sum(asked, 60 * a * b // (a + b))


def _remainder(rng: Random, _: str) -> Sum:
    a, b = rng.randint(1500, 9900), rng.randint(37, 97)
    return Sum(f"What is the remainder when {a} is divided by {b}?", a % b)


def _up_and_down(rng: Random, _: str) -> Sum:
    start, up, down = rng.randrange(1000, 9000, 1000), rng.choice((10, 20, 30, 40)), rng.choice((10, 15, 25, 35))
    asked = (
        f"A price of {start} euros rises by {up} percent and then falls by {down} percent. What is it then, in euros?"
    )
    return Sum(asked, start * (100 + up) * (100 - down) // 10_000)


def _divisible(rng: Random, _: str) -> Sum:
    a, b, k = rng.randint(50, 200), rng.randint(600, 1500), rng.choice((6, 7, 8, 9, 11, 13))
    asked = f"How many whole numbers from {a} to {b}, both counted, can be divided by {k} without a remainder?"
    return Sum(asked, b // k - (a - 1) // k)


def _meeting(rng: Random, _: str) -> Sum:
    v, w, minutes = rng.randrange(60, 120, 12), rng.randrange(48, 108, 12), rng.randrange(25, 95, 5)
    asked = (
        f"Two trains {(v + w) * minutes // 60} km apart run towards each other, one at {v} km/h, one at {w} km/h. "
        "After how many minutes do they meet?"
    )
    return Sum(asked, minutes)


def _saving(rng: Random, name: str) -> Sum:
    first, more, months = rng.randint(20, 80), rng.randint(3, 15), rng.randint(7, 18)
    asked = (
        f"{name} saves {first} euros in the first month, and in each later month {more} euros more than in the month "
        f"before. How many euros are saved after {months} months?"
    )
    return Sum(asked, months * first + more * months * (months - 1) // 2)


def _backwards(rng: Random, _: str) -> Sum:
    number, plus, by = rng.randint(30, 150), rng.randrange(4, 40, 2), rng.choice((2, 3, 4, 6))
    plus += -(2 * number + plus) % by
    asked = f"I double a number, add {plus}, divide by {by} and get {(2 * number + plus) // by}. What is the number?"
    return Sum(asked, number)


_KINDS: Final[dict[str, tuple[Callable[[Random, str], Sum], ...]]] = {
    "easy": (_fruit, _tram, _times, _boxes, _minus, _pages, _shared),
    "medium": (_reduced, _fence, _cycling, _flour, _tank, _mean, _wages),
    "hard": (_pumps, _remainder, _up_and_down, _divisible, _meeting, _saving, _backwards),
}
