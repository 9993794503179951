"""What a model thinks before it answers is kept apart: scored is the answer alone, and the rate of thinking is told."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from selftune.app.reporting.arms import view
from selftune.app.reporting.thinking import thinking_parts, thinking_warnings
from selftune.bases.thinking import ThinkingMarks, thinking_marks
from selftune.evals.answers import Reply, kept_apart
from selftune.evals.base import Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.recall import replies_of
from selftune.evals.stage import evaluate_with
from selftune.records import FileDigest, decode_record, digest_file, encode_record
from selftune.scoring.reasoning import thinking_by_item, thinking_rate
from selftune.testing import FakeServe, fake_build, fake_context

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.context import ChatRequest, Context
    from selftune.records import Build, Evaluation, Suite, SuiteItem

THINKS = "{% for m in messages %}{{ m.content }}{% endfor %}{% if false %}<think></think>{% endif %}"
BEGINS = "{{ messages }}<think></think>{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
PLAIN = "{{ messages }}"
MARKS = ThinkingMarks(opens="<think>", closes="</think>")


class Exact:
    """1 for the very answer that the item wants, and for no word more."""

    name = "exact"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        return Score(value=float(answer == json.loads(item.expect)["wants"]))


def thoughtful(build: Build, request: ChatRequest) -> str:
    """Right, and thinks before it says yes."""
    return "no" if "say no" in request.messages[-1].content else "<think>\nShall I?\n</think>\n\nyes"


def context_on(template: str, root: Path, answer: Any) -> Context:
    """A context whose base has this template."""
    context = fake_context(root, serve=FakeServe(answer))
    context.base_folder.mkdir(parents=True, exist_ok=True)
    (context.base_folder / "chat_template.jinja").write_text(template)
    return context


def evaluated(suite: Suite, root: Path, answer: Any = thoughtful, template: str = THINKS) -> Evaluation:
    context = context_on(template, root, answer)
    return evaluate_with(lambda name: Exact(), fake_build(), EvaluationConfig(suite=suite), context)


def test_scorers_read_the_answer_alone_and_the_reasoning_stands_beside_it(tmp_path: Path, suite: Suite) -> None:
    found = evaluated(suite, tmp_path)
    assert [one.score for one in found.outcomes] == [1.0] * 4
    assert [one.answer for one in found.outcomes] == ["yes", "no", "yes", "no"]
    assert [one.reasoning for one in found.outcomes] == [("Shall I?",), ("",), ("Shall I?",), ("",)]
    assert decode_record(encode_record(found)) == found
    rate = thinking_rate(found.outcomes)
    assert rate is not None
    assert (rate.value, rate.n) == (0.5, 4)


def test_a_base_that_does_not_think_has_no_rate_and_its_words_stay_whole(tmp_path: Path, suite: Suite) -> None:
    found = evaluated(suite, tmp_path, template=PLAIN)
    assert found.outcomes[0].answer == "<think>\nShall I?\n</think>\n\nyes"
    assert found.outcomes[0].reasoning == ()
    assert thinking_rate(found.outcomes) is None


def test_earlier_thoughts_are_not_shown_to_the_model_again(tmp_path: Path, suite: Suite) -> None:
    item = replace(suite.items[0], follow_ups=("Really? say no",))
    context = context_on(THINKS, tmp_path, thoughtful)
    config = EvaluationConfig(suite=replace(suite, items=(item,), unit="item"))
    (outcome,) = evaluate_with(lambda name: Exact(), fake_build(), config, context).outcomes
    (served,) = context.serve.started  # type: ignore[attr-defined] - it is the fake
    assert [message.content for message in served.asked[-1].messages][1:] == ["yes", "Really? say no"]
    assert outcome.turns == ("yes", "no")
    assert outcome.reasoning == ("Shall I?", "")
    assert thinking_by_item([outcome]) == {"a1": 0.5}


def test_reasoning_that_the_token_limit_cut_leaves_no_answer_and_says_so(tmp_path: Path, suite: Suite) -> None:
    cut = Reply(text="<think>\nLet me", cut=True)
    assert kept_apart(cut, MARKS) == Reply(text="", cut=True, reasoning="Let me")
    begun = replace(MARKS, begun=True)
    assert kept_apart(Reply(text="Let me", cut=True), begun) == Reply(text="", cut=True, reasoning="Let me")
    assert kept_apart(Reply(text="Let me.</think> Yes."), begun) == Reply(text="Yes.", reasoning="Let me.")
    assert kept_apart(Reply(failure="gone"), MARKS) == Reply(failure="gone")


def test_a_template_that_opens_the_block_itself_is_known_by_its_prompt() -> None:
    assert thinking_marks(BEGINS) == replace(MARKS, begun=True)
    assert thinking_marks(THINKS) == MARKS
    qwen = "<think></think>{% if add_generation_prompt %}{% if not on %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    assert thinking_marks(qwen) == MARKS


def test_what_is_on_record_comes_back_with_its_reasoning(tmp_path: Path, suite: Suite) -> None:
    found = evaluated(suite, tmp_path)
    assert replies_of(found.outcomes[0]) == (Reply(text="yes", reasoning="Shall I?"),)
    assert replies_of(found.outcomes[1]) == (Reply(text="no", reasoning=""),)


def twelve(suite: Suite) -> Suite:
    items = tuple(replace(suite.items[0], id=f"i{n}", pair=None) for n in range(12))
    return replace(suite, items=items, unit="item")


def test_a_report_prints_the_rate_and_tells_when_it_fell(tmp_path: Path, suite: Suite) -> None:
    many = twelve(suite)
    before = view("champion", evaluated(many, tmp_path / "old"), "item")
    after = view("candidate", evaluated(many, tmp_path / "new", lambda build, request: "yes"), "item")
    (table,) = thinking_parts([before, after])
    assert [row[:2] + row[3:] for row in table.rows] == [  # type: ignore[union-attr] - it is a table
        ("champion", "1.00", "12"),
        ("candidate", "0.00", "12"),
    ]
    (warning,) = thinking_warnings([before, after])
    assert "candidate thinks before it answers less often than champion" in warning
    assert "12 items" in warning
    assert list(thinking_warnings([after, before])) == []
    assert list(thinking_warnings([before, before])) == []


def plant_thinking(folder: Path) -> Path:
    """A model that says `<think>`, a letter, `</think>` and another letter, whatever it is asked.

    Its layers add nothing, so each token is followed by the one whose row of the head lies along its embedding.
    """
    import torch
    from safetensors.torch import load_file, save_file

    from selftune.builds.tiny import TINY_TEMPLATE, make_tiny_model
    from selftune.training.rows import load_tokenizer

    make_tiny_model(folder, tied=False)
    body = json.loads((folder / "tokenizer.json").read_text())
    where = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    first = max(body["model"]["vocab"].values()) + 1
    body["added_tokens"] += [
        {"id": first + place, "content": mark, **where} for place, mark in enumerate((MARKS.opens, MARKS.closes))
    ]
    (folder / "tokenizer.json").write_text(json.dumps(body))
    (folder / "chat_template.jinja").write_text(TINY_TEMPLATE + "{% if false %}<think></think>{% endif %}")
    tokenizer = load_tokenizer(folder)
    chain = [tokenizer(text, add_special_tokens=False)["input_ids"][-1] for text in ("\n", "<think>", "a")]
    chain += [tokenizer(text, add_special_tokens=False)["input_ids"][-1] for text in ("</think>", "b", "<|im_end|>")]
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights[name].zero_()
    weights["model.norm.weight"].fill_(1.0)
    weights["lm_head.weight"].zero_()
    along = torch.nn.functional.normalize(weights["model.embed_tokens.weight"], dim=1)
    for before, after in pairwise(chain):
        weights["lm_head.weight"][after] += along[before]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.needs("train", "serve")
def test_a_served_model_that_thinks_is_scored_by_its_answer(tmp_path: Path, suite: Suite) -> None:
    from selftune.builds.gguf_writer import write_gguf
    from selftune.builds.tensor_types import Quantisation
    from selftune.builds.tensors import open_folder
    from selftune.serving.llama_cpp import LlamaCpp, order_for, run_server

    folder, model = plant_thinking(tmp_path / "base"), tmp_path / "model.gguf"
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, model, Quantisation.F32)
    file = FileDigest(name="model.gguf", digest=digest_file(model), size_bytes=model.stat().st_size)
    build = fake_build(files=(file,))
    with run_server(order_for(build, lambda digest: model), tmp_path / "log") as server:
        build = replace(build, template_digest=server.proof.template_digest)
    context = replace(
        fake_context(tmp_path / "work"), serve=LlamaCpp(lambda digest: model, tmp_path / "logs"), base_folder=folder
    )
    config = EvaluationConfig(suite=replace(suite, items=suite.items[:2]))
    found = evaluate_with(lambda name: Exact(), build, config, context)
    assert [(one.reasoning, one.answer) for one in found.outcomes] == [(("a",), "b")] * 2
