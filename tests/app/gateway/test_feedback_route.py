"""`/v1/feedback` as a client meets it, before a fake that says what became of each word."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession
from gateway_house import FakeCapture, FakeRouting

from selftune.app.gateway.capture.feedback import PATH, add_feedback
from selftune.app.gateway.capture.talk import Verdict
from selftune.app.gateway.counting import Counts
from selftune.app.gateway.keys import KeyRing, Scope, make_key
from selftune.app.gateway.server import serving
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection

GOOD = {"completion_id": "cmpl-1", "thumbs": "up", "comment": "Thanks."}


class FakeHearing:
    """Remembers words, and says of each what a test told it to."""

    def __init__(self, verdict):
        self.words, self.verdict = [], verdict

    async def say(self, word):
        self.words.append(word)
        return self.verdict


def ask(tmp_path, body, *, verdict=Verdict.KEPT, scopes=tuple(Scope), headers=None, **how):
    """Status, answer and what was heard; with a key unless `headers` says otherwise."""
    key, secret = make_key(tmp_path, "default", scopes=scopes)
    headers = {"Authorization": f"Bearer {secret}"} if headers is None else headers
    hearing = FakeHearing(verdict)

    async def go():
        gateway = serving(
            GatewaySection(port=0), keys=KeyRing(tmp_path), consent=ConsentLevel.TRAIN, routing=FakeRouting({}),
            capture=FakeCapture(), counts=Counts(), add=lambda gateway: add_feedback(gateway, hearing),
        )  # fmt: skip
        async with gateway as port, ClientSession() as client:
            sent = how or {"json": body}
            async with client.post(f"http://127.0.0.1:{port}{PATH}", headers=headers, **sent) as said:
                return said.status, await said.json(), dict(said.headers)

    status, told, answered = asyncio.run(go())
    assert all(word.key_id == key.id for word in hearing.words)
    return status, told, hearing.words, answered


def test_a_word_is_taken_under_the_key_that_says_it(tmp_path):
    status, told, words, _ = ask(tmp_path, GOOD)
    assert status == 200
    assert (told["object"], told["completion_id"]) == ("feedback", "cmpl-1")
    assert [(word.thumbs, word.comment) for word in words] == [(1, "Thanks.")]
    assert told["id"] == f"fb-{words[0].id}"


@pytest.mark.parametrize(("verdict", "expected"), [(Verdict.FOREIGN, 403), (Verdict.FULL, 503), (Verdict.GONE, 503)])
def test_what_was_not_put_on_record_is_said(tmp_path, verdict, expected):
    status, told, _, headers = ask(tmp_path, GOOD, verdict=verdict)
    assert status == expected
    assert told["error"]["message"]
    assert ("Retry-After" in headers) is (expected == 503)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"headers": {}}, 401),
        ({"headers": {"Authorization": "Bearer st-guessed"}}, 401),
        ({"scopes": (Scope.CHAT,)}, 403),
        ({"data": b"{broken", "type": "application/json"}, 400),
        ({"data": b'{"completion_id": "x", "comment": "\\ud800"}', "type": "application/json"}, 400),
        ({"data": b"[1]", "type": "application/json"}, 400),
        ({"data": b"thumbs=up", "type": "application/x-www-form-urlencoded"}, 415),
        ({"body": {"completion_id": "c"}}, 400),
    ],
)
def test_what_is_no_word_of_a_known_key_is_refused_and_not_heard(tmp_path, how, expected):
    kind = how.pop("type", None)
    if kind is not None:
        key_headers = {"Content-Type": kind}
        _, secret = make_key(tmp_path, "typed")
        how["headers"] = {"Authorization": f"Bearer {secret}"} | key_headers
    status, told, words, _ = ask(tmp_path, how.pop("body", GOOD), **how)
    assert status == expected
    assert told["error"]["message"]
    assert words == []
