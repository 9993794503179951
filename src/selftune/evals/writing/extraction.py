"""Facts of a sentence as JSON: the keys and their types are told, the values must be exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from selftune.evals.writing.items import make_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from selftune.records import SuiteItem

CATEGORY: Final = "json"
_EACH: Final = 6
_NAMES: Final = (
    "Abril",
    "Bodil",
    "Cem",
    "Dunja",
    "Eamon",
    "Fumiko",
    "Gerd",
    "Halima",
    "Ilan",
    "Jorun",
    "Kofi",
    "Lidia",
)
_TOWNS: Final = (
    "Bergen",
    "Cork",
    "Faro",
    "Ghent",
    "Graz",
    "Izmir",
    "Lviv",
    "Nantes",
    "Porto",
    "Turku",
    "Tartu",
    "Zadar",
)
_GOODS: Final = (
    "lamps",
    "kettles",
    "ladders",
    "blankets",
    "buckets",
    "mirrors",
    "chairs",
    "baskets",
    "candles",
    "brushes",
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_COLOURS: Final = ("amber", "crimson", "indigo", "olive", "teal", "violet", "ochre", "ivory")
_BOOKS: Final = ("Salt Roads", "The Glass Orchard", "Nine Winters", "A Map of Rain", "The Quiet Engine", "Paper Birds")


class Task(NamedTuple):
    """Words that hold facts, the shape that is asked for, and the right JSON."""

    words: str
    shape: str
    right: dict[str, Any]


def write_extraction(rng: Random) -> Iterator[SuiteItem]:
    """Six of each shape, no two with the same answer."""
    given: list[dict[str, Any]] = []
    for difficulty, kinds in _KINDS.items():
        for number in range(_EACH * len(kinds)):
            task = _draw(kinds[number // _EACH], rng, given)
            given.append(task.right)
            yield make_item(
                f"{CATEGORY}-{difficulty}-{number:02d}",
                CATEGORY,
                "extract",
                difficulty,
                f"{task.words}\n\nWrite this as one JSON object with {task.shape}. Answer with the JSON alone.",
                {"object": task.right},
                scorer="json",
            )


def _draw(kind: Callable[[Random], Task], rng: Random, given: list[dict[str, Any]]) -> Task:
    while (task := kind(rng)).right in given:
        pass
    return task


def _order(rng: Random) -> Task:
    name, goods, count = rng.choice(_NAMES), rng.choice(_GOODS), rng.randint(3, 60)
    return Task(
        f"{name} would like {count} {goods}, please.",
        'the keys "customer" (text), "item" (text, plural as written) and "quantity" (number)',
        {"customer": name, "item": goods, "quantity": count},
    )


def _meeting(rng: Random) -> Task:
    name, day, hour = rng.choice(_NAMES), rng.choice(_DAYS), rng.randint(8, 18)
    return Task(
        f"We meet {name} on {day} at {hour}:30 in the small room.",
        'the keys "with" (text), "day" (text) and "time" (text, as HH:MM)',
        {"with": name, "day": day, "time": f"{hour:02d}:30"},
    )


def _parcel(rng: Random) -> Task:
    town, kilos, paid = rng.choice(_TOWNS), rng.randint(2, 30), rng.random() < 0.5  # noqa: PLR2004 - a coin
    status = "has been paid for" if paid else "has not been paid for yet"
    return Task(
        f"The parcel to {town} weighs {kilos} kilos and {status}.",
        'the keys "town" (text), "kilos" (number) and "paid" (true or false)',
        {"town": town, "kilos": kilos, "paid": paid},
    )


def _trip(rng: Random) -> Task:
    start, end = rng.sample(_TOWNS, 2)
    name, nights = rng.choice(_NAMES), rng.randint(2, 12)
    return Task(
        f"{name} will leave {start} for {end} and stay there {nights} nights. Nothing is booked for the way back.",
        'the keys "traveller", "from", "to" (texts), "nights" (number), "return" (text, or null if none)',
        {"traveller": name, "from": start, "to": end, "nights": nights, "return": None},
    )


def _colours(rng: Random) -> Task:
    colours, goods = rng.sample(_COLOURS, 3), rng.choice(_GOODS)
    return Task(
        f"The {goods} come in {colours[0]}, {colours[1]} and {colours[2]}; {colours[1]} is sold out.",
        'the keys "item" (text), "colours" (list of texts in the order given) and "sold_out" (list of texts)',
        {"item": goods, "colours": colours, "sold_out": [colours[1]]},
    )


def _loan(rng: Random) -> Task:
    name, book, week, fee = rng.choice(_NAMES), rng.choice(_BOOKS), rng.randint(1, 9), rng.randint(2, 19)
    return Task(
        f'{name} brought "{book}" back {week} weeks late. The fee is {fee} euros and 50 cents.',
        'the keys "reader", "title" (texts), "days_late" (number) and "fee" (number, in euros)',
        {"reader": name, "title": book, "days_late": 7 * week, "fee": fee + 0.5},
    )


def _invoice(rng: Random) -> Task:
    one, two = rng.sample(_GOODS, 2)
    a, b, p, q = rng.randint(2, 9), rng.randint(2, 9), rng.randint(4, 30), rng.randint(4, 30)
    lines = [{"item": one, "quantity": a, "price": p}, {"item": two, "quantity": b, "price": q}]
    return Task(
        f"Sold today: {a} {one} at {p} euros each and {b} {two} at {q} euros each.",
        '"lines" (a list of objects with "item", "quantity" and "price" for one piece) and "total" (number, in euros)',
        {"lines": lines, "total": a * p + b * q},
    )


def _crew(rng: Random) -> Task:
    leader, second, third = rng.sample(_NAMES, 3)
    town, day = rng.choice(_TOWNS), rng.choice(_DAYS)
    return Task(
        f"On {day} the crew goes to {town}: {second} drives, {third} carries, and {leader} leads them both.",
        '"day", "town" (texts) and "crew" (an object with the keys "leader", "driver" and "carrier")',
        {"day": day, "town": town, "crew": {"leader": leader, "driver": second, "carrier": third}},
    )


_KINDS: Final[dict[str, tuple[Callable[[Random], Task], ...]]] = {
    "easy": (_order, _meeting, _parcel),
    "medium": (_trip, _colours, _loan),
    "hard": (_invoice, _crew),
}
