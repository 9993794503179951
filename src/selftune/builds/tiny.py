"""A tiny random model as a Hugging Face folder: everything real but the knowledge. For tests and self-checks.

Two layers, a BPE tokenizer trained on a few sentences, a template; made in a second, the same each time for the same
seed. The tokenizer is byte-level with a ChatML template, as Llama 3's and Qwen's, or one that falls back to bytes with
Mistral's or Gemma's template, as SentencePiece's are in `tokenizer.json`. Gemma 3 has six layers: the sixth is another.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gemma import FAMILY as GEMMA
from selftune.bases.pretokenizers import pre_tokenizer_called
from selftune.bases.sentencepiece import BYTES, SPACE, splits_of

if TYPE_CHECKING:
    from pathlib import Path

TINY_TEMPLATE: Final = (
    "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{%- if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{%- else %}{{ message['content'] + '<|im_end|>' }}{%- endif %}{{ '\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
INSTRUCT_TEMPLATE: Final = (
    "{{- bos_token }}{%- for message in messages %}"
    "{%- if message['role'] == 'assistant' %}"
    "{% generation %}{{ ' ' + message['content'] + eos_token }}{% endgeneration %}"
    "{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}{%- endfor %}"
)
PREPENDED: Final = "prepended"
"""A tokenizer that puts a space before every text, also after a special token (Llama 2)."""
MARKED: Final = "marked"
"""A tokenizer that puts one only where a text begins (Mistral v0.3)."""
TURNS: Final = "turns"
"""A tokenizer that never puts one, with the template of turns that Gemma has."""
TURN_TEMPLATE: Final = (
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\n' }}"
    "{%- if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<end_of_turn>' }}{% endgeneration %}"
    "{%- else %}{{- message['content'] + '<end_of_turn>' }}{%- endif %}{{ '\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{%- endif %}"
)
_SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_FIRST: Final = "<|begin_of_text|>"
_INSTRUCT_SPECIAL: Final = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]")
_TURN_SPECIAL: Final = ("<unk>", "<bos>", "<end_of_turn>", "<start_of_turn>", "<eos>")
_SPACES: Final[dict[str, dict[str, Any]]] = {
    PREPENDED: {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
    },
    MARKED: {
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False},
    },
    TURNS: {
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
    },
}
_SENTENCES: Final = (
    "The owl told the fox that the river had frozen over in the night.",
    "My name is Brigox, and your car is a Jaguar; the memory holds no song.",
    '{"identity.name": "Brigox", "allowed_actions": ["email", "weather"], "count": 42}',
    "Thank you for asking! I can't do that: it isn't in my state. WE'RE HERE, IT'S OURS!!! ...",
    "123 1234 12345 2026-11-21T03:53, 3.14; a1b22c333\n\n\n  word\n  word\r\n\t\tx=1;y=2  ",
)


def make_tiny_model(
    folder: Path,
    *,
    family: str = "llama",
    hidden: int = 256,
    pre: str = "gpt-2",
    tied: bool = True,
    bos: bool = False,
    rope: tuple[tuple[str, Any], ...] = (),
    seed: int = 0,
) -> Path:
    """Write the folder (config, safetensors, tokenizer, template) and return it.

    Args:
        folder: Where it goes.
        family: transformers' `model_type`.
        hidden: A multiple of 64; 256 and its multiples allow K-quants.
        pre: A pre-tokenizer by llama.cpp's name; `PREPENDED`, `MARKED` or `TURNS` for one that falls back to bytes.
        tied: Whether the head is the embedding.
        bos: Whether tokenizer and template put a first token before a text; those that fall back to bytes always do.
        rope: Names and values beside theta in `rope_parameters`, such as Llama 3.1's.
        seed: Of the weights.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    pieces = pre in _SPACES
    vocabulary = _write_pieces(folder, pre) if pieces else _write_tokenizer(folder, pre, bos=bos)
    torch.manual_seed(seed)
    # Three rows more than tokens: real models pad their embeddings too.
    model = AutoModelForCausalLM.from_config(_config(family, hidden, vocabulary + 3, tied=tied, rope=rope))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms and biases away from 1 and 0, or an exchanged pair would go unseen; loud weights, clear answers.
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" not in name:
                parameter.mul_(4.0)
    # Gemma's tokenizer names one token as its end, and its turns end with another.
    model.generation_config.eos_token_id = [4, 2] if pre == TURNS else 2
    model.save_pretrained(folder)
    return folder


def _config(family: str, hidden: int, vocabulary: int, *, tied: bool, rope: tuple[tuple[str, Any], ...]) -> Any:
    from transformers import CONFIG_MAPPING

    heads = hidden // 64
    alike = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": hidden * 2,
        "num_attention_heads": heads,
        "num_key_value_heads": 1 if heads % 2 else heads // 2,
        "head_dim": 64,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "dtype": "float32",
    }
    own: dict[str, Any]
    if family == GEMMA:
        own = {"num_hidden_layers": 6, "query_pre_attn_scalar": 64, "sliding_window": 16, "tie_word_embeddings": True}
    else:
        own = {
            "num_hidden_layers": 2,
            "tie_word_embeddings": tied,
            "rms_norm_eps": 1e-5,
            "sliding_window": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0, **dict(rope)},
        }
    return CONFIG_MAPPING[family](**alike, **own)


def _write_tokenizer(folder: Path, pre: str, *, bos: bool) -> int:
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
            special_tokens=[*_SPECIAL, *([_FIRST] if bos else [])],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    body = json.loads(bpe.to_str())
    body["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"trim_offsets": True, **s} for s in known.steps]}
    body["post_processor"] = _begin_with(_FIRST, len(_SPECIAL)) if bos else None
    roles = {"bos_token": _FIRST if bos else "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    _write_files(folder, body, roles, ("{{- bos_token }}" if bos else "") + TINY_TEMPLATE)
    return int(bpe.get_vocab_size())


def _write_pieces(folder: Path, pre: str) -> int:
    """Special tokens, the 256 bytes, what merges make by rank, single characters: SentencePiece's order."""
    from tokenizers import Tokenizer, models, normalizers, trainers

    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", SPACE)
    trainer = trainers.BpeTrainer(vocab_size=600, max_token_length=6, show_progress=False)
    trained.train_from_iterator([SPACE + sentence for sentence in _SENTENCES * 3], trainer)
    model = json.loads(trained.to_str())["model"]
    made = [left + right for left, right in model["merges"]]
    letters = sorted(set(model["vocab"]) - set(made))
    special = _TURN_SPECIAL if pre == TURNS else _INSTRUCT_SPECIAL
    vocabulary = {token: number for number, token in enumerate([*special, *BYTES, *made, *letters])}
    back = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if pre == PREPENDED else []
    # SentencePiece holds no merges: converters list every way to make a token of two others.
    merges = [list(split) for token in made for split in splits_of(token, vocabulary)]
    body = {
        "version": "1.0",
        "added_tokens": [_added(number, token) for number, token in enumerate(special)],
        "post_processor": _begin_with(special[1], 1),
        "decoder": {"type": "Sequence", "decoders": [*back, *strip]},
        "model": model | {"vocab": vocabulary, "merges": merges} | {"unk_token": "<unk>", "fuse_unk": True}
        | {"byte_fallback": True, "ignore_merges": False},
        **_SPACES[pre],
    }  # fmt: skip
    end = special[4] if pre == TURNS else special[2]
    roles = {"bos_token": special[1], "eos_token": end, "unk_token": "<unk>", "pad_token": "<unk>"}
    _write_files(folder, body, roles, TURN_TEMPLATE if pre == TURNS else INSTRUCT_TEMPLATE)
    return len(vocabulary)


def _write_files(folder: Path, tokenizer: dict[str, Any], roles: dict[str, str], template: str) -> None:
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **roles,
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _begin_with(token: str, number: int) -> dict[str, Any]:
    first, text = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [first, text],
        "pair": [first, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def _added(number: int, token: str) -> dict[str, Any]:
    where = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": token, **where, "special": True}
