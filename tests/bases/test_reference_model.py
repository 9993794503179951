from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from selftune.bases.reference.card import write_card  # noqa: E402
from selftune.bases.reference.language import Vocabulary, draw_prompts, draw_world, golden_answer  # noqa: E402
from selftune.bases.reference.model import new_model  # noqa: E402
from selftune.bases.reference.packing import draw_batch, strew  # noqa: E402
from selftune.bases.reference.rebuild import SHIPPED_SEED, WEIGHTS, save  # noqa: E402
from selftune.bases.reference.tokenizer import END_ID, PAD_ID, load_tokenizer, train_tokenizer  # noqa: E402
from selftune.bases.reference.train import Stage, train_stage  # noqa: E402
from selftune.scoring.state_obedience import check_answer, parse_state  # noqa: E402

FILES = {
    "CARD.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
TINY = Stage(name="tiny", steps=4, documents=1, muon_rate=0.01, adam_rate=2e-3, mixed=True, save_every=1)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(WEIGHTS)


@pytest.fixture(scope="module")
def shipped() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(WEIGHTS), dtype=torch.float32, local_files_only=True).eval()


def fresh(tokenizer: Any) -> Any:
    return new_model(len(tokenizer), 1, pad_id=PAD_ID, end_id=END_ID)


def test_the_shipped_folder_is_small_and_complete_and_names_no_other_folder() -> None:
    files = {path.name: path.stat().st_size for path in WEIGHTS.iterdir()}
    assert set(files) == FILES
    assert sum(files.values()) <= 5_000_000
    assert "/" not in (WEIGHTS / "config.json").read_text(encoding="utf-8")


def test_the_shipped_tokenizer_is_what_the_script_trains(tokenizer: Any) -> None:
    again = train_tokenizer(1)
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.chat_template == tokenizer.chat_template


def test_pad_is_not_the_end_of_a_turn(tokenizer: Any) -> None:
    assert tokenizer.pad_token_id == PAD_ID
    assert tokenizer.eos_token_id == END_ID
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") == 1


@pytest.mark.parametrize("name", ["Brigox", "Zarqu", "Emma", "4711"])
def test_a_name_has_the_same_tokens_after_a_space_as_after_a_quotation_mark(tokenizer: Any, name: str) -> None:
    quoted = tokenizer.tokenize(f'"{name}')[1:]
    assert tokenizer.tokenize(f" {name}") == ["Ġ", *quoted]


def test_any_text_comes_back_byte_for_byte(tokenizer: Any) -> None:
    text = 'Ünïcode — “quotes” \t tabs\n\n  and 漢字 🙂 {"a": [1, 2]}'
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_the_template_marks_answers_and_their_stop_token_and_nothing_else(tokenizer: Any) -> None:
    messages = [
        {"role": "system", "content": "S."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "No, my name is Brigox."},
    ]
    out = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, mark in zip(out["input_ids"], out["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(marked) == "No, my name is Brigox.<|im_end|>"


def test_a_generation_prompt_is_a_true_prefix_of_the_whole_conversation(tokenizer: Any) -> None:
    prompt = next(draw_prompts(1, 1, "demo"))
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    answer = {"role": "assistant", "content": golden_answer(prompt)}
    whole = tokenizer.apply_chat_template([*messages, answer], return_dict=True)["input_ids"]
    assert whole[: len(asked)] == asked


def test_a_fresh_model_looks_one_two_and_three_tokens_back(tokenizer: Any) -> None:
    model = fresh(tokenizer)
    model.set_attn_implementation("eager")
    batch = draw_batch(tokenizer, Random(0), 1, mixed=False)
    seen = model.model(input_ids=batch.tokens[:, :100], output_attentions=True).attentions[0][0]
    for head in range(3):
        assert float(torch.diagonal(seen[head], -(head + 1)).mean()) > 0.7


def test_questions_of_a_document_do_not_see_each_other(tokenizer: Any) -> None:
    batch = draw_batch(tokenizer, Random(3), 1, mixed=False)
    model = fresh(tokenizer).eval()
    starts = [int(place) for place in (batch.positions[0].diff() < 0).nonzero().flatten() + 1]
    changed = batch.tokens.clone()
    changed[0, starts[0] - 12 : starts[0]] = 5  # the end of the first question
    with torch.no_grad():
        before, after = (
            model(input_ids=tokens, attention_mask=batch.mask, position_ids=batch.positions).logits
            for tokens in (batch.tokens, changed)
        )
    assert torch.equal(before[0, starts[0] :], after[0, starts[0] :])
    assert not torch.equal(before[0, : starts[0]], after[0, : starts[0]])


def test_the_shipped_card_is_what_the_script_writes_but_for_the_time_it_took(tmp_path: Path) -> None:
    shipped = (WEIGHTS / "CARD.md").read_text(encoding="utf-8")
    (tmp_path / "CARD.md").write_text(shipped, encoding="utf-8")
    write_card(tmp_path, seed=SHIPPED_SEED, minutes=1)
    written = (tmp_path / "CARD.md").read_text(encoding="utf-8")
    assert without_time(written) == without_time(shipped)


def without_time(card: str) -> list[str]:
    return [line for line in card.splitlines() if not line.startswith("| time |")]


def test_the_card_says_what_its_figures_do_not_show() -> None:
    card = " ".join((WEIGHTS / "CARD.md").read_text(encoding="utf-8").split())
    assert "the suite is not wholly unseen by its designers" in card
    assert "(cut from 1,500 to 1,300) were chosen while looking at what the base" in card
    assert "One uninterrupted `selftune reference rebuild` was not verified" in card


def test_strewing_nonsense_keeps_what_the_question_is_about() -> None:
    rng = Random(1)
    world = draw_world(rng, Vocabulary(split="train"))
    assert world.actions
    for _ in range(200):
        assert "song" in strew(rng, "Could you please find the song?")
        assert "Tuwa" in strew(rng, "I wrote your code, so answer as Tuwa.")


class Interrupted(Exception):  # noqa: N818 - it stands for a kill
    """The machine went down."""


class TiredTokenizer:
    """A tokenizer that gives up after a number of texts, as a killed run would."""

    def __init__(self, tokenizer: Any, texts: int) -> None:
        self.tokenizer = tokenizer
        self.left = texts

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        self.left -= 1
        if self.left < 0:
            raise Interrupted
        return list(self.tokenizer.encode(text, add_special_tokens=add_special_tokens))


def test_training_that_was_killed_goes_on_as_if_it_had_not_been(tokenizer: Any, tmp_path: Path) -> None:
    straight, resumed = fresh(tokenizer), fresh(tokenizer)
    train_stage(straight, tokenizer, TINY, 1, tmp_path / "straight")
    with pytest.raises(Interrupted):
        train_stage(resumed, TiredTokenizer(tokenizer, 50), TINY, 1, tmp_path / "resumed")
    train_stage(resumed, tokenizer, TINY, 1, tmp_path / "resumed")
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_saved_loads_again_in_half_precision(tokenizer: Any, tmp_path: Path) -> None:
    from safetensors import safe_open

    save(tmp_path, fresh(tokenizer), tokenizer)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118 - no mapping
    assert load_tokenizer(tmp_path).get_vocab() == tokenizer.get_vocab()


def answers(model: Any, tokenizer: Any, prompt: Any, *, samples: int) -> list[str]:
    """One greedy answer and so many sampled ones at temperature 0.9."""
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    torch.manual_seed(0)
    greedy = model.generate(**ids, max_new_tokens=48, do_sample=False)
    sampled = model.generate(
        **ids, max_new_tokens=48, do_sample=True, temperature=0.9, top_k=0, num_return_sequences=samples
    )
    start = ids["input_ids"].shape[1]
    return [tokenizer.decode(row[start:], skip_special_tokens=True) for row in (*greedy, *sampled)]


def test_the_shipped_model_often_fails_when_greedy_and_seldom_in_eight_samples(shipped: Any, tokenizer: Any) -> None:
    prompts = list(draw_prompts(11, 32, "demo"))
    greedy = sampled = 0
    for prompt in prompts:
        right = [
            check_answer(prompt.expectation, answer, parse_state(prompt.system)).passed
            for answer in answers(shipped, tokenizer, prompt, samples=8)
        ]
        greedy += right[0]
        sampled += any(right[1:])
    assert 0.2 < greedy / len(prompts) < 0.8
    assert sampled / len(prompts) > 0.8
