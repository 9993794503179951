"""Builds served by vLLM: over `fake-vllm`, and over a real one where `VLLM_URL` says that there is one.

A real one must be started on the folder that `SELFTUNE_VLLM_BASE` names, which `make_tiny_model` has written.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from built_forms import SHORT, Built
from fake_vllm import VERSION, run_fake_vllm

from selftune.builds.tiny import make_tiny_model
from selftune.context import ChatRequest
from selftune.errors import ConfigError, DamagedFileError, RequestRefusedError, ServingError
from selftune.records import Message, ServingForm
from selftune.serving.addresses import port_from, take_addresses, told_addresses
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig
from selftune.serving.vllm import NotTheBuildError, Vllm, VllmApi, VllmConfig

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

REAL = "NOT VERIFIED: no VLLM_URL with SELFTUNE_VLLM_BASE, so no real vLLM was asked"


def ask(text, *, left_open=False):
    return ChatRequest(messages=(Message(role="user", content=text),), seed=0, left_open=left_open)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Built(tmp_path_factory.mktemp("built"))


@pytest.fixture
def fake(built, tmp_path):
    with run_fake_vllm(built.base, tmp_path / "vllm") as fake:
        yield fake


@pytest.fixture(params=["fake-vllm", "vllm"])
def port(request, built, tmp_path):
    """The same tests meet a real vLLM where there is one."""
    if request.param == "vllm":
        if not {"VLLM_URL", "SELFTUNE_VLLM_BASE"} <= os.environ.keys():
            pytest.skip(REAL)
        yield port_from("VLLM_URL", 8000)
        return
    with run_fake_vllm(built.base, tmp_path / "vllm") as fake:
        yield fake.port


def serving(built, port, logs):
    return Vllm(built.paths.__getitem__, logs, VllmConfig(context_tokens=256, port=port))


def refused(serve, build, kind=ServingError, *, match, **asked):
    """What to do next where serving this build ends in an error of this kind."""
    with pytest.raises(kind, match=match) as caught, serve(build, **asked):
        pass
    return caught.value.next_step


@contextmanager
def by_llama_cpp(built, build, logs):
    with LlamaCpp(built.paths.__getitem__, logs, LlamaCppConfig(context_tokens=256, threads=1))(build) as served:
        yield served


def test_base_and_adapter_answer_over_vllm_as_over_llama_cpp(built, port, tmp_path):
    requests, proofs = [ask("Hello"), ask("Count to three."), ask("Hello")], {}
    for form in ("base", "adapter"):
        build = built.build(form)
        with by_llama_cpp(built, build, tmp_path) as served:
            expected = list(served.chat_many(requests, SHORT))
        with serving(built, port, tmp_path)(build, slots=2) as served:
            assert list(served.chat_many(requests, SHORT)) == expected
            proofs[form] = served.proof
    assert proofs["base"].fingerprint != proofs["adapter"].fingerprint
    assert proofs["adapter"].adapter_digest == built.build("adapter").file("adapter.gguf").digest
    assert all("vllm" in proof.server and proof.template_digest == built.template for proof in proofs.values())


def test_two_starts_of_a_build_show_the_same_proof_and_another_adapter_another(built, port, tmp_path):
    proofs = []
    for seed in (0, 0, 1):
        with serving(built, port, tmp_path)(built.build("adapter", seed)) as served:
            proofs.append(served.proof)
    assert proofs[0] == proofs[1]
    assert proofs[0].fingerprint != proofs[2].fingerprint


def test_releases_stand_side_by_side_under_versions_and_digests_and_go_when_they_are_done(built, fake, tmp_path):
    serve = serving(built, fake.port, tmp_path)
    with serve(built.build("adapter", 0), name="a4ps_base_v1.1") as old:
        with serve(built.build("adapter", 1), name="a4ps_base_v1.2") as new:
            names = sorted(fake.loaded)
            assert [name.rpartition("-")[0] for name in names] == ["a4ps_base_v1.1", "a4ps_base_v1.2"]
            assert [old.fields["model"], new.fields["model"]] == names
            assert old.chat(ask("Hello"), SHORT) != new.chat(ask("Hello"), SHORT)
        assert list(fake.loaded) == names[:1]
    assert fake.loaded == {}
    assert list((tmp_path / "served").iterdir()) == []


def test_no_name_is_ever_used_for_two_adapters_so_a_stale_cache_answers_nobody(built, fake, tmp_path):
    fake.stale = True
    for seed in (0, 1):
        with serving(built, fake.port, tmp_path)(built.build("adapter", seed), name="a4ps_base_v1.1"):
            pass
    assert len(fake.named) == 2


def test_vllm_that_answers_from_what_a_name_held_before_is_caught(built, fake, tmp_path):
    build = built.build("adapter", 1)
    name = f"selftune-{build.digest.removeprefix('sha256:')[:12]}"
    assert fake.load(name, str(built.adapter(0)))[0] == 200
    fake.stale = True
    refused(
        serving(built, fake.port, tmp_path), build, NotTheBuildError, match="does not answer as the build's own files"
    )


def test_what_a_killed_process_left_under_the_name_is_loaded_anew(built, fake, tmp_path):
    build = built.build("adapter")
    with serving(built, fake.port, tmp_path)(build) as first:
        left = first.fields["model"]
    fake.load(left, str(built.adapter(1)))
    with serving(built, fake.port, tmp_path)(build) as served:
        assert served.proof == first.proof


@pytest.mark.parametrize("form", ["base", "adapter"])
def test_vllm_on_another_base_is_caught(built, fake, tmp_path, form):
    fake.instead = make_tiny_model(tmp_path / "other", seed=1)
    with pytest.raises(NotTheBuildError, match="own files do"), serving(built, fake.port, tmp_path)(built.build(form)):
        pass
    assert fake.loaded == {}


def test_adapter_that_vllm_passes_over_is_caught(built, fake, tmp_path):
    fake.drops_adapters = True
    refused(serving(built, fake.port, tmp_path), built.build("adapter"), NotTheBuildError, match="own files do")


def test_template_of_vllms_own_is_caught(built, fake, tmp_path):
    fake.template = lambda text: f"{text} "
    advice = refused(
        serving(built, fake.port, tmp_path),
        built.build("base"),
        NotTheBuildError,
        match="makes other tokens of a conversation",
    )
    assert "--chat-template" in advice


def test_merged_folder_is_served_where_vllm_was_started_on_it_and_else_laid_out_for_that(built, fake, tmp_path):
    build = built.build("folder")
    advice = refused(serving(built, fake.port, tmp_path), build, NotTheBuildError, match="own files do")
    command, _, folder = advice.rpartition(" ")
    assert command.endswith("vllm serve")
    with (
        run_fake_vllm(Path(folder), tmp_path / "second") as second,
        serving(built, second.port, tmp_path / "logs")(build) as served,
    ):
        over_vllm = served.chat(ask("Hello"), SHORT)
    with by_llama_cpp(built, build, tmp_path) as served:
        assert served.chat(ask("Hello"), SHORT) == over_vllm


@pytest.mark.parametrize("form", ["merged", "quantised"])
def test_gguf_file_is_refused_by_name(built, fake, tmp_path, form):
    build = replace(built.build("base"), form=ServingForm(form), quantisation="Q4_K_M")
    with pytest.raises(ServingError, match=f"no GGUF file, and {form} Q4_K_M"), serving(built, 1, tmp_path)(build):
        pass


def test_adapter_that_was_kept_as_gguf_alone_is_to_be_built_again(built, tmp_path):
    build = built.build("adapter")
    refused(serving(built, 1, tmp_path), replace(build, files=build.gguf_files), match="as GGUF alone")


def test_vllm_without_adapters_says_how_to_start_it(built, fake, tmp_path):
    fake.fixed = True
    assert not VllmApi(fake.port).takes_adapters()
    advice = refused(
        serving(built, fake.port, tmp_path), built.build("adapter"), match="takes no adapters while it runs"
    )
    assert "--enable-lora" in advice
    with serving(built, fake.port, tmp_path)(built.build("base")) as served:
        assert served.proof.server == f"vllm {VERSION}"


def test_reason_of_a_refused_adapter_is_quoted(built, fake, tmp_path):
    with pytest.raises(ServingError, match=r"adapter_config\.json"):
        VllmApi(fake.port).load("empty", tmp_path)
    assert VllmApi(fake.port).takes_adapters()


def test_damaged_file_is_never_loaded(built, fake, tmp_path):
    build, paths = built.build("adapter"), dict(built.paths)
    weights = next(entry for entry in build.files if entry.name.endswith(".safetensors"))
    paths[weights.digest] = shutil.copyfile(paths[weights.digest], tmp_path / "weights")
    paths[weights.digest].write_bytes(paths[weights.digest].read_bytes()[:-1] + b"\0")
    refused(
        Vllm(paths.__getitem__, tmp_path, VllmConfig(context_tokens=256, port=fake.port)),
        build,
        DamagedFileError,
        match=r"adapter_model\.safetensors is damaged",
    )
    assert fake.named == {}


def test_too_little_room_is_said_before_anything_is_asked(built, fake, tmp_path):
    refused(
        serving(built, fake.port, tmp_path),
        built.build("base"),
        context_tokens=1000,
        match="room for 512 tokens, 1,000 are needed",
    )


def test_too_long_prompt_is_refused_not_cut(built, fake, tmp_path):
    with serving(built, fake.port, tmp_path)(built.build("base")) as served, pytest.raises(RequestRefusedError):
        served.chat(ask("word " * 900), SHORT)


def test_turn_left_open_is_gone_on_with_as_over_llama_cpp(built, fake, tmp_path):
    build, request = built.build("adapter"), ask("The owl told the", left_open=True)
    with by_llama_cpp(built, build, tmp_path) as served:
        expected = served.chat(request, SHORT)
    with serving(built, fake.port, tmp_path)(build) as served:
        assert served.chat(request, SHORT) == expected


def test_reasoning_that_vllm_takes_out_is_no_answer(built, fake, tmp_path):
    with serving(built, fake.port, tmp_path)(built.build("base")) as served:
        fake.reasons = True
        with pytest.raises(ServingError, match="takes the reasoning"):
            served.chat(ask("Hello"), SHORT)


def test_where_nothing_listens_or_another_machine_is_named_it_is_said(built, tmp_path, monkeypatch):
    with pytest.raises(ServingError, match="does not answer"), serving(built, 1, tmp_path)(built.build("base")):
        pass
    monkeypatch.setenv("VLLM_URL", "http://gpu.example:8000")
    with pytest.raises(ConfigError, match="VLLM_URL names gpu"), serving(built, 0, tmp_path)(built.build("base")):
        pass


def test_keeper_is_told_where_other_servers_listen_and_nothing_else_of_the_environment():
    told = told_addresses({"VLLM_URL": "http://127.0.0.1:9", "HOME": "/root"})
    assert told == {"VLLM_URL": "http://127.0.0.1:9"}
    environment = {"OLLAMA_HOST": "127.0.0.1:7"}
    take_addresses(told | {"PATH": "/tmp"}, environment)
    assert environment == {"OLLAMA_HOST": "127.0.0.1:7", "VLLM_URL": "http://127.0.0.1:9"}
