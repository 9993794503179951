"""Releases published through `fake-ollama`, behind the real keeper: models under their versions, each one proved."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))

import pytest
from fake_ollama import VERSION, run_fake_ollama

from selftune.errors import ServingError
from selftune.records import FileDigest, GenerationParameters, digest_file
from selftune.release.live import LiveServer
from selftune.release.stage import release, rollback
from selftune.serving.llama_cpp import run_server
from selftune.serving.ollama import Ollama, OllamaConfig
from selftune.serving.ordering import Order

pytestmark = pytest.mark.needs("train", "serve")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """GGUF files of two tiny models with other weights, and what their template makes of the challenge."""
    from selftune.builds.gguf_writer import write_gguf
    from selftune.builds.tensor_types import Quantisation
    from selftune.builds.tensors import open_folder
    from selftune.builds.tiny import make_tiny_model

    root = tmp_path_factory.mktemp("models")
    for seed in (0, 1):
        folder = make_tiny_model(root / f"tiny-{seed}", seed=seed)
        with open_folder(folder) as tensors:
            write_gguf(folder, tensors, root / f"{seed}.gguf", Quantisation.F16, name="tiny")
    with run_server(Order(model=str(root / "0.gguf"), context_tokens=256), root / "log") as server:
        return [root / "0.gguf", root / "1.gguf"], server.proof.template_digest


@pytest.fixture
def fake(tmp_path, monkeypatch):
    with run_fake_ollama(tmp_path / "ollama") as fake:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{fake.port}")
        yield fake


@pytest.fixture
def over_ollama(house, models, fake):
    """The house with the real keeper and the driver; `made` gives a build of a model."""
    paths, template = models
    house.target = replace(house.target, driver="ollama")
    house.live = LiveServer(house.target)

    def made(seed):
        path = paths[seed]
        house.context().blobs.put_file(path)
        entry = FileDigest(name="model.gguf", digest=digest_file(path), size_bytes=path.stat().st_size)
        parameters = GenerationParameters(max_tokens=8)
        build = replace(house.build(str(path)), files=(entry,), template_digest=template, generation=parameters)
        house.records.append(build)
        return build

    house.made = made
    yield house
    house.live.stop()


def promoted(house, build, replaced, port):
    """The promotion of a build that was evaluated over the same Ollama."""
    serve = Ollama(house.context().blobs.path, house.folder / "logs", OllamaConfig(port=port))
    with serve(build) as served:
        proof = served.proof
    made = house.promotion("", replaced, build=build)
    evaluation = replace(house.records[-2], proof=proof)
    decision = replace(made.decision, arms=((made.decision.arms[0][0], evaluation.id),))
    house.records += [evaluation, decision]
    return replace(made, decision=decision)


def test_base_promotion_and_rollback_are_models_under_their_versions(over_ollama, fake):
    house = over_ollama
    first = release(replace(house.base(), build=house.made(0)), house.target, house.context())
    assert (first.driver, first.proof.server) == ("ollama", f"ollama {VERSION}")
    answer = house.live.ask("Who are you?")

    second = release(promoted(house, house.made(1), first, fake.port), house.target, house.context())
    assert {check.name for check in second.health} >= {"weights", "template", "fingerprint", "address"}
    assert house.live.ask("Who are you?") != answer

    back = rollback(first, second, house.target, house.context(), reason="I liked it more.")
    assert (back.version, back.driver) == ("v1.2", "ollama")
    assert house.live.ask("Who are you?") == answer
    assert sorted(fake.models) == [f"a4ps_base_model_v1.{number}" for number in range(3)]


def test_ollama_that_keeps_other_weights_is_never_let_in_and_the_old_model_serves(over_ollama, fake):
    house = over_ollama
    first = release(replace(house.base(), build=house.made(0)), house.target, house.context())
    answer = house.live.ask("Who are you?")
    promotion = promoted(house, house.made(1), first, fake.port)
    fake.models["a4ps_base_model_v1.1"] = fake.models["a4ps_base_model_v1.0"].copy()
    fake.stale = True
    with pytest.raises(ServingError, match="own files"):
        release(promotion, house.target, house.context())
    assert house.live.status().version == "v1.0"
    assert house.live.ask("Who are you?") == answer


def test_release_evaluated_on_another_kind_of_server_is_refused(over_ollama, models, fake):
    house = over_ollama
    first = release(replace(house.base(), build=house.made(0)), house.target, house.context())
    promotion = promoted(house, house.made(1), first, fake.port)
    (_, evaluation_id), *_ = promotion.decision.arms
    evaluation = next(record for record in house.records if record.id == evaluation_id)
    with run_server(Order(model=str(models[0][1]), context_tokens=256), house.folder / "log") as server:
        elsewhere = replace(evaluation, proof=server.proof)
    decision = replace(promotion.decision, arms=((promotion.decision.arms[0][0], elsewhere.id),))
    house.records += [elsewhere, decision]
    with pytest.raises(ServingError, match="fingerprint"):
        release(replace(promotion, decision=decision), house.target, house.context())
    assert house.live.status().version == "v1.0"
