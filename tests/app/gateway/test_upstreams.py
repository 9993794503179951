"""Which models have a name, and which may be sent whose words."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

import pytest
from gateway_house import gateway

from selftune.app.gateway.exchange import Route
from selftune.app.gateway.keys import make_key
from selftune.app.gateway.serve import routing_of
from selftune.app.gateway.upstreams import Champion, Upstreams, routes_of
from selftune.errors import ConfigError, ServingError, UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.config import load_config
from selftune.loop.fronting import GatewayUpstream
from selftune.release.note import forget_idle, note_idle


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


def tool_with(schema):
    return {"type": "function", "function": {"name": "look", "description": "Finds jane@mail.example.", **schema}}


@pytest.mark.parametrize(
    "schema",
    [
        {"parameters": {"type": "object", "properties": {"jane@mail.example": {"type": "string"}}}},
        {"parameters": {"type": "object", "required": ["jane@mail.example"]}},
        {"parameters": {"type": "object", "properties": {"who": {"enum": ["jane@mail.example", "me"]}}}},
        {"parameters": {"type": "object", "properties": {"who": {"const": "jane@mail.example"}}}},
        {"name": "jane@mail.example"},
    ],
)
def test_a_secret_in_a_tools_names_or_schema_neither_leaves_nor_makes_another_tool_of_it(tmp_path, schema):
    assert ask_far(tmp_path, ConsentLevel.SEND, tools=[tool_with(schema)]) == (403, [])


def test_of_what_goes_beyond_this_machine_texts_alone_are_changed(tmp_path):
    schema = {
        "type": "object",
        "properties": {"who": {"type": "string", "pattern": r"^\S+@\S+$", "format": "email", "enum": ["a", "b"]}},
        "required": ["who"],
    }
    call_id = "call_4111111111111111"
    talk = [
        {"role": "system", "content": "data:image/ is how it begins; jane@mail.example is who asks."},
        {"role": "user", "content": [
            {"type": "text", "text": "I am jane@mail.example."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAjane@mail.exampleAAAA"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": call_id, "type": "function", "function": {
            "name": "look", "arguments": '{"who": "jane@mail.example"}'
        }}]},
        {"role": "tool", "tool_call_id": call_id, "content": "Jane is at jane@mail.example."},
    ]  # fmt: skip
    status, [body] = ask_far(
        tmp_path, ConsentLevel.SEND, messages=talk, tools=[tool_with({"parameters": schema})],
        tool_choice={"type": "function", "function": {"name": "look"}}, temperature=0.5,
    )  # fmt: skip
    expected = json.loads(json.dumps({"messages": talk}).replace("jane@mail.example", "[email-1]"))["messages"]
    expected[1]["content"][1] = talk[1]["content"][1]
    assert (status, body["messages"]) == (200, expected)
    [tool] = body["tools"]
    assert tool == tool_with({"parameters": schema}) | {"function": tool["function"]}
    assert tool["function"]["parameters"] == schema
    assert tool["function"]["description"] == "Finds [email-1]."
    assert (body["tool_choice"]["function"]["name"], body["temperature"]) == ("look", 0.5)


def test_where_the_champion_sleeps_a_client_is_told_how_to_wake_it(tmp_path):
    async def run():
        async with gateway(tmp_path) as house:
            house.routing.routes["champion"] = Upstreams(tmp_path, [], []).champion
            house.routing.pick = lambda alias, _: house.routing.routes[alias].route()
            answer = await house.chat()
            return answer.status, answer.headers["Retry-After"], (await answer.json())["error"]["message"]

    status, again, message = asyncio.run(run())
    # The official clients ask twice more: by then it is up.
    assert (status, again) == (503, "5")
    assert message == "the champion does not serve now. Run `selftune start` to start the active release."


def test_a_champion_that_ended_because_nobody_asked_is_started_once_by_who_asks(tmp_path):
    hidden = tmp_path / ".selftune"
    hidden.mkdir()
    begun = tmp_path / "begun"
    fake = f"import sys; open({str(begun)!r}, 'a').write(sys.argv[-1]); sys.stdin.read()"  # a FAKE start that fails
    champion = Champion(tmp_path, starting=(sys.executable, "-c", fake))

    def asked():
        with pytest.raises(ServingError) as refused:
            champion.route()
        return str(refused.value)

    assert "selftune start" in asked()
    note_idle(hidden)
    assert "It is being started: ask again" in asked()
    champion._started.wait(30)
    assert "selftune start" in asked()
    assert begun.read_text() == str(tmp_path)
    forget_idle(hidden)
    champion._start_again = 0.0
    assert "selftune start" in asked()


def test_what_is_held_back_from_the_log_leaves_this_machine_as_little(tmp_path):
    (tmp_path / "selftune.toml").write_text(
        '[project]\nname = "away"\n[capture]\nredact = ["email"]\nquarantine = ["iban"]\n'
        '[egress]\nallow = ["api.example"]\n'
        '[[gateway.upstreams]]\nname = "far"\nendpoint = "https://api.example/v1"\n'
    )
    routing = routing_of(tmp_path, load_config(tmp_path))
    assert set(routing.pick("far", "").redacts) == {"email", "iban"}
    routing.close()
