"""What the door makes of a client's request."""

from __future__ import annotations

import pytest

from selftune.context import ChatRequest
from selftune.errors import UsageError
from selftune.records import GenerationParameters, Message
from selftune.release.door import COMPLETIONS, EMBEDDINGS, is_stranger, request_body
from selftune.release.manifest import Manifest
from selftune.serving.client import AS_EVALUATED, LoopbackClient
from selftune.testing import fake_build

GENERATION = GenerationParameters(temperature=0.3, top_p=0.9, top_k=40, max_tokens=64, stop=("END",))
USER = {"role": "user", "content": "Hello."}


def manifest(**changes):
    build = fake_build("better", generation=GENERATION, **changes)
    return Manifest(
        name="a_b_v1.1", version="v1.1", generation=1, alias="selftune", build=build, proof=None, slots=1, fallback=None
    )


def test_request_through_the_door_is_the_one_the_evaluation_sent():
    request = ChatRequest(messages=(Message(role="user", content="Hello."),), seed=7)
    evaluated = LoopbackClient(1)._chat_body(request, GENERATION)
    through = request_body(manifest(), {"messages": [USER], "seed": 7}, AS_EVALUATED)
    assert through.pop("model") == "selftune-v1.1"
    assert through == evaluated


def test_adapter_is_asked_for_by_the_server_behind_and_never_by_the_client():
    wanted = {"messages": [USER], "lora": [{"id": 0, "scale": 0.0}]}
    assert request_body(manifest(), wanted, {"lora": [{"id": 0, "scale": 1.0}]})["lora"] == [{"id": 0, "scale": 1.0}]
    assert "lora" not in request_body(manifest(), wanted, {})


def test_server_that_keeps_models_by_name_is_asked_by_its_own():
    assert (
        request_body(manifest(), {"messages": [USER], "model": "other"}, {"model": "a_b_v1.1"})["model"] == "a_b_v1.1"
    )


def test_clients_parameters_win_over_the_builds_but_not_over_what_was_fixed():
    body = request_body(
        manifest(), {"messages": [USER], "temperature": 1.5, "min_p": 0.2, "cache_prompt": True}, AS_EVALUATED
    )
    assert (body["temperature"], body["min_p"], body["cache_prompt"]) == (1.5, 0.0, False)


def test_builds_prompt_goes_before_the_conversations_own():
    prompted = manifest(system_prompt="Be brief.")
    own = {"role": "system", "content": "State: none."}
    assert request_body(prompted, {"messages": [own, USER]}, {})["messages"] == [
        {"role": "system", "content": "Be brief.\n\nState: none."},
        USER,
    ]
    assert request_body(prompted, {"messages": [USER]}, {})["messages"] == [
        {"role": "system", "content": "Be brief."},
        USER,
    ]


@pytest.mark.parametrize("body", [None, [], {}, {"messages": "Hello."}, "x"])
def test_body_without_messages_is_refused(body):
    with pytest.raises(UsageError):
        request_body(manifest(), body, {})


def test_a_text_to_go_on_with_gets_the_builds_parameters_and_no_prompt():
    body = request_body(
        manifest(system_prompt="Be brief."), {"prompt": "Once", "id_slot": 3}, AS_EVALUATED, COMPLETIONS
    )
    assert (body["prompt"], body["temperature"], "messages" in body, "id_slot" in body) == ("Once", 0.3, False, False)


def test_a_text_to_embed_gets_no_parameters_of_an_answer():
    body = request_body(manifest(), {"input": "Once", "temperature": 1.0}, {}, EMBEDDINGS)
    assert body == {"input": "Once", "model": "selftune-v1.1"}


@pytest.mark.parametrize(
    ("host", "origin", "stranger"),
    [
        ("127.0.0.1:1", None, False),
        ("localhost", "http://localhost:3000", False),
        ("[::1]:8377", None, False),
        ("evil.example:8377", None, True),
        ("127.0.0.1", "https://evil.example", True),
        ("127.0.0.1", "null", True),
        ("127.0.0.1.evil.example", None, True),
        ("", None, True),
        ("[", None, True),
    ],
)
def test_who_names_another_machine_is_a_stranger(host, origin, stranger):
    assert is_stranger(host, origin) is stranger
