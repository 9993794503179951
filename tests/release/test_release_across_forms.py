"""Releases of one project in one serving form after the other, and back, behind the real keeper."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))

import pytest
from built_forms import Built
from fake_vllm import VERSION, run_fake_vllm

from selftune.release.live import LiveServer
from selftune.release.stage import release, rollback
from selftune.serving.llama_cpp import LlamaCpp
from selftune.serving.vllm import Vllm

pytestmark = pytest.mark.needs("train", "serve")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Built(tmp_path_factory.mktemp("built"))


@pytest.fixture
def forms(house, built):
    """The house with the real keeper; `build` keeps a build's files, `promoted` says that the gate let it in."""
    house.live = LiveServer(house.target)

    def build(form, seed=0, **changes):
        made = replace(built.build(form, seed), **changes)
        for entry in made.files:
            house.context().blobs.put_file(built.paths[entry.digest])
        house.records.append(made)
        return made

    def promoted(made, replaced, serve):
        with serve(made) as served:
            proof = served.proof
        promotion = house.promotion("", replaced, build=made)
        evaluation = replace(house.records[-2], proof=proof)
        decision = replace(promotion.decision, arms=((promotion.decision.arms[0][0], evaluation.id),))
        house.records += [evaluation, decision]
        return replace(promotion, decision=decision)

    house.build, house.promoted = build, promoted
    yield house
    house.live.stop()


def put_in(house, promotion):
    return release(promotion, house.target, house.context())


def models(house):
    folder = house.folder / ".selftune" / "models"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_form_has_its_versioned_names_and_each_is_gone_back_to(forms):
    serve = LlamaCpp(forms.context().blobs.path, forms.folder / "logs")
    question, said = "Tell me about the owl.", {}

    def ask_of(release):
        said[release.version] = forms.live.ask(question)
        return release

    base = ask_of(put_in(forms, replace(forms.base(), build=forms.build("base"))))
    adapter = ask_of(put_in(forms, forms.promoted(forms.build("adapter"), base, serve)))
    folder = ask_of(put_in(forms, forms.promoted(forms.build("folder"), adapter, serve)))
    prompt = ask_of(put_in(forms, forms.promoted(forms.build("base", system_prompt="Be brief."), folder, serve)))
    assert len({said["v1.0"], said["v1.1"], said["v1.3"]}) == 3

    stem = "a4ps_base_model_v1."
    assert {f"{stem}{number}.gguf" for number in range(4)} < set(models(forms))
    adapter_files = {".adapter.gguf", ".json", ".gguf", "/adapter_config.json", "/adapter_model.safetensors"}
    assert {name.removeprefix(f"{stem}1") for name in models(forms) if name.startswith(f"{stem}1")} == adapter_files
    assert {f"{stem}2/config.json", f"{stem}2/model.safetensors", f"{stem}2/tokenizer.json"} < set(models(forms))

    for back_to, current in ((folder, prompt), (adapter, prompt), (base, prompt)):
        again = rollback(back_to, current, forms.target, forms.context(), reason="I liked it more.")
        assert again.build_digest == back_to.build_digest
        assert forms.live.ask(question) == said[back_to.version]
        forms.records.append(again)
        prompt = again


def test_adapters_over_vllm_change_behind_one_address_and_are_gone_back_to(forms, built, tmp_path, monkeypatch):
    with run_fake_vllm(built.base, tmp_path / "vllm") as fake:
        fake.room = 2048
        forms.target = replace(forms.target, driver="vllm")
        forms.live = LiveServer(forms.target)
        forms.live._open()  # a keeper that was started before anybody told where vLLM listens
        monkeypatch.setenv("VLLM_URL", f"http://127.0.0.1:{fake.port}")
        serve = Vllm(forms.context().blobs.path, forms.folder / "logs")
        base = put_in(forms, replace(forms.base(), build=forms.build("base")))
        assert (base.driver, base.proof.server) == ("vllm", f"vllm {VERSION}")
        first = put_in(forms, forms.promoted(forms.build("adapter", 0), base, serve))
        said = forms.live.ask("Who are you?")
        second = put_in(forms, forms.promoted(forms.build("adapter", 1), first, serve))
        assert forms.live.ask("Who are you?") != said
        back = rollback(first, second, forms.target, forms.context(), reason="I liked it more.")
        assert forms.live.ask("Who are you?") == said
        (name,) = fake.loaded
        assert name.startswith(f"a4ps_base_model_{back.version}-")
        forms.live.stop()
        assert fake.loaded == {}
