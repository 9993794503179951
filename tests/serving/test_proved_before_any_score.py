"""A fault of the serving is no fault of the model: what can't be served, or proves to be another, gets no score."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_ollama import run_fake_ollama

from selftune.errors import DamagedFileError, ServingError
from selftune.evals.base import Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate_with
from selftune.records import FileDigest, GenerationParameters, Message, Suite, SuiteItem, digest_file
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig, run_server
from selftune.serving.ollama import Ollama, OllamaConfig
from selftune.serving.ordering import Order
from selftune.testing import fake_build, fake_context

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


class CountingScorer:
    """Gives full marks, and counts to how many answers."""

    name = "counting"
    lineage: tuple[str, ...] = ()

    def __init__(self):
        self.scored = 0

    def score(self, item, answer):
        del item, answer
        self.scored += 1
        return Score(value=1.0)


@pytest.fixture
def suite():
    hello = (Message(role="user", content="Hello."),)
    item = SuiteItem(id="a", category="c", behaviour="answers", difficulty="easy", messages=hello, expect="{}")
    return Suite(
        name="smoke",
        version="1",
        description="one item",
        scorer="counting",
        unit="item",
        categories=("c",),
        generation=GenerationParameters(max_tokens=4),
        seed=7,
        items=(item,),
    )


@pytest.fixture
def sound(gguf, tmp_path):
    """A build of the tiny model that proves itself."""
    with run_server(Order(model=str(gguf), context_tokens=256), tmp_path / "log") as server:
        template = server.proof.template_digest
    entry = FileDigest(name="model.gguf", digest=digest_file(gguf), size_bytes=1)
    return fake_build(files=(entry,), template_digest=template)


def evaluated(build, serve, suite, folder):
    """How many answers were scored; the error where there is no evaluation."""
    scorer = CountingScorer()
    try:
        evaluate_with(lambda _: scorer, build, EvaluationConfig(suite=suite), fake_context(folder, serve=serve))
    except (ServingError, DamagedFileError) as error:
        return scorer.scored, error
    return scorer.scored, None


def llama_cpp(path, tmp_path):
    return LlamaCpp(lambda _: path, tmp_path / "logs", LlamaCppConfig(context_tokens=256, threads=1))


def test_what_proves_itself_is_scored(sound, gguf, suite, tmp_path):
    assert evaluated(sound, llama_cpp(gguf, tmp_path), suite, tmp_path) == (1, None)


def test_a_file_that_does_not_load_is_no_low_score(gguf, suite, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[:5000])
    build = fake_build(files=(FileDigest(name="model.gguf", digest=digest_file(cut), size_bytes=5000),))
    scored, error = evaluated(build, llama_cpp(cut, tmp_path), suite, tmp_path)
    assert scored == 0
    assert "can't load cut.gguf" in error.message


def test_another_template_is_no_low_score(sound, gguf, suite, tmp_path):
    other = replace(sound, template_digest="sha256:another")
    scored, error = evaluated(other, llama_cpp(gguf, tmp_path), suite, tmp_path)
    assert scored == 0
    assert "its chat template" in error.message


def test_a_server_that_computes_something_else_from_the_right_files_is_no_low_score(
    sound, gguf, make_gguf, suite, tmp_path
):
    with run_fake_ollama(tmp_path / "ollama") as fake:
        fake.instead = make_gguf(1)  # as where an engine does not know the model's attention
        serve = Ollama(lambda _: gguf, tmp_path / "logs", OllamaConfig(context_tokens=256, port=fake.port))
        scored, error = evaluated(sound, serve, suite, tmp_path)
    assert scored == 0
    assert "does not answer as the build's own files do" in error.message
