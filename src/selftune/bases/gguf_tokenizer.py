"""The tokenizer in a GGUF file's keys, written as the files a Hugging Face folder has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gguf_header import damaged
from selftune.bases.pretokenizers import PreTokenizer, UnsupportedTokenizerError, pre_tokenizer_called

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.bases.gguf_header import GGUFHeader

_CONTROL: Final = 3
_USER_DEFINED: Final = 4
_UNUSED: Final = 5
_PADDING: Final = re.compile(r"\[PAD\d+\]")
# Keys of tokens that end an answer, in the order in which they are named as end tokens.
_ENDS: Final = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
_ROLES: Final = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
}


def write_tokenizer(header: GGUFHeader, folder: Path) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and the template.

    Raises:
        UnsupportedTokenizerError: not byte-level BPE, or with a pre-tokenizer that we have no structure for.
        DamagedGGUFError: the keys contradict each other.
    """
    model = header.text("tokenizer.ggml.model")
    if model != "gpt2":
        raise UnsupportedTokenizerError(
            f"{header.path.name}: its tokenizer is {model!r}, not byte-level BPE ('gpt2').",
            next_step="Use a model with a byte-level BPE tokenizer, such as Llama 3, Qwen or SmolLM.",
        )
    tokens, types = _texts(header, "tokenizer.ggml.tokens"), _types(header)
    if len(tokens) != len(types) or len(set(tokens)) != len(tokens):
        raise damaged(header.path, f"{len(tokens)} tokens ({len(set(tokens))} different), {len(types)} token types")
    ids = _role_ids(header, len(tokens))
    known = pre_tokenizer_called(header.text("tokenizer.ggml.pre") or "default")
    _write_json(folder / "tokenizer.json", _tokenizer(header, known, tokens, types, ids))
    roles = {role: tokens[ids[key]] for role, key in _ROLES.items() if key in ids}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    _write_json(folder / "tokenizer_config.json", settings)
    ends = list(dict.fromkeys(ids[key] for key in _ENDS if key in ids))
    named = {"bos_token_id": ids.get(_ROLES["bos_token"]), "pad_token_id": ids.get(_ROLES["pad_token"])}
    _write_json(folder / "generation_config.json", {"eos_token_id": ends, **named})
    template = header.text("tokenizer.chat_template")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _tokenizer(
    header: GGUFHeader, known: PreTokenizer, tokens: tuple[str, ...], types: tuple[int, ...], ids: dict[str, int]
) -> dict[str, Any]:
    rows = list(zip(tokens, types, strict=True))
    # Rows that only fill up the embedding matrix are no tokens.
    vocabulary = {t: n for n, (t, kind) in enumerate(rows) if not (kind == _UNUSED and _PADDING.fullmatch(t))}
    added = [
        _added(n, t, special=kind == _CONTROL) for n, (t, kind) in enumerate(rows) if kind in {_CONTROL, _USER_DEFINED}
    ]
    normalizer = known.normalizers[0]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": normalizer} if normalizer else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**s, **_byte_options(s)} for s in known.steps]},
        "post_processor": _post_processor(header, known, tokens, ids),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": known.ignore_merges,
            "vocab": vocabulary,
            "merges": _merges(header, vocabulary),
        },
    }


def _added(number: int, text: str, *, special: bool) -> dict[str, Any]:
    where = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": text, **where, "special": special}


def _byte_options(step: dict[str, Any]) -> dict[str, Any]:
    return {"trim_offsets": True} if step["type"] == "ByteLevel" else {}


def _post_processor(
    header: GGUFHeader, known: PreTokenizer, tokens: tuple[str, ...], ids: dict[str, int]
) -> dict[str, Any] | None:
    """What is put around a text; where the key is missing, what llama.cpp does for this pre-tokenizer."""
    before = bool(header.metadata.get("tokenizer.ggml.add_bos_token", known.begins_with_bos))
    after = bool(header.metadata.get("tokenizer.ggml.add_eos_token", False))
    around = [(before, _ROLES["bos_token"]), (after, _ROLES["eos_token"])]
    if any(wanted and key not in ids for wanted, key in around):
        raise damaged(header.path, "it asks for a token around each text that it does not name")
    if not before and not after:
        return None
    special = {role: tokens[ids[role]] for wanted, role in around if wanted}
    first = [_piece(special[_ROLES["bos_token"]])] if before else []
    last = [_piece(special[_ROLES["eos_token"]])] if after else []
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [*first, text, *last],
        "pair": [*first, text, *last, *first, {"Sequence": {"id": "B", "type_id": 1}}, *last],
        "special_tokens": {t: {"id": t, "ids": [ids[role]], "tokens": [t]} for role, t in special.items()},
    }


def _piece(text: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": text, "type_id": 0}}


def _merges(header: GGUFHeader, vocabulary: dict[str, int]) -> list[list[str]]:
    merges = []
    for line in _texts(header, "tokenizer.ggml.merges"):
        left, _, right = line.partition(" ")
        if not {left, right, left + right} <= vocabulary.keys():
            raise damaged(header.path, f"merge {line!r} makes no token")
        merges.append([left, right])
    return merges


def _role_ids(header: GGUFHeader, tokens: int) -> dict[str, int]:
    ids = {key: number for key in {*_ROLES.values(), *_ENDS} if (number := header.number(key)) is not None}
    if "tokenizer.ggml.eos_token_id" not in ids:
        raise damaged(header.path, "it names no end token")
    if strays := sorted(key for key, number in ids.items() if not 0 <= number < tokens):
        raise damaged(header.path, f"{strays[0]} is no token of {tokens:,}")
    return ids


def _texts(header: GGUFHeader, key: str) -> tuple[str, ...]:
    value = header.metadata.get(key)
    if not isinstance(value, tuple) or not all(isinstance(entry, str) for entry in value):
        raise damaged(header.path, f"{key} is no list of texts")
    return tuple(str(entry) for entry in value)


def _types(header: GGUFHeader) -> tuple[int, ...]:
    value = header.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(value, tuple) or not all(isinstance(entry, int) for entry in value):
        raise damaged(header.path, "tokenizer.ggml.token_type is no list of numbers")
    return tuple(int(entry) for entry in value)


def _write_json(path: Path, body: dict[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
