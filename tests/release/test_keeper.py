"""The keeper from the inside: its loop runs in the test, its model servers are threads."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import pytest

from selftune.errors import DamagedFileError, ServingError
from selftune.governance.keys import seal_build
from selftune.ledger.keys import make_machine_key
from selftune.records import FileDigest, digest_bytes
from selftune.release import supervisor
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.release.manifest import Manifest, Pointer, place_files, read_manifest, read_pointer, write_pointer
from selftune.release.note import ended_idle, read_note
from selftune.release.supervisor import Keeper, Terms
from selftune.testing import FakeServed, MemoryBlobs, fake_build, fake_proof


class Servers:
    """Starts a server thread per build and counts; `refuse` names the words of files that do not start."""

    def __init__(self):
        self.started, self.running, self.most_running = [], 0, 0
        self.hangs = set()
        self.let_go = threading.Event()
        self.restarted = threading.Event()  # after one that hangs
        self.refuse = set()
        self.arrived = threading.Event()
        self.streamed = threading.Event()
        self.breaks_off = False
        self.blocked = threading.Event()
        self.blocked.set()

    @contextmanager
    def __call__(self, manifest, files, *, logs):
        build, slots = manifest.build, manifest.slots
        words = files[build.file("model.gguf").digest].read_text()
        if words in self.refuse:
            raise ServingError("refused.", next_step="None.")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if words in outer.hangs:
                    outer.let_go.wait()
                self._say({})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.arrived.set()
                if body.get("stream"):
                    self._stream()
                    return
                outer.blocked.wait()
                self._say({"choices": [{"message": {"content": words}}]})

            def _stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", "12")
                self.end_headers()
                self.wfile.write(b"first,")
                outer.blocked.wait()
                if outer.breaks_off:
                    self.close_connection = True
                    return
                with suppress(ConnectionError):
                    self.wfile.write(b"second")
                    outer.streamed.set()

            def _say(self, value):
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        served = FakeServed(lambda request: words, fake_proof(build, slots=slots))
        served.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        served.kill = lambda: (server.shutdown(), server.server_close())
        self._count(served)
        try:
            yield served
        finally:
            self.running -= 1
            server.shutdown()
            server.server_close()

    def _count(self, served):
        self.started.append(served)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if self.hangs:
            self.restarted.set()


@pytest.fixture
def hidden(tmp_path):
    folder = tmp_path / ".selftune"
    folder.mkdir()
    return folder


def place(hidden, number, words, *, fallback=None):
    blobs = MemoryBlobs(hidden / "blobs")
    digest = blobs.put_bytes(words.encode())
    build = fake_build(words, files=(FileDigest(name="model.gguf", digest=digest, size_bytes=len(words)),))
    name = f"m_b_v1.{number}"
    manifest = Manifest(
        name=name,
        version=f"v1.{number}",
        generation=number,
        alias="selftune",
        build=build,
        proof=fake_proof(build),
        slots=1,
        fallback=fallback,
    )
    place_files(manifest, blobs, hidden)
    return name


def run(hidden, servers, story, *, fits=lambda manifest: True, beat=0.02, **terms):
    """Run a keeper and, once it is up, the story; returns what the story returns."""

    async def main():
        keeper = Keeper(hidden, start=servers, terms=Terms(fits=fits, beat=beat, **terms))
        up = asyncio.Event()
        problems = []
        running = asyncio.create_task(keeper.run(lambda problem: (problems.append(problem), up.set())))
        ready = asyncio.create_task(up.wait())
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            ready.cancel()
            return await running
        try:
            return await story(keeper) if story else problems[0]
        finally:
            keeper.stop()
            await running

    return asyncio.run(main())


def look_closely(keeper):
    """Hold from now on what is silent for a moment to hang: before, a busy machine had made what is well look so."""
    keeper._terms = replace(keeper._terms, probe=0.05)


async def happens(event):
    """Wait until a thread has set this."""
    assert await asyncio.to_thread(event.wait, 60)


async def ask(hidden, text="Hello."):
    note = read_note(hidden)
    body = {"messages": [{"role": "user", "content": text}]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{note.address}/chat/completions", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return (await answer.json())["choices"][0]["message"]["content"]


def test_models_that_do_not_fit_together_are_switched_one_after_the_other(hidden):
    servers = Servers()
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two", fallback="m_b_v1.0")

    async def story(keeper):
        await keeper.switch(first)
        done = await keeper.switch(second)
        return done.gap_seconds, await ask(hidden)

    gap, answer = run(hidden, servers, story, fits=lambda manifest: False)
    assert gap > 0
    assert answer == "two"
    assert servers.most_running == 1
    assert servers.running == 0


def test_old_model_comes_back_when_the_new_one_fails_in_its_place(hidden):
    servers = Servers()
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two")
    servers.refuse = {"two"}

    async def story(keeper):
        await keeper.switch(first)
        with pytest.raises(ServingError, match="refused"):
            await keeper.switch(second)
        return await ask(hidden)

    assert run(hidden, servers, story, fits=lambda manifest: False) == "one"
    assert read_pointer(hidden).active == first


def test_request_that_waits_is_answered_by_the_old_model_before_it_goes(hidden):
    servers = Servers()
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two")

    async def story(keeper):
        await keeper.switch(first)
        servers.blocked.clear()
        waiting = asyncio.create_task(ask(hidden))
        await happens(servers.arrived)
        await keeper.switch(second)
        before = servers.running
        servers.blocked.set()
        return await waiting, before, await ask(hidden)

    assert run(hidden, servers, story) == ("one", 2, "two")
    assert servers.running == 0


def test_switch_to_what_serves_already_starts_nothing(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")

    async def story(keeper):
        return await keeper.switch(first), await keeper.switch(first)

    once, twice = run(hidden, servers, story)
    assert once == twice
    assert len(servers.started) == 1


def test_crashed_server_is_started_again_and_waiting_requests_are_answered(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")

    async def story(keeper):
        await keeper.switch(first)
        for _ in range(2):
            await asyncio.to_thread(servers.started[-1].kill)
            assert await ask(hidden) == "one"
        return len(servers.started)

    assert run(hidden, servers, story) == 3


def test_a_server_that_dies_before_whoever_waited_for_it_gets_its_turn_is_waited_for_anew(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")

    async def borrowed(keeper):
        async with keeper.borrow() as behind:
            return behind

    async def story(keeper):
        await keeper.switch(first)
        dead = keeper._child
        keeper._restart(dead)
        waiting = asyncio.create_task(borrowed(keeper))
        for _ in range(5):
            await asyncio.sleep(0)
        # There is one again, and it is gone before the loop comes round to the one who waits.
        keeper._set_child(dead)
        keeper._restart(dead)
        return await waiting is dead

    assert run(hidden, servers, story) is False


def test_release_that_dies_again_and_again_is_taken_back(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    second = place(hidden, 1, "two", fallback=first)

    async def story(keeper):
        await keeper.switch(first)
        await keeper.switch(second)
        answers = []
        for _ in range(4):
            answers.append(await ask(hidden))
            await asyncio.to_thread(servers.started[-1].kill)
        return [*answers, await ask(hidden)], read_note(hidden)

    answers, note = run(hidden, servers, story)
    assert answers == ["two", "two", "two", "one", "one"]
    assert (note.version, note.problem) == ("v1.0", "v1.1 died 3 times; the release before it serves by itself.")
    pointer = read_pointer(hidden)
    assert (pointer.active, pointer.left) == (first, second)


def test_one_death_that_several_notice_is_counted_once(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    second = place(hidden, 1, "two", fallback=first)

    async def story(keeper):
        await keeper.switch(first)
        await keeper.switch(second)
        async with keeper.borrow() as child:
            await asyncio.to_thread(servers.started[-1].kill)
            await asyncio.gather(*(keeper.report_gone(child) for _ in range(3)))
        return await ask(hidden)

    assert run(hidden, servers, story, beat=60) == "two"


def test_release_that_hangs_is_taken_back_at_once(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    second = place(hidden, 1, "two", fallback=first)

    async def story(keeper):
        await keeper.switch(first)
        await keeper.switch(second)
        servers.hangs.add("two")
        look_closely(keeper)
        await happens(servers.restarted)
        answer = await ask(hidden)
        servers.let_go.set()
        return answer, [one.proof.model_digest for one in servers.started], read_note(hidden).problem

    answer, proofs, problem = run(hidden, servers, story, probe=1.0)
    assert answer == "one"
    assert proofs[0] == proofs[2] != proofs[1]
    assert "v1.1 does not answer" in problem


def test_hanging_release_with_none_before_it_is_started_again(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")

    async def story(keeper):
        await keeper.switch(first)
        servers.hangs.add("one")
        look_closely(keeper)
        await happens(servers.restarted)
        keeper._terms = replace(keeper._terms, probe=5.0)
        servers.hangs.clear()
        servers.let_go.set()
        return await ask(hidden)

    assert run(hidden, servers, story, probe=1.0) == "one"
    assert read_pointer(hidden).left is None


def test_a_hang_is_known_early_enough_to_be_back_within_half_a_minute():
    assert Terms(fits=lambda manifest: True).notices_within <= 17


def test_pauses_between_restarts_grow_and_have_a_limit():
    pauses = [supervisor.pause_before(crashes) for crashes in range(12)]
    assert pauses[:5] == [0, 0, 0.5, 1, 2]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30


def test_pointer_that_cannot_be_written_leaves_the_old_model_and_no_second_server(hidden):
    servers = Servers()
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two")

    async def story(keeper):
        await keeper.switch(first)
        (hidden / "active.json").unlink()
        (hidden / "active.json").mkdir()
        with pytest.raises(ServingError, match="can't be written"):
            await keeper.switch(second)
        return await ask(hidden), servers.running

    assert run(hidden, servers, story) == ("one", 1)


def test_idle_keeper_goes_by_itself(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    write_pointer(Pointer(active=first), hidden)

    async def main():
        keeper = Keeper(hidden, start=servers, terms=Terms(fits=lambda manifest: True, idle=0.05, beat=0.02))
        await asyncio.wait_for(keeper.run(lambda problem: None), 60)

    asyncio.run(main())
    assert servers.running == 0
    assert read_note(hidden) is None
    assert ended_idle(hidden)
    LiveServer(Target(folder=str(hidden.parent), project="p", base="b")).stop()
    assert not ended_idle(hidden)


def test_keeper_serves_the_fallback_of_a_damaged_release_and_says_so(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    second = place(hidden, 1, "two", fallback=first)
    write_pointer(Pointer(active=second, fallback=first), hidden)
    (hidden / "models" / f"{second}.gguf").unlink()

    async def story(keeper):
        return await ask(hidden), read_note(hidden)

    answer, note = run(hidden, servers, story)
    assert answer == "one"
    assert note.version == "v1.0"
    assert "missing" in note.problem


@pytest.mark.parametrize("text", ["", "{", "[]", '{"active": 3}'])
def test_damaged_pointer_is_named(hidden, text):
    (hidden / "active.json").write_text(text)
    problem = run(hidden, Servers(), None)
    assert isinstance(problem, DamagedFileError)
    assert "active.json" in problem.message


def test_server_that_was_upgraded_since_the_evaluation_serves_after_a_restart_but_is_not_released(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")
    path = hidden / "models" / f"{first}.json"
    path.write_text(
        path.read_text()
        .replace('"server":"fake 1"', '"server":"fake 0"')
        .replace(digest_fingerprint("one"), "sha256:older")
    )

    async def release_it(keeper):
        with pytest.raises(ServingError, match="fingerprint"):
            await keeper.switch(first)

    run(hidden, servers, release_it)
    write_pointer(Pointer(active=first), hidden)

    async def start_it(keeper):
        return await ask(hidden)

    assert run(hidden, servers, start_it) == "one"


def digest_fingerprint(words):
    build = fake_build(words, files=(FileDigest(name="model.gguf", digest=digest_bytes(words.encode()), size_bytes=1),))
    return fake_proof(build).fingerprint


def test_request_that_is_too_large_is_refused_and_the_model_lives(hidden):
    servers = Servers()
    first = place(hidden, 0, "one")

    async def story(keeper):
        await keeper.switch(first)
        note = read_note(hidden)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{note.address}/chat/completions", data=b" " * (9 << 20)) as answer,
        ):
            return answer.status, await ask(hidden)

    assert run(hidden, servers, story) == (413, "one")


async def stream(hidden, servers, keeper):
    """Begin a streamed answer; what has come of it when its first part has."""
    await keeper.switch(place(hidden, 0, "one"))
    servers.blocked.clear()
    session = aiohttp.ClientSession()
    body = {"messages": [{"role": "user", "content": "Hello."}], "stream": True}
    answer = await session.post(f"{read_note(hidden).address}/chat/completions", json=body)
    assert answer.content_type == "text/event-stream"
    assert await answer.content.readexactly(6) == b"first,"
    return session, answer


def test_streamed_answer_comes_through_as_it_is_written(hidden):
    servers = Servers()

    async def story(keeper):
        session, answer = await stream(hidden, servers, keeper)
        assert not servers.streamed.is_set()
        servers.blocked.set()
        async with session:
            return await answer.content.read()

    assert run(hidden, servers, story) == b"second"


def test_answer_that_breaks_off_is_seen_to_break_off(hidden):
    servers = Servers()
    servers.breaks_off = True

    async def story(keeper):
        session, answer = await stream(hidden, servers, keeper)
        servers.blocked.set()
        async with session:
            with pytest.raises(aiohttp.ClientError):
                await answer.content.read()
        return await ask(hidden)

    assert run(hidden, servers, story) == "one"


def test_client_that_goes_away_frees_its_place(hidden):
    servers = Servers()

    async def story(keeper):
        session, answer = await stream(hidden, servers, keeper)
        child = keeper._child
        assert child.in_flight == 1
        answer.close()
        await session.close()
        await asyncio.wait_for(child.quiet.wait(), 60)
        servers.blocked.set()
        return await ask(hidden)

    assert run(hidden, servers, story) == "one"


def test_nothing_released_yet_is_said_after_a_wait(hidden):
    async def story(keeper):
        note = read_note(hidden)
        async with aiohttp.ClientSession() as session, session.get(f"{note.address}/models") as answer:
            return answer.status, answer.headers["Retry-After"]

    assert run(hidden, Servers(), story, patience=0.01) == (503, "5")


def test_manifests_survive_the_round_trip(hidden):
    from selftune.release.manifest import read_manifest

    name = place(hidden, 3, "three", fallback="m_b_v1.2")
    manifest = read_manifest(name, hidden)
    assert replace(manifest) == manifest
    assert (manifest.version, manifest.fallback) == ("v1.3", "m_b_v1.2")


def rewrite(hidden, name, change):
    path = hidden / "models" / f"{name}.json"
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def served_once(hidden, *names):
    """Serve each of these in turn, so that the keeper knows them, and stop."""

    async def story(keeper):
        for name in names:
            await keeper.switch(name)

    run(hidden, Servers(), story)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["build"].update(system_prompt="Obey."),
        lambda body: body["build"]["generation"].update(temperature=1.5),
        lambda body: body.update(alias="another"),
        lambda body: body.update(proof=None),
    ],
)
def test_manifest_that_was_rewritten_since_it_served_is_refused_and_the_release_before_serves(hidden, change):
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two", fallback="m_b_v1.0")
    served_once(hidden, first, second)
    rewrite(hidden, second, change)

    async def story(keeper):
        with pytest.raises(DamagedFileError, match="not what was released under that name"):
            await keeper.switch(second)
        return await ask(hidden), read_note(hidden).problem

    answer, problem = run(hidden, Servers(), story)
    assert answer == "one"
    assert f"{second}.json was rewritten" in problem


def test_manifest_of_a_release_long_left_is_held_against_what_it_was_too(hidden):
    names = [place(hidden, number, words) for number, words in enumerate(("one", "two", "three"))]
    served_once(hidden, *names)
    rewrite(hidden, names[0], lambda body: body["build"].update(system_prompt="Obey."))

    async def story(keeper):
        with pytest.raises(DamagedFileError, match="rewritten"):
            await keeper.switch(names[0])
        return await ask(hidden)

    assert run(hidden, Servers(), story) == "three"


def test_older_manifest_under_a_newer_name_is_refused(hidden):
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two")
    models = hidden / "models"
    (models / f"{second}.json").write_bytes((models / f"{first}.json").read_bytes())

    async def story(keeper):
        with pytest.raises(DamagedFileError, match="rewritten"):
            await keeper.switch(second)

    run(hidden, Servers(), story)


def test_where_the_project_has_a_key_only_builds_that_bear_its_seal_serve(hidden):
    key = make_machine_key(hidden / "keys")
    first, second = place(hidden, 0, "one"), place(hidden, 1, "two")
    sealed = seal_build(fake_build("one", files=read_manifest(first, hidden).build.files), key)
    rewrite(hidden, first, lambda body: body["build"].update(manifest_signature=sealed.manifest_signature))

    async def story(keeper):
        await keeper.switch(first)
        with pytest.raises(DamagedFileError, match="does not bear this project's seal"):
            await keeper.switch(second)
        return await ask(hidden)

    assert run(hidden, Servers(), story) == "one"
