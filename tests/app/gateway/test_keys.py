"""Keys of clients: what is kept of them, what they open, and how often."""

from __future__ import annotations

import asyncio
import json
import stat

import pytest
from gateway_house import gateway

from selftune.app.gateway.keys import KeyRing, Scope, make_key, read_keys, revoke_key
from selftune.app.gateway.limits import Limits
from selftune.errors import ConfigError, DamagedFileError, UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection


def test_the_file_of_keys_opens_nothing_and_is_its_owners_alone(tmp_path):
    key, secret = make_key(tmp_path, "phone")
    file = tmp_path / "gateway" / "keys.json"
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_keys(tmp_path) == (key,)
    assert KeyRing(tmp_path).find(secret) == key
    assert KeyRing(tmp_path).find(secret[:-1]) is None
    assert KeyRing(tmp_path).find(key.digest) is None


def test_a_revoked_key_is_known_as_one_within_half_a_second(tmp_path, monkeypatch):
    _, secret = make_key(tmp_path, "phone")
    ring, now = KeyRing(tmp_path), [100.0]
    monkeypatch.setattr("selftune.app.gateway.keys.time.monotonic", lambda: now[0])
    assert ring.find(secret).revoked_at is None
    revoke_key(tmp_path, "phone")
    now[0] += 0.6
    assert ring.find(secret).revoked_at is not None


def test_names_are_taken_once_and_free_again_when_revoked(tmp_path):
    make_key(tmp_path, "phone")
    with pytest.raises(ConfigError, match="already"):
        make_key(tmp_path, "phone")
    revoke_key(tmp_path, "phone")
    make_key(tmp_path, "phone")
    with pytest.raises(UnknownNameError, match="phone"):
        revoke_key(tmp_path, "fone")
    with pytest.raises(ConfigError, match="opens nothing"):
        make_key(tmp_path, "tablet", scopes=())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": [{"id": 5}]}'])
def test_a_damaged_file_of_keys_is_named_and_lets_nobody_in(tmp_path, text):
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "keys.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"keys\.json"):
        read_keys(tmp_path)

    async def run():
        async with gateway(tmp_path) as house:
            told = await house.chat(headers={"Authorization": "Bearer st-x"})
            return told.status, house.fake.asked

    assert asyncio.run(run()) == (503, [])


def test_a_bucket_fills_at_its_rate():
    clock = [0.0]
    limits = Limits(lambda: clock[0])
    assert [limits.wait_for("a", 12) for _ in range(2)] == [0.0, 0.0]
    assert limits.wait_for("a", 12) == pytest.approx(5.0)
    assert limits.wait_for("b", 12) == 0.0
    clock[0] = 5.0
    assert limits.wait_for("a", 12) == 0.0
    assert limits.wait_for("a", 12) == pytest.approx(5.0)
    assert all(limits.wait_for("c", 0) == 0.0 for _ in range(1000))


@pytest.mark.parametrize(
    ("project", "of_key", "header", "counts"),
    [
        ("train", None, None, "train"),
        ("send", "send", None, "send"),
        ("train", "send", None, "train"),
        ("keep", "send", "send", "keep"),
        ("send", "send", "keep", "keep"),
        ("send", "keep", "send", "keep"),
        ("train", None, "none", "none"),
        ("send", "no key", None, "keep"),
        ("train", "no key", "train", "keep"),
        ("train", "no key", "none", "none"),
    ],
)
def test_the_strictest_of_project_key_and_header_counts(tmp_path, project, of_key, header, counts):
    async def run():
        async with gateway(tmp_path, consent=ConsentLevel(project)) as house:
            headers = {} if header is None else {"X-Selftune-Consent": header}
            if of_key == "no key":
                headers["Authorization"] = "Bearer ollama"
            else:
                headers["Authorization"] = f"Bearer {make_key(tmp_path, 'phone', consent=of_key)[1]}"
            await (await house.chat(headers=headers)).read()
            return house.capture.kept[0]

    exchange = asyncio.run(run())
    assert exchange.consent == counts
    assert (exchange.key_id is None) is (of_key == "no key")


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    async def run():
        _, secret = make_key(tmp_path, "phone", requests_per_minute=6)
        async with gateway(tmp_path) as house:
            headers = {"Authorization": f"Bearer {secret}"}
            first, second = await house.chat(headers=headers), await house.chat(headers=headers)
            other = await house.chat()
            error = json.loads(await second.read())["error"]
            return first.status, second.status, second.headers["Retry-After"], error["code"], other.status

    assert asyncio.run(run()) == (200, 429, "10", "rate_limit_exceeded", 200)


def test_where_a_key_is_needed_nobody_is_served_without(tmp_path):
    async def run():
        _, secret = make_key(tmp_path, "phone", scopes=(Scope.CHAT,))
        async with gateway(tmp_path, settings=GatewaySection(require_key=True)) as house:
            headers = {"Authorization": f"Bearer {secret}"}
            without, with_key = await house.chat(), await house.chat(headers=headers)
            counts = await house.client.get(f"{house.url}/gateway/status", headers=headers)
            return without.status, without.headers["WWW-Authenticate"], with_key.status, counts.status

    assert asyncio.run(run()) == (401, "Bearer", 200, 403)


def test_whom_the_client_asks_for_and_where_is_handed_on(tmp_path):
    async def run():
        async with gateway(tmp_path) as house:
            names = {"User-Id": "jo", "Chat-Id": "c1", "Message-Id": "m1"}
            headers = {f"X-OpenWebUI-{name}": value for name, value in names.items()}
            # Who uses a web client may fill the field; the header is the client's own.
            await (await house.chat(headers=headers, user="somebody else")).read()
            return house.capture.kept[0], house.routing.sticky, house.fake.asked[0][2]

    exchange, sticky, seen = asyncio.run(run())
    assert (exchange.user, exchange.conversation, exchange.message_id) == ("jo", "c1", "m1")
    assert sticky == ["jo"]
    assert not any(name.lower().startswith(("x-", "authorization", "cookie")) for name in seen)
