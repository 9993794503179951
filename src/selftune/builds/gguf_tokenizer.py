"""The tokenizer of a Hugging Face folder as GGUF keys: byte-level BPE only, everything else refused by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.pretokenizers import UnsupportedTokenizerError, name_pre_tokenizer
from selftune.bases.shape import read_json

if TYPE_CHECKING:
    from pathlib import Path

# `tokenizer.ggml.token_type` (llama.h, `llama_token_type`).
NORMAL: Final = 1
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5


@dataclass(frozen=True, kw_only=True)
class GGUFTokenizer:
    """What a GGUF file says about its tokenizer.

    Attributes:
        add_bos: Whether text is begun with `bos_id`. Always written: without the key llama.cpp prepends token 11.
        bos_id: Where the tokenizer has none, the end token stands in; with `add_bos` false it is never used.
        more_end_ids: Further tokens that end an answer, beside `eos_id`.
    """

    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    bos_id: int
    eos_id: int
    pad_id: int | None
    unknown_id: int | None
    add_bos: bool
    add_eos: bool
    more_end_ids: tuple[int, ...]


def read_tokenizer(folder: Path, rows: int) -> GGUFTokenizer:
    """The tokenizer of a folder, padded to the `rows` of the embedding matrix.

    Raises:
        UnsupportedTokenizerError: not byte-level BPE, an unknown pre-tokenizer, or more tokens than rows.
    """
    tokenizer = read_json(folder / "tokenizer.json")
    _refuse_unless_plain_bpe(tokenizer)
    tokens, types = _vocabulary(tokenizer, rows)
    ids = {token: number for number, token in enumerate(tokens)}
    special = _special_ids(folder, ids)
    ends = _end_ids(folder, special)
    first, last = _added_around(tokenizer)
    bos = special.get("bos_token", ends[0])
    return GGUFTokenizer(
        pre=name_pre_tokenizer(tokenizer),
        tokens=tokens,
        types=types,
        merges=tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]),
        bos_id=bos,
        eos_id=ends[0],
        pad_id=special.get("pad_token"),
        unknown_id=special.get("unk_token"),
        add_bos=first == bos,
        add_eos=last in ends,
        more_end_ids=ends[1:],
    )


def _refuse_unless_plain_bpe(tokenizer: dict[str, Any]) -> None:
    model = tokenizer["model"]
    objections = {
        f"its model is {model.get('type')}, not BPE": model.get("type") != "BPE",
        "it falls back to bytes (SentencePiece)": bool(model.get("byte_fallback")),
        "it marks word parts by a prefix or suffix": bool(
            model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
        ),
        "it drops merges at random": bool(model.get("dropout")),
    }
    reasons = [reason for reason, present in objections.items() if present]
    if reasons:
        raise UnsupportedTokenizerError(
            f"the tokenizer can't be written as GGUF: {'; '.join(reasons)}.",
            next_step="Use a base with a byte-level BPE tokenizer.",
        )


def _vocabulary(tokenizer: dict[str, Any], rows: int | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    entries = {number: (token, NORMAL) for token, number in tokenizer["model"]["vocab"].items()}
    for added in tokenizer.get("added_tokens", ()):
        entries[added["id"]] = (added["content"], CONTROL if added["special"] else USER_DEFINED)
    rows = max(entries, default=-1) + 1 if rows is None else rows
    if entries and max(entries) >= rows:
        raise UnsupportedTokenizerError(
            f"the tokenizer has token {max(entries)}, the model only {rows} rows.",
            next_step="Use the tokenizer that belongs to these weights.",
        )
    padded = [entries.get(number, (f"[PAD{number}]", UNUSED)) for number in range(rows)]
    return tuple(token for token, _ in padded), tuple(kind for _, kind in padded)


def _special_ids(folder: Path, ids: dict[str, int]) -> dict[str, int]:
    """bos, eos, pad and unk by their role, from `tokenizer_config.json`."""
    config = read_json(folder / "tokenizer_config.json")
    named = {role: config.get(role) for role in ("bos_token", "eos_token", "pad_token", "unk_token")}
    texts = {role: token["content"] if isinstance(token, dict) else token for role, token in named.items()}
    return {role: ids[text] for role, text in texts.items() if text in ids}


def end_ids(folder: Path) -> tuple[int, ...]:
    """Every token that ends an answer: the tokenizer's own end token first, then those of the model's configs."""
    tokens, _ = _vocabulary(read_json(folder / "tokenizer.json"), rows=None)
    return _end_ids(folder, _special_ids(folder, {token: number for number, token in enumerate(tokens)}))


def _end_ids(folder: Path, special: dict[str, int]) -> tuple[int, ...]:
    own = [special["eos_token"]] if "eos_token" in special else []
    ends = tuple(dict.fromkeys([*own, *_configured_end_ids(folder)]))
    if not ends:
        raise UnsupportedTokenizerError(
            f"{folder} names no end token, so an answer would never end.",
            next_step="Set eos_token in tokenizer_config.json.",
        )
    return ends


def _configured_end_ids(folder: Path) -> tuple[int, ...]:
    for name in ("generation_config.json", "config.json"):
        file = folder / name
        ends = json.loads(file.read_text(encoding="utf-8")).get("eos_token_id") if file.is_file() else None
        if ends is not None:
            return tuple(ends) if isinstance(ends, list) else (ends,)
    return ()


def _added_around(tokenizer: dict[str, Any]) -> tuple[int | None, int | None]:
    """The ids of the tokens that the post-processor puts before and after a text."""
    post = tokenizer.get("post_processor") or {}
    steps = post["processors"] if post.get("type") == "Sequence" else [post]
    template = next((step for step in steps if step.get("type") == "TemplateProcessing"), None)
    if template is None:
        return None, None
    pieces = template["single"]
    ids = {name: entry["ids"][0] for name, entry in template["special_tokens"].items()}
    return _special_id(pieces[0], ids), _special_id(pieces[-1], ids)


def _special_id(piece: dict[str, Any], ids: dict[str, int]) -> int | None:
    return ids[piece["SpecialToken"]["id"]] if "SpecialToken" in piece else None
