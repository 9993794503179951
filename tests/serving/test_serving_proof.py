from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.context import ChatRequest
from selftune.errors import ServingError
from selftune.records import FileDigest, GenerationParameters, Message, digest_file
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, run_server
from selftune.serving.ordering import Order
from selftune.serving.proof import confirm
from selftune.testing import fake_build

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


@pytest.fixture(scope="module")
def proofs(make_gguf, tmp_path_factory):
    """Proofs of three servers: the first weights, the same again, and others."""
    log = tmp_path_factory.mktemp("logs") / "log"
    found = []
    for seed, threads in ((0, 1), (0, 2), (1, 1)):
        with run_server(Order(model=str(make_gguf(seed)), context_tokens=256, threads=threads), log) as server:
            found.append(server.proof)
    return found


def built(proof, **changes):
    entry = FileDigest(name="model.gguf", digest=proof.model_digest, size_bytes=1)
    return fake_build(**({"files": (entry,), "template_digest": proof.template_digest} | changes))


def test_equal_weights_have_equal_fingerprints_whatever_the_threads(proofs):
    assert proofs[0] == proofs[1]


def test_other_weights_have_another_fingerprint_and_the_same_template(proofs):
    assert proofs[0].fingerprint != proofs[2].fingerprint
    assert proofs[0].template_digest == proofs[2].template_digest


def test_file_digest_is_of_the_file_that_was_opened(proofs, gguf):
    assert proofs[0].model_digest == digest_file(gguf)


def test_server_that_still_serves_old_weights_is_caught(proofs):
    confirm(proofs[0], built(proofs[0]))
    with pytest.raises(ServingError, match="its weights"):
        confirm(proofs[0], built(proofs[2]))


def test_server_with_another_template_or_adapter_is_caught(proofs):
    with pytest.raises(ServingError, match="its chat template"):
        confirm(proofs[0], built(proofs[0], template_digest="sha256:other"))
    with pytest.raises(ServingError, match="its adapter"):
        confirm(replace(proofs[0], adapter_digest="sha256:a"), built(proofs[0]))


def test_system_prompt_of_a_build_is_before_every_conversation(proofs, gguf, tmp_path):
    serve = LlamaCpp(lambda _: gguf, tmp_path, LlamaCppConfig(context_tokens=256, threads=1))
    bare, parameters = built(proofs[0]), GenerationParameters(max_tokens=4)
    user = Message(role="user", content="Hello")
    with_prompt = ChatRequest(messages=(Message(role="system", content="Obey."), user), seed=0)
    with_both = ChatRequest(messages=(Message(role="system", content="Obey.\n\nState."), user), seed=0)
    with serve(bare) as served:
        expected = [served.chat(request, parameters).prompt_tokens for request in (with_prompt, with_both)]
    own_system = ChatRequest(messages=(Message(role="system", content="State."), user), seed=0)
    with serve(replace(bare, system_prompt="Obey.")) as served:
        requests = [ChatRequest(messages=(user,), seed=0), own_system]
        assert [answer.prompt_tokens for answer in served.chat_many(requests, parameters)] == expected
