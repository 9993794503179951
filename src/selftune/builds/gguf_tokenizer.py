"""The tokenizer of a Hugging Face folder as GGUF keys: byte-level BPE or SentencePiece's, the rest refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gguf_tokenizer import BYTE_LEVEL, SENTENCEPIECE
from selftune.bases.pretokenizers import UnsupportedTokenizerError, name_pre_tokenizer
from selftune.bases.refusals import against_tokenizer
from selftune.bases.sentencepiece import BYTES, falls_back_to_bytes, merge_pairs, puts_space_first, scores_of
from selftune.bases.shape import read_json
from selftune.bases.tokenizer_file import read_tokenizer_file
from selftune.builds.chat_template import read_chat_template

if TYPE_CHECKING:
    from pathlib import Path

# `tokenizer.ggml.token_type` (llama.h, `llama_token_type`).
NORMAL: Final = 1
UNKNOWN: Final = 2
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5
BYTE: Final = 6
# What llama.cpp calls the cutting of a tokenizer that has none.
_NO_CUTTING: Final = "default"


@dataclass(frozen=True, kw_only=True)
class GGUFTokenizer:
    """What a GGUF file says about its tokenizer.

    Attributes:
        model: `gpt2` (byte-level BPE, by `merges`) or `llama` (SentencePiece, by `scores`).
        scores: One for each token: which of two neighbours are joined first; None for byte-level BPE.
        space_first: Whether a space is put before a text and after every special token.
        add_bos: Whether text is begun with `bos_id`. Always written: without the key llama.cpp prepends token 11.
        bos_id: Where the tokenizer has none, the end token stands in; with `add_bos` false it is never used.
        more_end_ids: Further tokens that end an answer, beside `eos_id`.
    """

    model: str
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    scores: tuple[float, ...] | None
    space_first: bool
    bos_id: int
    eos_id: int
    pad_id: int | None
    unknown_id: int | None
    add_bos: bool
    more_end_ids: tuple[int, ...]


def read_tokenizer(folder: Path, rows: int) -> GGUFTokenizer:
    """The tokenizer of a folder, padded to the `rows` of the embedding matrix.

    Raises:
        UnsupportedTokenizerError: llama.cpp would cut texts in other ways, or there are more tokens than rows.
    """
    tokenizer = read_tokenizer_file(folder)
    if reasons := against_tokenizer(tokenizer):
        raise UnsupportedTokenizerError(
            f"the tokenizer can't be written as GGUF: {'; '.join(reasons)}.",
            next_step="Use a base with a byte-level BPE tokenizer, or one of SentencePiece's.",
        )
    tokens, types = _vocabulary(tokenizer, rows)
    ids = {token: number for number, token in enumerate(tokens)}
    special = _special_ids(folder, ids)
    ends = _end_ids(folder, special)
    bos = special.get("bos_token", ends[0])
    model, pieces = tokenizer["model"], falls_back_to_bytes(tokenizer)
    return GGUFTokenizer(
        model=SENTENCEPIECE if pieces else BYTE_LEVEL,
        pre=_NO_CUTTING if pieces else name_pre_tokenizer(tokenizer),
        tokens=tokens,
        types=types,
        merges=() if pieces else tuple(" ".join(pair) for pair in merge_pairs(model)),
        scores=_scores(model, tokens) if pieces else None,
        space_first=pieces and bool(puts_space_first(tokenizer)),
        bos_id=bos,
        eos_id=ends[0],
        pad_id=special.get("pad_token"),
        unknown_id=special.get("unk_token"),
        add_bos=bool(_leading_text(folder, tokenizer)),
        more_end_ids=ends[1:],
    )


def leading_text(folder: Path) -> str:
    """What a server puts before every text by itself, and therefore takes off a rendered template; often nothing."""
    return _leading_text(folder, read_tokenizer_file(folder))


def _leading_text(folder: Path, tokenizer: dict[str, Any]) -> str:
    """The first token, where the tokenizer puts it and the template writes it.

    Where the template does not, no row that was trained on began with it, so none that is served may.
    """
    first, template = _added_before(tokenizer), read_chat_template(folder)
    if first is None or first != _text_of(read_json(folder / "tokenizer_config.json").get("bos_token")):
        return ""
    return first if template is not None and ("bos_token" in template or first in template) else ""


def _scores(model: dict[str, Any], tokens: tuple[str, ...]) -> tuple[float, ...]:
    """Tokens that no merge makes are never asked for their score; they come last."""
    made = scores_of(model)
    return tuple(made.get(token, -float(len(tokens) + len(made))) for token in tokens)


def _vocabulary(tokenizer: dict[str, Any], rows: int | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    model = tokenizer["model"]
    entries = {number: (token, NORMAL) for token, number in model["vocab"].items()}
    for added in tokenizer.get("added_tokens", ()):
        entries[added["id"]] = (added["content"], CONTROL if added["special"] else USER_DEFINED)
    if falls_back_to_bytes(tokenizer):
        entries |= {model["vocab"][text]: (text, BYTE) for text in BYTES}
        if (unknown := model.get("unk_token")) in model["vocab"]:
            entries[model["vocab"][unknown]] = (unknown, UNKNOWN)
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
    texts = {role: _text_of(config.get(role)) for role in ("bos_token", "eos_token", "pad_token", "unk_token")}
    return {role: ids[text] for role, text in texts.items() if text in ids}


def end_ids(folder: Path) -> tuple[int, ...]:
    """Every token that ends an answer: the tokenizer's own end token first, then those of the model's configs."""
    tokens, _ = _vocabulary(read_tokenizer_file(folder), rows=None)
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
        ends = read_json(file).get("eos_token_id") if file.is_file() else None
        if ends is not None:
            return tuple(end for end in (ends if isinstance(ends, list) else [ends]) if isinstance(end, int))
    return ()


def _added_before(tokenizer: dict[str, Any]) -> str | None:
    """The token that the post-processor puts before a text."""
    post = tokenizer.get("post_processor") or {}
    steps = post["processors"] if post.get("type") == "Sequence" else [post]
    template = next((step for step in steps if step.get("type") == "TemplateProcessing"), None)
    first = template["single"][0].get("SpecialToken") if template and template["single"] else None
    return str(first["id"]) if first else None


def _text_of(token: str | dict[str, Any] | None) -> str | None:
    """A token of `tokenizer_config.json`, which may stand there with its options."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None
