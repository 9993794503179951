"""The tokenizer in a GGUF file's keys, written as the files a Hugging Face folder has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gguf_header import damaged
from selftune.bases.pretokenizers import UnsupportedTokenizerError, pre_tokenizer_called
from selftune.bases.sentencepiece import SPACE, splits_of

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.bases.gguf_header import GGUFHeader

# llama.cpp's names of the two kinds of tokenizer.
BYTE_LEVEL: Final = "gpt2"
SENTENCEPIECE: Final = "llama"
_NORMAL: Final = 1
_UNKNOWN: Final = 2
_CONTROL: Final = 3
_USER_DEFINED: Final = 4
_UNUSED: Final = 5
_PADDING: Final = re.compile(r"\[PAD\d+\]")
# Keys of tokens that end an answer, in the order in which they are named as end tokens.
_ENDS: Final = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
_PLAIN_BPE: Final[dict[str, Any]] = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
_ROLES: Final = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
}


def write_tokenizer(header: GGUFHeader, folder: Path) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and the template.

    Raises:
        UnsupportedTokenizerError: neither byte-level BPE nor SentencePiece's, or with a pre-tokenizer unknown to us.
        DamagedGGUFError: the keys contradict each other.
    """
    if reasons := against_tokenizer_keys(header):
        raise UnsupportedTokenizerError(
            f"{header.path.name}: {'; '.join(reasons)}.",
            next_step="Use a model with a byte-level BPE tokenizer or SentencePiece's, such as Llama, Qwen or Mistral.",
        )
    tokens, types = _texts(header, "tokenizer.ggml.tokens"), _types(header)
    if len(tokens) != len(types) or len(set(tokens)) != len(tokens):
        raise damaged(header.path, f"{len(tokens)} tokens ({len(set(tokens))} different), {len(types)} token types")
    ids = _role_ids(header, len(tokens))
    make = _pieces if header.text("tokenizer.ggml.model") == SENTENCEPIECE else _byte_level
    _write_json(folder / "tokenizer.json", make(header, tokens, types, ids))
    roles = {role: tokens[ids[key]] for role, key in _ROLES.items() if key in ids}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    _write_json(folder / "tokenizer_config.json", settings)
    ends = list(dict.fromkeys(ids[key] for key in _ENDS if key in ids))
    named = {"bos_token_id": ids.get(_ROLES["bos_token"]), "pad_token_id": ids.get(_ROLES["pad_token"])}
    _write_json(folder / "generation_config.json", {"eos_token_id": ends, **named})
    template = header.text("tokenizer.chat_template")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def against_tokenizer_keys(header: GGUFHeader) -> tuple[str, ...]:
    """Why the tokenizer in a GGUF file can't be rebuilt; empty when it can."""
    model = header.text("tokenizer.ggml.model")
    if model == SENTENCEPIECE:
        return ()
    if model != BYTE_LEVEL:
        return (f"its tokenizer is {model!r}, neither byte-level BPE ({BYTE_LEVEL!r}) nor SentencePiece's",)
    try:
        pre_tokenizer_called(header.text("tokenizer.ggml.pre") or "default")
    except UnsupportedTokenizerError as error:
        return (error.message.removesuffix("."),)
    return ()


def _byte_level(
    header: GGUFHeader, tokens: tuple[str, ...], types: tuple[int, ...], ids: dict[str, int]
) -> dict[str, Any]:
    known = pre_tokenizer_called(header.text("tokenizer.ggml.pre") or "default")
    normalizer, vocabulary = known.normalizers[0], _vocabulary(tokens, types)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokens, types, (_CONTROL,)),
        "normalizer": {"type": normalizer} if normalizer else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**s, **_byte_options(s)} for s in known.steps]},
        "post_processor": _post_processor(header, tokens, ids, begins=known.begins_with_bos),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": _PLAIN_BPE
        | {"ignore_merges": known.ignore_merges, "vocab": vocabulary, "merges": _merges(header, vocabulary)},
    }


def _pieces(header: GGUFHeader, tokens: tuple[str, ...], types: tuple[int, ...], ids: dict[str, int]) -> dict[str, Any]:
    """A tokenizer that falls back to bytes; its merges are every way to make a token of two, by its score."""
    vocabulary, spaces = _vocabulary(tokens, types), {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    prepended = [{"type": "Prepend", "prepend": SPACE}, spaces]
    space_first = bool(header.metadata.get("tokenizer.ggml.add_space_prefix", True))
    back = [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"}]
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if space_first else []
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokens, types, (_UNKNOWN, _CONTROL)),
        "normalizer": {"type": "Sequence", "normalizers": prepended} if space_first else spaces,
        "pre_tokenizer": None,
        "post_processor": _post_processor(header, tokens, ids, begins=True),
        "decoder": {"type": "Sequence", "decoders": [*back, {"type": "Fuse"}, *strip]},
        "model": _PLAIN_BPE
        | {"byte_fallback": True, "fuse_unk": True, "unk_token": next(iter(_of_type(tokens, types, _UNKNOWN)), None)}
        | {"vocab": vocabulary, "merges": _merges_by_score(header, tokens, types, vocabulary)},
    }


def _merges_by_score(
    header: GGUFHeader, tokens: tuple[str, ...], types: tuple[int, ...], vocabulary: dict[str, int]
) -> list[list[str]]:
    scores = header.metadata.get("tokenizer.ggml.scores")
    if not isinstance(scores, tuple) or len(scores) != len(tokens) or not all(isinstance(s, float) for s in scores):
        raise damaged(header.path, "tokenizer.ggml.scores is not one number for each token")
    splits = {token: splits_of(token, vocabulary) for token in _of_type(tokens, types, _NORMAL)}
    made = sorted((-float(scores[vocabulary[token]]), token) for token, ways in splits.items() if ways)
    if len({score for score, _ in made}) != len(made):
        raise UnsupportedTokenizerError(
            f"{header.path.name}: two of its tokens have one score, so their merges have no order.",
            next_step="Get the model as a Hugging Face folder.",
        )
    return [list(split) for _, token in made for split in splits[token]]


def _of_type(tokens: tuple[str, ...], types: tuple[int, ...], wanted: int) -> list[str]:
    return [token for token, kind in zip(tokens, types, strict=True) if kind == wanted]


def _vocabulary(tokens: tuple[str, ...], types: tuple[int, ...]) -> dict[str, int]:
    """Every token but the rows that only fill up the embedding matrix."""
    rows = enumerate(zip(tokens, types, strict=True))
    return {text: number for number, (text, kind) in rows if not (kind == _UNUSED and _PADDING.fullmatch(text))}


def _added_tokens(tokens: tuple[str, ...], types: tuple[int, ...], special: tuple[int, ...]) -> list[dict[str, Any]]:
    rows = enumerate(zip(tokens, types, strict=True))
    return [_added(n, text, special=kind in special) for n, (text, kind) in rows if kind in {*special, _USER_DEFINED}]


def _added(number: int, text: str, *, special: bool) -> dict[str, Any]:
    where = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": text, **where, "special": special}


def _byte_options(step: dict[str, Any]) -> dict[str, Any]:
    return {"trim_offsets": True} if step["type"] == "ByteLevel" else {}


def _post_processor(
    header: GGUFHeader, tokens: tuple[str, ...], ids: dict[str, int], *, begins: bool
) -> dict[str, Any] | None:
    """What is put around a text; where the key is missing, what llama.cpp does, which `begins` says."""
    before = bool(header.metadata.get("tokenizer.ggml.add_bos_token", begins))
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
