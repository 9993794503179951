"""What is learnt and what is served are the same bytes: by training's own code here, by a server's template there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.builds.gguf_writer import write_gguf
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.codex.calls import call_of
from selftune.codex.reading import find_persona, load_codex
from selftune.curation.as_served import calls_in
from selftune.curation.render import conversation_of
from selftune.records import Example, Interaction, Message, Trigger
from selftune.release.door import request_body
from selftune.release.manifest import Manifest
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order
from selftune.testing import fake_build
from selftune.training.rows import RowMaker, load_tokenizer

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

CODEX = load_codex()
TALK = Interaction(
    salt="s",
    conversation="c",
    task_id="auto-001",
    trigger=Trigger.MOTIVATOR,
    source="test",
    position="1",
    messages=(
        Message(role="system", content='== STATE ==\n{"name": "Zoë"}'),
        Message(role="user", content="Weigh  it:\n1. walls\n"),
        Message(role="assistant", content=" Walls hold 40 W. 🙂", persona="BRICK"),
        Message(role="assistant", content="Doors, too…", persona="ROBIN"),
        Message(role="assistant", content="You part here.", persona="ALFRED"),
        Message(role="assistant", content="Gates, then.\n", persona="BRICK"),
    ),
)


@pytest.fixture(scope="module")
def served(tiny, tmp_path_factory):
    """A folder with its tokenizer, and a running server of the same base."""
    folder, root = tiny(), tmp_path_factory.mktemp("served")
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, root / "model.gguf", Quantisation.F16)
    with run_server(Order(model=str(root / "model.gguf"), context_tokens=256, threads=1), root / "log") as server:
        yield load_tokenizer(folder), server.client


def learnt(tokenizer, messages) -> tuple[str, str]:
    """What the model is shown and what it is to write, decoded from the very tokens that are trained on."""
    example = Example(salt="s", interaction_id="i", judgement_id=None, messages=messages)
    row = RowMaker(tokenizer, "last_answer").make(example)
    begins = row.supervised.index(True)
    shown, written = row.tokens[:begins], [t for t, on in zip(row.tokens, row.supervised, strict=True) if on]
    return tokenizer.decode(shown), tokenizer.decode(written)


def asked(client, messages) -> str:
    """What the server's own template makes of a request that came in by the door."""
    manifest = Manifest(name="m", version="v1", generation=1, alias="m", build=fake_build(), proof=None, slots=1)
    wanted = {"messages": [{"role": message.role, "content": message.content} for message in messages]}
    body = request_body(manifest, wanted, {})
    return client.post("/apply-template", {"messages": body["messages"]})["prompt"]


def test_each_call_of_a_persona_is_served_in_the_bytes_that_were_learnt(served):
    tokenizer, client = served
    examples = list(calls_in(TALK, CODEX))
    turns = [(place, message) for place, message in enumerate(TALK.messages) if message.persona in {"BRICK", "ROBIN"}]
    assert len(examples) == len(turns) == 3
    for (place, turn), example in zip(turns, examples, strict=True):
        call = call_of(CODEX, find_persona(CODEX, turn.persona), TALK.messages[:place])
        shown, written = learnt(tokenizer, example)
        assert shown == asked(client, call)
        assert written == f"{turn.content}{tokenizer.eos_token}"


def test_a_whole_dialogue_is_served_in_the_bytes_that_were_learnt(served):
    tokenizer, client = served
    whole = conversation_of(TALK)
    shown, written = learnt(tokenizer, whole)
    assert shown == asked(client, TALK.messages[:2])
    assert written.startswith("BRICK:")


def test_the_two_shapes_are_not_the_same_bytes(served):
    tokenizer, client = served
    first = next(calls_in(TALK, CODEX))
    assert learnt(tokenizer, first)[0] != asked(client, TALK.messages[:2])


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    str.strip
)
SPEAKERS = st.sampled_from(["user", "BRICK", "ROBIN", "ALFRED"])


@given(st.lists(st.tuples(SPEAKERS, WORDS), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_each_call_is_learnt_in_the_bytes_that_serve(served, drawn):
    tokenizer, client = served
    messages = tuple(
        Message(role="user", content=text) if who == "user" else Message(role="assistant", content=text, persona=who)
        for who, text in (("user", "Weigh it."), *drawn)
    )
    talk = replace(TALK, messages=messages)
    firsts = [place for place, one in enumerate(messages) if place and one.persona != messages[place - 1].persona]
    called = [place for place in firsts if messages[place].persona in {"BRICK", "ROBIN"}]
    for place, example in zip(called, calls_in(talk, CODEX), strict=True):
        shown, written = learnt(tokenizer, example)
        assert shown == asked(client, call_of(CODEX, find_persona(CODEX, messages[place].persona), messages[:place]))
        assert written.startswith(messages[place].content)
        assert written.endswith(tokenizer.eos_token)
