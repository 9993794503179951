"""A small model is served by several servers in one process: they answer as one, and as fast as there are cores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.context import Answer, ChatRequest
from selftune.errors import ServingError
from selftune.platforms import own_cores
from selftune.records import FileDigest, GenerationParameters, Message, digest_file
from selftune.serving.child import shares_of
from selftune.serving.client import LoopbackClient
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, LlamaCppServer, run_server
from selftune.serving.ordering import Order
from selftune.serving.processor import fitting_servers, fitting_threads
from selftune.testing import fake_build

SHORT = GenerationParameters(max_tokens=8)
SMALL, LARGE = 4 << 20, 100 << 20
QUESTIONS = [
    ChatRequest(messages=(Message(role="user", content=f"Question {number}?"),), seed=number) for number in range(9)
]


@given(st.integers(1, 40), st.integers(1, 8))
def test_shares_hold_all_slots_evenly_and_one_has_the_port(slots: int, servers: int) -> None:
    shares = shares_of(Order(model="m", slots=slots, servers=servers, port=8080))
    assert [share.port for share in shares] == [8080] + [0] * (servers - 1)
    assert {share.servers for share in shares} == {1}
    for lane in range(slots):  # as the client hands them out
        slot, server = divmod(lane, servers)
        assert slot < shares[server].slots <= slots / servers + 1


def test_only_small_models_are_served_side_by_side() -> None:
    assert [fitting_servers(SMALL, slots) for slots in (1, 1000)] == [1, own_cores()]
    assert fitting_servers(LARGE, 1000) == 1
    assert fitting_threads(SMALL) == 1
    assert 1 <= fitting_threads(LARGE) <= psutil.cpu_count()


class Heard(LoopbackClient):
    """Tells what it was asked in which of its slots, and answers with it."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(1, **settings)
        self._name = name

    def chat_in(self, slot: int, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        text = f"{self._name}{slot}: {request.messages[0].content}"
        return Answer(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def test_many_are_asked_in_the_slots_of_all() -> None:
    client = Heard("first ", slots=3, beside=[Heard("second ")])
    said = [answer.text for answer in client.chat_many(QUESTIONS[:6], SHORT)]
    lanes = ["first 0", "second 0", "first 1"]
    assert said == [f"{lanes[number % 3]}: Question {number}?" for number in range(6)]


@pytest.mark.needs("train")
@pytest.mark.needs("serve")
class TestAsServed:
    def test_they_answer_in_order_and_as_one_alone(self, gguf, tmp_path) -> None:
        whole = Order(model=str(gguf), context_tokens=256, slots=3)
        with run_server(whole, tmp_path / "log") as alone:
            expected = [alone.client.chat(question, SHORT).text for question in QUESTIONS]
            proof = alone.proof
        assert len(set(expected)) > 1
        with run_server(replace(whole, servers=2), tmp_path / "log") as server:
            assert [answer.text for answer in server.client.chat_many(QUESTIONS, SHORT)] == expected
            assert server.proof == proof
            assert server.hello.address not in server.hello.beside
            assert len(server.hello.beside) == 1

    def test_what_is_in_service_has_one_address_and_all_its_slots(self, gguf, tmp_path) -> None:
        with run_server(Order(model=str(gguf), context_tokens=256), tmp_path / "log") as server:
            template = server.proof.template_digest
        entry = FileDigest(name="model.gguf", digest=digest_file(gguf), size_bytes=gguf.stat().st_size)
        build = fake_build(files=(entry,), size_bytes=entry.size_bytes, template_digest=template)
        serve = LlamaCpp(lambda _: gguf, tmp_path, LlamaCppConfig(context_tokens=256))
        with serve(build, slots=2, name="v1.0") as served:
            assert (served.server.order.servers, served.server.hello.beside) == (1, ())
        with serve(build, slots=2) as served:
            assert served.server.order.servers == min(own_cores(), 2)
            assert served.proof.slots == 2

    def test_a_server_that_answers_otherwise_than_the_one_beside_it_is_refused(self, gguf, make_gguf, tmp_path) -> None:
        orders = [Order(model=str(model), context_tokens=256) for model in (gguf, make_gguf(1))]
        with run_server(orders[0], tmp_path / "log") as one, run_server(orders[1], tmp_path / "other") as other:
            hello = replace(one.hello, beside=(other.hello.address,))
            with pytest.raises(ServingError, match="do not answer alike"):
                LlamaCppServer(one._process, hello, orders[0], tmp_path / "log")
