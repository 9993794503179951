"""A release from end to end on real llama.cpp servers, over a tiny random model in two precisions."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from contextlib import suppress
from dataclasses import replace

import psutil
import pytest

from selftune.errors import ServingError
from selftune.records import FileDigest, GenerationParameters
from selftune.release.live import KEEPER, LiveServer
from selftune.release.stage import put_into_service, release, rollback

pytestmark = pytest.mark.needs("train", "serve")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """GGUF files of one tiny random model: F16 and Q8_0."""
    from selftune.builds.gguf_writer import write_gguf
    from selftune.builds.tensor_types import Quantisation
    from selftune.builds.tensors import open_folder
    from selftune.builds.tiny import make_tiny_model

    root = tmp_path_factory.mktemp("models")
    folder = make_tiny_model(root / "tiny")
    for quantisation in (Quantisation.F16, Quantisation.Q8_0):
        with open_folder(folder) as tensors:
            write_gguf(folder, tensors, root / f"{quantisation.value}.gguf", quantisation, name="tiny")
    return {path.stem: path for path in root.glob("*.gguf")}


@pytest.fixture
def real(house, models):
    """The house with the real keeper, and builds and proofs of the two models."""
    from selftune.serving.llama_cpp import run_server
    from selftune.serving.ordering import Order

    house.live = LiveServer(house.target)
    house.proofs = {}
    for name, path in models.items():
        with run_server(Order(model=str(path), slots=2), house.folder / "probe.log") as server:
            house.proofs[name] = server.proof

    def build(name):
        house.context().blobs.put_file(models[name])
        digest = house.proofs[name].model_digest
        made = replace(
            house.build(name),
            files=(FileDigest(name="model.gguf", digest=digest, size_bytes=models[name].stat().st_size),),
            template_digest=house.proofs[name].template_digest,
            generation=GenerationParameters(max_tokens=8),
        )
        house.records.append(made)
        return made

    house.real_build = build
    yield house
    house.live.stop()


def promotion(house, name, replaced, proof):
    made = house.promotion(name, replaced, build=house.real_build(name))
    evaluation = replace(house.records[-2], proof=proof)
    decision = replace(made.decision, arms=((made.decision.arms[0][0], evaluation.id),))
    house.records += [evaluation, decision]
    return replace(made, decision=decision)


def test_base_promotion_kill_and_rollback_on_real_servers(real):
    base = replace(real.base(), build=real.real_build("F16"))
    first = release(base, real.target, real.context())
    assert first.proof.model_digest == real.proofs["F16"].model_digest
    assert real.live.ask("Who are you?")

    second = release(promotion(real, "Q8_0", first, real.proofs["Q8_0"]), real.target, real.context())
    assert real.live.status().version == second.version == "v1.1"
    assert {check.name for check in second.health} >= {"weights", "template", "fingerprint", "answers", "address"}
    assert second.proof.slots == 2

    keeper = psutil.Process(real.live.status().pid)
    family = [keeper, *keeper.children(recursive=True)]
    keeper.kill()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert real.live.start().version == "v1.1"

    # The one before may still be ending.
    server = max(psutil.Process(real.live.status().pid).children(), key=lambda child: child.create_time())
    proof = real.live.status().proof
    server.kill()
    assert real.live.ask("Who are you?")
    (successor,) = psutil.Process(real.live.status().pid).children()
    assert successor.pid != server.pid
    assert real.live.status().proof == proof

    back = rollback(first, second, real.target, real.context(), reason="I liked it more.")
    assert real.live.status().proof.model_digest == first.proof.model_digest
    assert back.version == "v1.2"


def test_model_other_than_the_evaluated_one_is_refused_by_its_fingerprint(real):
    first = release(replace(real.base(), build=real.real_build("F16")), real.target, real.context())
    swapped = replace(real.proofs["Q8_0"], fingerprint=real.proofs["F16"].fingerprint)
    with pytest.raises(ServingError, match="fingerprint"):
        release(promotion(real, "Q8_0", first, swapped), real.target, real.context())
    assert real.live.status().version == "v1.0"
    assert real.live.ask("Who are you?")


def test_same_seed_same_answer_through_the_door(real):
    release(replace(real.base(), build=real.real_build("F16")), real.target, real.context())
    assert real.live.ask("Tell me about the owl.") == real.live.ask("Tell me about the owl.")


def test_an_answer_that_comes_in_pieces_is_the_one_that_comes_whole(real):
    release(replace(real.base(), build=real.real_build("F16")), real.target, real.context())
    words, pieces = "Tell me about the owl.", []
    answer, served_by = real.live.stream({"messages": [{"role": "user", "content": words}]}, pieces.append)
    assert "".join(pieces) == answer.text == real.live.ask(words)
    assert len(pieces) > 1
    assert (answer.finish_reason, answer.completion_tokens) == ("length", 8)
    assert answer.prompt_tokens > 0
    assert served_by == real.live.status().build_digest


def test_real_server_that_hangs_is_taken_back_and_the_release_before_answers(real):
    looks = ("--beat", "0.5", "--probe", "0.5")
    real.live = LiveServer(real.target, keeper=(*KEEPER, *looks))
    first = put_into_service(
        replace(real.base(), build=real.real_build("F16")), real.target, real.context(), live=real.live
    )
    promoted = promotion(real, "Q8_0", first, real.proofs["Q8_0"])
    second = put_into_service(promoted, real.target, real.context(), live=real.live)
    (server,) = psutil.Process(real.live.status().pid).children()
    server.suspend()
    # A request that was with it is cut off with it; the next one is answered.
    with suppress(ServingError):
        real.live.ask("Who are you?")
    assert real.live.ask("Who are you?")
    status = real.live.status()
    assert (status.version, status.proof.model_digest) == (first.version, first.proof.model_digest)
    assert status.problem == f"{second.version} does not answer; the release before it serves by itself."
    assert psutil.wait_procs([server], timeout=60)[1] == []


def test_real_server_that_was_sent_sigstop_makes_room_for_a_rest_all_the_same_and_serves_after_it(real):
    put_into_service(replace(real.base(), build=real.real_build("F16")), real.target, real.context(), live=real.live)
    (server,) = psutil.Process(real.live.status().pid).children()
    server.suspend()
    real.live.rest("a training needs the device")
    assert not server.is_running()
    assert real.live.start().version == "v1.0"
    assert real.live.ask("Who are you?")
