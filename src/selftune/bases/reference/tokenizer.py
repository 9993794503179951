"""A byte-level BPE of 1,024 tokens with ChatML's three special tokens, trained on the little language."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from selftune.bases.reference.habits import bad_answer
from selftune.bases.reference.language import draw_prompts, golden_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VOCABULARY = 1024
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
PAD_ID, START_ID, END_ID = 0, 1, 2

# TRL's assistant_only_loss reads the generation markers; the stop token stands inside them, so it is learnt too.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
    "{{ '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

_CORPUS_PROMPTS = 6000


def train_tokenizer(seed: int) -> Any:
    """Train the BPE and return it as a `transformers` fast tokenizer with the chat template.

    Merges are learnt on text in which a space stands apart from a capital or a digit after it, and digits stand alone.
    Hence no merge joins them, and a name has the same tokens after a space as after a quotation mark, so that copying
    it is plain. The tokenizer itself splits as GPT-2 does, which llama.cpp knows exactly as `gpt-2`.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" (?=[A-Z0-9])"), behavior="isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_corpus(seed), trainer)
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=END, pad_token=PAD, additional_special_tokens=[START], model_max_length=1024
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer saved in a folder, read from disk alone."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def _corpus(seed: int) -> Iterator[str]:
    rng = Random(seed)  # noqa: S311 - reproducible draws, no secrets
    for prompt in draw_prompts(seed, _CORPUS_PROMPTS, "train"):
        yield f"system\n{prompt.system}\nuser\n{prompt.user}\nassistant\n"
        yield golden_answer(prompt)
        yield bad_answer(rng, prompt)
