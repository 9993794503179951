"""Calls are halved when the server is overloaded, grow again one by one, and wait while it asks to be left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.endpoint import seconds_to_wait
from selftune.judges.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


async def enter(throttle: Throttle, count: int) -> list[float]:
    return [await throttle.enter() for _ in range(count)]


def test_a_round_of_failures_halves_the_calls_once_and_rounds_of_answers_add_one_each():
    async def play() -> list[float]:
        throttle = Throttle(16, Clock())
        began = await enter(throttle, 16)
        for start in began:
            throttle.overloaded(start, None)
            throttle.leave()
        seen = [throttle.limit]
        for _ in range(3):
            for _ in range(int(throttle.limit)):
                throttle.succeeded()
            seen.append(throttle.limit)
        throttle.overloaded(await throttle.enter(), None)
        seen.append(throttle.limit)
        return seen

    cut, *grown, again = asyncio.run(play())
    assert cut == 8
    assert grown == pytest.approx([9, 10, 11], abs=0.35)
    assert again == pytest.approx(grown[-1] / 2)


def test_no_more_calls_are_under_way_than_the_limit_and_every_one_gets_its_turn():
    async def play() -> tuple[int, int]:
        throttle, under_way, most, done = Throttle(3, Clock()), 0, 0, 0

        async def one() -> None:
            nonlocal under_way, most, done
            await throttle.enter()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            done += 1
            throttle.leave()

        await asyncio.wait_for(asyncio.gather(*(one() for _ in range(50))), timeout=60)
        return most, done

    assert asyncio.run(play()) == (3, 50)


def test_while_the_server_asks_to_be_left_alone_nobody_enters():
    async def play() -> tuple[bool, bool]:
        throttle = Throttle(4, asyncio.get_running_loop().time)
        began = await throttle.enter()
        throttle.overloaded(began, 1.0)
        throttle.leave()
        waiting = asyncio.create_task(throttle.enter())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held = not waiting.done()
        await asyncio.wait_for(waiting, timeout=60)
        return held, waiting.done()

    assert asyncio.run(play()) == (True, True)


@given(st.integers(1, 300), st.lists(st.booleans(), max_size=200))
def test_the_limit_stays_between_one_and_the_most_whatever_happens(most, answers):
    async def play() -> None:
        throttle = Throttle(most, Clock())
        for good in answers:
            began = await throttle.enter()
            throttle.succeeded() if good else throttle.overloaded(began, None)
            throttle.leave()
            assert 1 <= throttle.limit <= most

    asyncio.run(play())


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
        ("Thu, 01 Jan 2026 12:00:30", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert seconds_to_wait(header, NOW) == seconds
