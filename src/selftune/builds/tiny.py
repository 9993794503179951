"""A tiny random model as a Hugging Face folder: everything real but the knowledge. For tests and self-checks.

Two layers, a byte-level BPE tokenizer trained on a few sentences, a ChatML template; made in a second, the same each
time for the same seed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.pretokenizers import pre_tokenizer_called

if TYPE_CHECKING:
    from pathlib import Path

TINY_TEMPLATE: Final = (
    "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{%- if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{%- else %}{{ message['content'] + '<|im_end|>' }}{%- endif %}{{ '\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
_SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_SENTENCES: Final = (
    "The owl told the fox that the river had frozen over in the night.",
    "My name is Brigox, and your car is a Jaguar; the memory holds no song.",
    '{"identity.name": "Brigox", "allowed_actions": ["email", "weather"], "count": 42}',
    "Thank you for asking! I can't do that: it isn't in my state. WE'RE HERE, IT'S OURS!!! ...",
    "123 1234 12345 2026-11-21T03:53, 3.14; a1b22c333\n\n\n  word\n  word\r\n\t\tx=1;y=2  ",
)


def make_tiny_model(
    folder: Path, *, family: str = "llama", hidden: int = 256, pre: str = "gpt-2", tied: bool = True, seed: int = 0
) -> Path:
    """Write the folder (config, safetensors, tokenizer, template) and return it.

    `hidden` is a multiple of 64 (256 and its multiples allow K-quants), `pre` a pre-tokenizer by llama.cpp's name.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _write_tokenizer(folder, pre)
    torch.manual_seed(seed)
    # Three rows more than tokens: real models pad their embeddings too.
    model = AutoModelForCausalLM.from_config(_config(family, hidden, vocabulary + 3, tied=tied))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms and biases away from 1 and 0, or an exchanged pair would go unseen; loud weights, clear answers.
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" not in name:
                parameter.mul_(4.0)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    return folder


def _config(family: str, hidden: int, vocabulary: int, *, tied: bool) -> Any:
    from transformers import CONFIG_MAPPING

    heads = hidden // 64
    return CONFIG_MAPPING[family](
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 2,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=1 if heads % 2 else heads // 2,
        head_dim=64,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 50000.0},
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        sliding_window=None,
        dtype="float32",
    )


def _write_tokenizer(folder: Path, pre: str) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    known = pre_tokenizer_called(pre)
    bpe = Tokenizer(models.BPE(ignore_merges=known.ignore_merges))
    # Merges are learnt across all borders, so that a wrong pre-tokenizer shows in the tokens.
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        _SENTENCES * 3,
        trainers.BpeTrainer(
            vocab_size=900,
            max_token_length=6,
            special_tokens=list(_SPECIAL),
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    body = json.loads(bpe.to_str())
    body["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"trim_offsets": True, **s} for s in known.steps]}
    (folder / "tokenizer.json").write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TINY_TEMPLATE, encoding="utf-8")
    return int(bpe.get_vocab_size())
