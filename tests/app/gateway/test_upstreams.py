"""Which models have a name, and which may be sent whose words."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from gateway_house import gateway

from selftune.app.gateway.exchange import Route
from selftune.app.gateway.keys import make_key
from selftune.app.gateway.serve import routing_of
from selftune.app.gateway.upstreams import Upstreams, routes_of
from selftune.errors import ConfigError, ServingError, UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.config import load_config
from selftune.loop.fronting import GatewayUpstream


def test_endpoints_of_others_go_by_their_names(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "secret")
    ollama = GatewayUpstream(name="small", endpoint="http://127.0.0.1:11434/v1/", model="qwen3:4b")
    far = GatewayUpstream(name="far", endpoint="https://api.example/v1", api_key_env="OTHER_KEY")
    routes = routes_of([ollama, far], ["api.example"])
    assert (routes["small"].address, routes["small"].model, routes["small"].redacts) == (
        "http://127.0.0.1:11434/v1",
        "qwen3:4b",
        None,
    )
    assert (routes["far"].model, routes["far"].authorization) == ("far", "Bearer secret")
    assert routes["far"].redacts
    assert "secret" not in repr(routes)


@pytest.mark.parametrize(
    ("upstream", "why"),
    [
        (GatewayUpstream(name="champion", endpoint="http://127.0.0.1:1/v1"), "taken"),
        (GatewayUpstream(name="", endpoint="http://127.0.0.1:1/v1"), "taken"),
        (GatewayUpstream(name="far", endpoint="https://api.example/v1"), r"\[egress\]"),
        (GatewayUpstream(name="odd", endpoint="file:///etc/passwd"), "address"),
        (GatewayUpstream(name="odd", endpoint="http://user@127.0.0.1/v1"), "address"),
        (GatewayUpstream(name="keyed", endpoint="http://127.0.0.1:1/v1", api_key_env="NOT_SET"), "not set"),
    ],
)
def test_names_that_are_taken_and_places_that_are_not_allowed_are_refused(upstream, why):
    with pytest.raises(ConfigError, match=why):
        routes_of([upstream], [])


def test_a_name_that_nobody_has_is_told_from_a_model_that_does_not_serve(tmp_path):
    routing = Upstreams(tmp_path, [GatewayUpstream(name="small", endpoint="http://127.0.0.1:1/v1")], [])
    assert routing.aliases() == ("champion", "small")
    with pytest.raises(UnknownNameError, match="small"):
        routing.pick("smal", "")
    with pytest.raises(ServingError, match="selftune start"):
        routing.pick("champion", "")


def test_words_go_beyond_this_machine_by_consent_alone_and_without_secrets(tmp_path):
    async def run():
        def beyond(fake):
            [route] = routes_of([GatewayUpstream(name="far", endpoint=fake.address)], []).values()
            return {"far": replace(route, redacts=("email",))}

        async with gateway(tmp_path, routes=beyond, consent=ConsentLevel.SEND) as house:
            words = "I am jane@mail.example."
            told = [(await house.chat(words, model="far")).status]
            for level in (ConsentLevel.TRAIN, ConsentLevel.SEND):
                _, secret = make_key(tmp_path, level.value, consent=level)
                headers = {"Authorization": f"Bearer {secret}"}
                told.append((await house.chat(words, model="far", headers=headers)).status)
            return told, house.fake.bodies

    told, bodies = asyncio.run(run())
    assert told == [403, 403, 200]
    assert [body["messages"][0]["content"] for body in bodies] == ["I am [email-1]."]
    assert bodies[0]["model"] == "far"


def far(fake):
    """A route to the fake that counts as one beyond this machine."""
    return {"far": Route(upstream="far", address=fake.address, redacts=("email",))}


def ask_far(tmp_path, consent, **fields):
    """Status, and what the far upstream was sent, of a key that may send."""

    async def run():
        async with gateway(tmp_path, routes=far, consent=consent) as house:
            _, secret = make_key(tmp_path, "loose", consent=ConsentLevel.SEND)
            told = await house.chat(model="far", headers={"Authorization": f"Bearer {secret}"}, **fields)
            return told.status, house.fake.bodies

    return asyncio.run(run())


@pytest.mark.parametrize("consent", [ConsentLevel.KEEP, ConsentLevel.TRAIN])
def test_no_key_may_more_than_the_project(tmp_path, consent):
    assert ask_far(tmp_path, consent) == (403, [])


def test_the_names_of_fields_hold_no_secrets_either(tmp_path):
    schema = {
        "type": "object",
        "properties": {"jane@mail.example": {"type": "string"}},
        "required": ["jane@mail.example"],
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    status, [body] = ask_far(tmp_path, ConsentLevel.SEND, tools=[tool])
    sent = body["tools"][0]["function"]["parameters"]
    assert (status, list(sent["properties"]), sent["required"]) == (200, ["[email-1]"], ["[email-1]"])


def test_what_is_held_back_from_the_log_leaves_this_machine_as_little(tmp_path):
    (tmp_path / "selftune.toml").write_text(
        '[project]\nname = "away"\n[capture]\nredact = ["email"]\nquarantine = ["iban"]\n'
        '[egress]\nallow = ["api.example"]\n'
        '[[gateway.upstreams]]\nname = "far"\nendpoint = "https://api.example/v1"\n'
    )
    routing = routing_of(tmp_path, load_config(tmp_path))
    assert set(routing.pick("far", "").redacts) == {"email", "iban"}
    routing.close()
