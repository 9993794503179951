"""A keeper that is asked to rest: nothing serves, the address stays, and it wakes even if nobody wakes it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path

import aiohttp
import psutil
import pytest
from test_keeper import Servers, ask, place, run
from test_live_release import serve

from selftune.errors import ServingError
from selftune.release.live import LiveServer
from selftune.release.manifest import Pointer, write_pointer
from selftune.release.note import read_note
from selftune.release.resting import Rest, rest_of_ours

WHY = "a training needs the device"
KEEPER = (sys.executable, str(Path(__file__).with_name("fake_keeper.py")))
# What is healthy has this long to start too, and a busy machine has needed more than four seconds for a small Python.
PATIENCE = 10.0


def make_hang(hidden, how, words):
    """From now on the fake server of these words hangs: `silent` before it is up, `deaf` after."""
    (hidden / "models" / "hangs").write_text(f"{how}: {words}")


@pytest.fixture
def hidden(tmp_path):
    folder = tmp_path / ".selftune"
    folder.mkdir()
    write_pointer(Pointer(active=place(folder, 0, "one")), folder)
    return folder


def rest_of_somebody_gone():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    rest = Rest(why=WHY, pid=process.pid, start_time=psutil.Process(process.pid).create_time())
    process.wait()
    return rest


def test_a_rest_lets_go_of_the_model_says_so_at_the_address_and_ends_when_told(hidden):
    servers = Servers()

    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, None))
        assert servers.running == 0
        note = read_note(hidden)
        assert (note.version, note.resting) == (None, WHY)
        body = {"messages": [{"role": "user", "content": "Hello."}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{note.address}/chat/completions", json=body) as answer,
        ):
            assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert answer.headers["Retry-After"]
            assert WHY in await answer.text()
        await keeper.wake()
        await keeper.wake()
        assert read_note(hidden).resting is None
        return await ask(hidden), servers.running

    assert run(hidden, servers, story) == ("one", 1)


def test_a_rest_ends_by_itself_when_its_time_is_up_though_who_asked_still_lives(hidden):
    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, 0.0))
        return await ask(hidden)  # waits until it serves

    assert run(hidden, Servers(), story) == "one"


def test_a_rest_ends_by_itself_when_who_asked_was_killed(hidden):
    async def story(keeper):
        await keeper.rest(rest_of_somebody_gone())
        return await ask(hidden)

    assert run(hidden, Servers(), story) == "one"


def test_a_rest_goes_on_while_who_asked_lives_and_its_time_is_not_up(hidden):
    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, 3600.0))
        await keeper._wake_when_over()  # what every beat does
        return read_note(hidden).resting

    assert run(hidden, Servers(), story, beat=3600.0) == WHY


def test_a_release_in_the_middle_of_a_rest_ends_it(hidden):
    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, None))
        await keeper.switch(place(hidden, 1, "two"))
        return await ask(hidden), read_note(hidden).resting

    assert run(hidden, Servers(), story) == ("two", None)


def test_what_does_not_wake_is_served_by_the_release_before_it_and_the_note_says_why(hidden):
    servers = Servers()
    write_pointer(Pointer(active=place(hidden, 1, "two", fallback="m_b_v1.0"), fallback="m_b_v1.0"), hidden)

    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, None))
        servers.refuse.add("two")
        await keeper.wake()
        return await ask(hidden), read_note(hidden).problem

    assert run(hidden, servers, story) == ("one", "refused.")


def test_where_nothing_wakes_the_reason_is_raised_and_the_address_stays_for_another_release(hidden):
    servers = Servers()

    async def story(keeper):
        await keeper.rest(rest_of_ours(WHY, None))
        servers.refuse.add("one")
        with pytest.raises(ServingError):
            await keeper.wake()
        note = read_note(hidden)
        assert (note.problem, note.resting) == ("refused.", None)
        await keeper.switch(place(hidden, 1, "two"))
        return await ask(hidden)

    assert run(hidden, servers, story) == "two"


def test_a_command_lets_the_server_rest_and_start_wakes_it_at_the_same_address(house):
    serve(house, house.base())
    before = house.live.status()
    house.live.rest(WHY)
    resting = house.live.status()
    assert (resting.version, resting.resting, resting.pid) == (None, WHY, before.pid)
    assert psutil.Process(resting.pid).children() == []
    with pytest.raises(ServingError, match=WHY):
        house.live.ask("Who are you?")
    awake = house.live.start()
    assert (awake.version, awake.address, awake.pid, awake.resting) == ("v1.0", before.address, before.pid, None)
    assert house.live.ask("Who are you?") == "I am base."


def test_nothing_rests_where_nothing_serves(house):
    with pytest.raises(ServingError, match="nothing serves"):
        house.live.rest(WHY)


@pytest.mark.parametrize("how", ["silent", "deaf"])
def test_what_hangs_while_it_wakes_is_ended_in_bounded_time_and_the_release_before_it_serves(house, how):
    live = house.live = LiveServer(house.target, keeper=KEEPER, patience=PATIENCE)
    first = serve(house, house.base())
    serve(house, house.promotion("better", first))
    live.rest(WHY)
    make_hang(house.target.hidden, how, "better")
    began = time.monotonic()
    awake = live.start()
    assert PATIENCE < time.monotonic() - began < 4 * PATIENCE
    assert awake.version == "v1.0"
    assert f"v1.1 did not answer within {PATIENCE:.0f} s of its start, and was ended" in awake.problem
    assert live.ask("Who are you?") == "I am base."
    assert len(psutil.Process(awake.pid).children()) == 1


def test_a_release_that_hangs_while_it_is_switched_to_is_ended_and_the_old_one_serves_on(house):
    live = house.live = LiveServer(house.target, keeper=KEEPER, patience=PATIENCE)
    first = serve(house, house.base())
    make_hang(house.target.hidden, "deaf", "better")
    with pytest.raises(ServingError, match=r"v1\.1 did not answer within"):
        serve(house, house.promotion("better", first))
    assert live.ask("Who are you?") == "I am base."
    assert len(psutil.Process(live.status().pid).children()) == 1


def test_a_keeper_on_a_full_disk_rests_wakes_and_says_so(hidden, monkeypatch):
    def no_room(path, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    async def story(keeper):
        monkeypatch.setattr("selftune.release.note.publish_bytes", no_room)
        await keeper.rest(rest_of_ours(WHY, None))
        resting = read_note(hidden)
        await keeper.wake()
        return resting.resting, read_note(hidden).version, await ask(hidden)

    assert run(hidden, Servers(), story) == (WHY, "v1.0", "one")


def test_a_first_note_that_has_no_room_ends_the_keeper_with_the_next_step(hidden, monkeypatch):
    def no_room(path, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("selftune.release.note.publish_bytes", no_room)
    servers = Servers()
    with pytest.raises(ServingError, match=r"No space left on device.*Free some disk space"):
        run(hidden, servers, lambda _: None)
    assert servers.running == 0
