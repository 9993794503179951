"""Requests that begin alike go to one slot, and what it has read already changes no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.context import ChatRequest
from selftune.records import GenerationParameters, Message
from selftune.serving.lanes import Lanes, shared_start
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order

LONG = "The state is all that is real, and whoever answers does so from it alone. " * 3


def said(*texts: str) -> tuple[Message, ...]:
    roles = ("system", "user", "assistant", "user")
    return tuple(Message(role=role, content=text) for role, text in zip(roles, texts, strict=False))


def ask(*texts: str) -> ChatRequest:
    return ChatRequest(messages=said(*texts), seed=0)


def chosen(count: int, *requests: ChatRequest) -> list[int]:
    lanes = Lanes(count)
    return [lanes.choose(request) for request in requests]


def test_what_begins_alike_goes_to_one_lane_and_what_does_not_is_spread() -> None:
    alike = [ask(f"{LONG}{name}", f"Question {number}?") for name in ("one", "two") for number in range(2)]
    assert chosen(2, *alike) == [0, 0, 0, 0]
    assert chosen(2, *(ask(f"{name}. {LONG}", "Which?") for name in "ABCD")) == [0, 1, 0, 1]


def test_a_short_common_beginning_is_not_worth_an_idle_lane() -> None:
    assert chosen(2, ask("Be brief.", "One?"), ask("Be brief.", "Two?")) == [0, 1]


def test_a_conversation_goes_on_in_the_lane_that_holds_it() -> None:
    talks = [(f"{name}{LONG}", "Who?") for name in "AB"]
    further = [(*talk, "I.", "Really?") for talk in talks]
    assert chosen(2, *(ask(*talk) for talk in talks), *(ask(*talk) for talk in reversed(further))) == [0, 1, 1, 0]


def test_one_prompt_before_all_does_not_leave_the_other_lanes_idle() -> None:
    lanes = chosen(4, *(ask(LONG, f"Question {number}?") for number in range(40)))
    taken = [lanes.count(lane) for lane in range(4)]
    assert max(taken) - min(taken) <= 4


@given(st.lists(st.text(max_size=200), max_size=40), st.integers(1, 5))
def test_no_lane_ever_takes_five_more_than_another(prompts: list[str], count: int) -> None:
    lanes, taken = Lanes(count), [0] * count
    for prompt in prompts:
        taken[lanes.choose(ask(LONG, prompt))] += 1
        assert max(taken) - min(taken) <= 4


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_shared_start_is_what_walking_both_finds(one: str, other: str) -> None:
    walked = next((at for at, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs), None)
    expected = min(len(one), len(other)) if walked is None else walked
    assert shared_start(said(one, "and then"), said(other, "and then")) == expected + len("and then") * (one == other)


def test_a_different_speaker_shares_nothing() -> None:
    assert shared_start((Message(role="user", content="Who?"),), (Message(role="system", content="Who?"),)) == 0


@pytest.mark.needs("train")
@pytest.mark.needs("serve")
def test_what_a_slot_has_read_changes_no_answer_and_no_log_probability(gguf, tmp_path) -> None:
    """Greedy text would hide a leak (llama.cpp 26207): the probabilities of the next token are compared."""
    begins = "Ada and Bo walk along the harbour. "
    requests = [ask(f"{begins * 3}{name}", f"Who is {number}?") for name in "AB" for number in range(6)]
    short = GenerationParameters(max_tokens=8)
    with run_server(Order(model=str(gguf), context_tokens=512, slots=2), tmp_path / "log") as server:
        client = server.client
        alone = [client.chat(request, short).text for request in requests]
        assert [answer.text for answer in client.chat_many(requests, short)] == alone
        tokens = client.post("/tokenize", {"content": begins * 4, "add_special": False})["tokens"]
        client.complete([*tokens, *tokens[:8]], n_predict=8, cache_prompt=True, id_slot=1)
        held, anew = (
            client.complete(tokens, n_predict=1, n_probs=16, cache_prompt=kept, id_slot=1) for kept in (True, False)
        )
    assert held["timings"]["prompt_n"] < anew["timings"]["prompt_n"]
    found = [
        {one["id"]: one["logprob"] for one in body["completion_probabilities"][0]["top_logprobs"]}
        for body in (held, anew)
    ]
    common = found[0].keys() & found[1].keys()
    assert len(common) >= 12
    assert max(abs(found[0][token] - found[1][token]) for token in common) < 0.01
