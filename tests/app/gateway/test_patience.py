"""How long an answer waits for what is beside it, where one timer serves all that wait."""

from __future__ import annotations

import asyncio

from selftune.app.gateway.patience import Patience, release

MINUTE = 60


def test_who_waits_is_let_go_of_when_the_time_is_over_also_behind_one_that_was_done_before():
    async def run():
        patience = Patience(0.01)
        early, late = patience.begin(), patience.begin()
        release(early)
        release(early)  # a second word changes nothing
        await asyncio.wait_for(late, MINUTE)
        again = patience.begin()  # nobody waited in between, so the timer was gone
        await asyncio.wait_for(again, MINUTE)

    asyncio.run(run())


def test_who_gave_up_holds_nobody_up():
    async def run():
        patience = Patience(0.01)
        given_up, other = patience.begin(), patience.begin()
        given_up.cancel()
        await asyncio.wait_for(other, MINUTE)
        return given_up.cancelled()

    assert asyncio.run(run())


def test_a_long_wait_ends_with_the_first_word_and_not_with_the_timer():
    async def run():
        patience = Patience(100 * MINUTE)
        waited = patience.begin()
        release(waited)
        await asyncio.wait_for(waited, MINUTE)

    asyncio.run(run())
