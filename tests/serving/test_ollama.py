"""Builds served by Ollama: over `fake-ollama`, and over a real one where `OLLAMA_HOST` says that there is one."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import ollama
import pytest
from fake_ollama import VERSION, render_go, run_fake_ollama

from selftune.context import ChatRequest
from selftune.errors import ConfigError, DamagedFileError, RequestRefusedError, ServingError
from selftune.records import FileDigest, GenerationParameters, Message, digest_file
from selftune.serving.addresses import port_from
from selftune.serving.go_template import write_go_template
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, run_server
from selftune.serving.ollama import Ollama, OllamaApi, OllamaConfig
from selftune.serving.ordering import Order
from selftune.serving.proof import TEMPLATE_CHALLENGE
from selftune.serving.witness import as_json
from selftune.testing import fake_build

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

SHORT = GenerationParameters(max_tokens=6)


def ask(text, *, seed=0, left_open=False):
    return ChatRequest(messages=(Message(role="user", content=text),), seed=seed, left_open=left_open)


@pytest.fixture(scope="module")
def built(make_gguf, tmp_path_factory):
    """A build of the tiny model with this seed, its template proved by llama.cpp, and where its file lies."""
    made = {}

    def build(seed=0):
        if seed not in made:
            path = make_gguf(seed)
            with run_server(
                Order(model=str(path), context_tokens=256), tmp_path_factory.mktemp("log") / "log"
            ) as server:
                template = server.proof.template_digest
            entry = FileDigest(name="model.gguf", digest=digest_file(path), size_bytes=path.stat().st_size)
            made[seed] = path, fake_build(files=(entry,), template_digest=template, generation=SHORT)
        return made[seed]

    return build


@pytest.fixture
def fake(tmp_path):
    with run_fake_ollama(tmp_path / "ollama") as fake:
        yield fake


def server(built, port, logs):
    paths = {built(seed)[1].files[0].digest: built(seed)[0] for seed in (0, 1)}
    return Ollama(paths.__getitem__, logs, OllamaConfig(context_tokens=256, port=port))


@pytest.fixture(params=["fake-ollama", "ollama"])
def port(request, tmp_path):
    """The same tests meet a real Ollama where there is one."""
    if request.param == "ollama":
        if "OLLAMA_HOST" not in os.environ:
            pytest.skip("NOT VERIFIED: no OLLAMA_HOST, so no real Ollama was asked")
        yield port_from("OLLAMA_HOST", 11434)
        return
    with run_fake_ollama(tmp_path / "ollama") as fake:
        yield fake.port


def test_build_answers_over_ollama_as_over_llama_cpp(built, port, tmp_path):
    path, build = built()
    requests = [ask("Hello"), ask("Count to three."), ask("Hello")]
    with LlamaCpp(lambda _: path, tmp_path, LlamaCppConfig(context_tokens=256, threads=1))(build) as served:
        expected = list(served.chat_many(requests, SHORT))
    with server(built, port, tmp_path)(build) as served:
        assert list(served.chat_many(requests, SHORT)) == expected
        assert served.chat(requests[0], SHORT) == expected[0]
        proof = served.proof
        assert served.fields["model"].startswith("selftune-")
    assert (proof.model_digest, proof.template_digest) == (build.files[0].digest, build.template_digest)
    assert "ollama" in proof.server


def test_two_starts_of_a_build_show_the_same_proof_and_other_weights_another(built, port, tmp_path):
    proofs = []
    for seed in (0, 0, 1):
        with server(built, port, tmp_path)(built(seed)[1]) as served:
            proofs.append(served.proof)
    assert proofs[0] == proofs[1]
    assert proofs[0].fingerprint != proofs[2].fingerprint


def test_release_stays_under_its_name_and_what_was_evaluated_goes(built, fake, tmp_path):
    with server(built, fake.port, tmp_path)(built()[1], name="a4ps_base_v1.1"):
        pass
    with server(built, fake.port, tmp_path)(built()[1]):
        assert len(fake.models) == 2
    assert list(fake.models) == ["a4ps_base_v1.1"]
    assert fake.uploads == 1  # the second time the file was there
    assert fake.running == {}


def test_ollama_that_still_serves_old_weights_under_a_name_is_caught(built, fake, tmp_path):
    with server(built, fake.port, tmp_path)(built(0)[1], name="a4ps_base_v1.1"):
        pass
    fake.stale = True
    serve = server(built, fake.port, tmp_path)
    with (
        pytest.raises(ServingError, match="does not answer as the build's own files"),
        serve(built(1)[1], name="a4ps_base_v1.1"),
    ):
        pass
    with serve(built(0)[1], name="a4ps_base_v1.1") as served:
        assert served.proof.server == f"ollama {VERSION}"


def test_template_of_ollamas_own_is_caught(built, fake, tmp_path):
    serve = server(built, fake.port, tmp_path)
    fake.template = '{{ range .Messages }}{{ .Content }}{{ "\\n" }}{{ end }}'
    with pytest.raises(ServingError, match="template"), serve(built()[1]):
        pass
    assert fake.models == {}


def test_template_that_is_shown_but_not_rendered_is_caught(built, fake, tmp_path, monkeypatch):
    monkeypatch.setattr("fake_ollama.render_go", lambda template, messages: render_go(template, messages) + " ")
    with (
        pytest.raises(ServingError, match="its chat template has digest"),
        server(built, fake.port, tmp_path)(built()[1]),
    ):
        pass


@pytest.mark.parametrize("forgotten", ["temperature", "num_ctx", "min_p"])
def test_forgotten_parameter_is_named(built, fake, tmp_path, forgotten):
    fake.forgets = forgotten
    with pytest.raises(ServingError, match=f"parameter {forgotten}"), server(built, fake.port, tmp_path)(built()[1]):
        pass


def test_line_with_an_error_among_those_of_create_is_the_reason(built, fake, tmp_path):
    fake.fails = "unsupported architecture"
    with pytest.raises(ServingError, match="unsupported architecture"), server(built, fake.port, tmp_path)(built()[1]):
        pass


def test_old_ollama_that_lists_no_log_probabilities_proves_nothing(built, fake, tmp_path):
    fake.lists_logprobs = False
    with pytest.raises(ServingError, match="lists no first tokens"), server(built, fake.port, tmp_path)(built()[1]):
        pass


def test_old_ollama_that_shows_no_prompt_proves_nothing(built, fake, tmp_path):
    fake.shows_prompts = False
    with pytest.raises(ServingError, match="shows no rendered prompt"), server(built, fake.port, tmp_path)(built()[1]):
        pass


def test_system_prompt_of_a_build_is_kept_and_said_once(built, fake, tmp_path):
    prompted = replace(built()[1], system_prompt="Be brief.")
    with server(built, fake.port, tmp_path)(prompted, name="prompted") as served:
        assert fake.models["prompted"]["system"] == "Be brief."
        tokens = served.chat(ask("Hello"), SHORT).prompt_tokens
    with server(built, fake.port, tmp_path)(built()[1]) as served:
        system = Message(role="system", content="Be brief.")
        explicit = ChatRequest(messages=(system, Message(role="user", content="Hello")), seed=0)
        assert served.chat(explicit, SHORT).prompt_tokens == tokens


def test_turn_left_open_is_gone_on_with_as_over_llama_cpp(built, fake, tmp_path):
    path, build = built()
    with LlamaCpp(lambda _: path, tmp_path, LlamaCppConfig(context_tokens=256, threads=1))(build) as served:
        expected = served.chat(ask("The owl told the", left_open=True), SHORT)
    with server(built, fake.port, tmp_path)(build) as served:
        assert served.chat(ask("The owl told the", left_open=True), SHORT) == expected


def test_too_long_prompt_is_refused_not_cut(built, fake, tmp_path):
    with server(built, fake.port, tmp_path)(built()[1]) as served, pytest.raises(RequestRefusedError):
        served.chat(ask("word " * 900), SHORT)


def test_file_that_is_not_the_builds_is_never_handed_over(built, fake, tmp_path):
    build, wrong = built(0)[1], built(1)[0]
    serve = Ollama(lambda _: wrong, tmp_path, OllamaConfig(port=fake.port))
    with pytest.raises(DamagedFileError, match="has digest"), serve(build):
        pass
    assert fake.uploads == 0


def test_blob_with_another_digest_is_refused_by_ollama(fake, gguf):
    with pytest.raises(ServingError, match="refused the file"):
        OllamaApi(fake.port).give(gguf, "sha256:" + "0" * 64)


def test_where_nothing_listens_it_is_said(built, tmp_path):
    with pytest.raises(ServingError, match="does not answer"), server(built, 1, tmp_path)(built()[1]):
        pass


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("", 11434),
        ("127.0.0.1", 11434),
        ("localhost:5000", 5000),
        ("http://127.0.0.1:9", 9),
        ("[::]", 11434),
        ("http://[::1]:8/", 8),
    ],
)
def test_address_on_this_machine_is_taken(text, port):
    assert port_from("OLLAMA_HOST", 11434, {"OLLAMA_HOST": text}) == port


@pytest.mark.parametrize("text", ["gpu.example", "http://10.0.0.3:11434", "127.0.0.1:x"])
def test_other_machines_and_nonsense_are_refused(text):
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        port_from("OLLAMA_HOST", 11434, {"OLLAMA_HOST": text})


def chatml(messages):
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in messages)
    return f"{turns}<|im_start|>assistant\n"


def with_default_system(messages):
    own = () if messages[0].role == "system" else (Message(role="system", content='Be "good".'),)
    return chatml((*own, *messages))


def with_beginning(messages):
    return "<s>" + chatml(messages)


@pytest.mark.parametrize("render", [chatml, with_default_system, with_beginning])
def test_go_template_renders_what_the_builds_own_does(render):
    template = write_go_template(render)
    for messages in TEMPLATE_CHALLENGE:
        assert render_go(template, as_json(messages)) == render(messages)


def trimming(messages):
    return chatml([replace(message, content=message.content.strip()) for message in messages])


def test_template_that_trims_is_not_rendered_by_its_go_template_and_so_refused_by_the_challenge():
    template = write_go_template(trimming)
    rendered = [render_go(template, as_json(messages)) for messages in TEMPLATE_CHALLENGE]
    assert rendered != [trimming(messages) for messages in TEMPLATE_CHALLENGE]


def test_template_that_changes_words_has_no_go_template():
    with pytest.raises(ServingError, match="changes or drops"):
        write_go_template(lambda messages: chatml(messages).lower())


def test_official_client_finds_the_model_as_it_was_made_and_hears_the_same_answer(built, fake, tmp_path):
    client = ollama.Client(host=f"http://127.0.0.1:{fake.port}", trust_env=False)
    path, build = built()
    with server(built, fake.port, tmp_path)(build, name="a4ps_base_v1.1") as served:
        said = served.chat(ask("Hello"), SHORT)
        options = {"num_predict": SHORT.max_tokens, "temperature": 0.0}
        hello = [{"role": "user", "content": "Hello"}]
        heard = client.chat(model="a4ps_base_v1.1", messages=hello, options=options)
        assert (heard.message.content, heard.done_reason) == (said.text, said.finish_reason)
        assert client.show("a4ps_base_v1.1").template == fake.models["a4ps_base_v1.1"]["template"]
    assert client.create_blob(path) == build.files[0].digest
    made = client.create(model="by-client", files={"model.gguf": build.files[0].digest}, template="{{ .Content }}")
    assert made.status == "success"


@pytest.fixture(scope="module")
def adapted(make_gguf, built, tmp_path_factory):
    """A build of the tiny base with a GGUF adapter beside it, and where its files lie."""
    from safetensors.numpy import save_file

    from selftune.bases.shape import read_json
    from selftune.builds.adapter import open_adapter
    from selftune.builds.lora_gguf import write_lora_gguf

    path, build = built(0)
    base, folder = path.parent / "folder", tmp_path_factory.mktemp("adapter")
    shape = read_json(base / "config.json")
    chance = np.random.default_rng(0)
    layer = "base_model.model.model.layers.0.mlp.down_proj"
    save_file(
        {
            f"{layer}.lora_A.weight": chance.normal(size=(4, shape["intermediate_size"])).astype(np.float32),
            f"{layer}.lora_B.weight": chance.normal(size=(shape["hidden_size"], 4)).astype(np.float32),
        },
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with open_adapter(folder) as adapter:
        write_lora_gguf(shape, adapter, folder / "adapter.gguf")
    size = (folder / "adapter.gguf").stat().st_size
    entry = FileDigest(name="adapter.gguf", digest=digest_file(folder / "adapter.gguf"), size_bytes=size)
    files = {build.files[0].digest: path, entry.digest: folder / "adapter.gguf"}
    return replace(build, files=(*build.files, entry)), files


def test_adapter_beside_its_base_answers_as_over_llama_cpp(adapted, built, fake, tmp_path):
    build, files = adapted
    with LlamaCpp(files.__getitem__, tmp_path, LlamaCppConfig(context_tokens=256, threads=1))(build) as served:
        expected = served.chat(ask("Hello"), SHORT)
    serve = Ollama(files.__getitem__, tmp_path, OllamaConfig(context_tokens=256, port=fake.port))
    with serve(build) as served:
        assert served.chat(ask("Hello"), SHORT) == expected
        assert served.proof.adapter_digest == build.files[1].digest
    with server(built, fake.port, tmp_path)(built()[1]) as bare:
        assert bare.chat(ask("Hello"), SHORT) != expected


def test_adapter_that_ollama_passes_over_is_caught(adapted, fake, tmp_path):
    build, files = adapted
    fake.drops_adapters = True
    serve = Ollama(files.__getitem__, tmp_path, OllamaConfig(context_tokens=256, port=fake.port))
    with pytest.raises(ServingError, match="does not answer as the build's own files"), serve(build):
        pass
