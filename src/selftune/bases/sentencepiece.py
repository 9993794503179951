"""Tokenizers that came from SentencePiece: BPE over characters that falls back to bytes (Llama 2, Mistral).

`tokenizer.json` holds a list of merges, the earliest first. llama.cpp (`llm_tokenizer_spm`) holds a score for each
token and joins the two neighbours whose joint token scores highest. Both cut a text alike when the merges are those of
a score: every way to split a token is a merge, and all merges of one token stand together.
"""

from __future__ import annotations

from typing import Any, Final

SPACE: Final = "\u2581"
BYTES: Final = tuple(f"<0x{value:02X}>" for value in range(256))
_REPLACE: Final = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
# Gemma's: after the normaliser no space is left to cut at, so it changes nothing.
_IDLE: Final = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
_PREPEND: Final = {"type": "Prepend", "prepend": SPACE}
_SHOWN: Final = 3


def falls_back_to_bytes(tokenizer: dict[str, Any]) -> bool:
    """Whether a parsed `tokenizer.json` is of this kind."""
    model = tokenizer.get("model") or {}
    return model.get("type") == "BPE" and bool(model.get("byte_fallback"))


def against_sentencepiece(tokenizer: dict[str, Any]) -> tuple[str, ...]:
    """Why llama.cpp would not cut texts as this tokenizer does; empty when it would."""
    model = tokenizer["model"]
    vocabulary: dict[str, int] = model["vocab"]
    found = {
        "its spaces are marked in a way that llama.cpp does not know": puts_space_first(tokenizer) is None,
        "it has no token for every byte": not vocabulary.keys() >= set(BYTES),
        "it takes whole words whatever the merges say": bool(model.get("ignore_merges")),
    }
    reasons = tuple(reason for reason, present in found.items() if present)
    added = {token["content"] for token in tokenizer.get("added_tokens", ())}
    return reasons or _against_merges(merge_pairs(model), vocabulary, added)


def puts_space_first(tokenizer: dict[str, Any]) -> bool | None:
    """Whether a space is put before each text; None where spaces are treated in another way than llama.cpp can.

    `first` puts one only where nothing stands before, not even a first token: nowhere in a rendered conversation.
    """
    normalizer, before = tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")
    steps = (normalizer or {}).get("normalizers", [normalizer] if normalizer else [])
    if before is None or (before == _IDLE and steps == [_REPLACE]):
        return {(2, True): True, (1, False): False}.get((len(steps), _PREPEND in steps)) if _REPLACE in steps else None
    marks = before.get("type") == "Metaspace" and before.get("replacement") == SPACE and not before.get("split", True)
    return False if not steps and marks and before.get("prepend_scheme") in {"first", "never"} else None


def merge_pairs(model: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The merges in order; older files write a pair as one text with a space between."""
    split = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"])
    return tuple((left, right) for left, right in split)


def scores_of(model: dict[str, Any]) -> dict[str, float]:
    """The score of every token that merges make: the earlier its first merge, the higher."""
    scores: dict[str, float] = {}
    for place, (left, right) in enumerate(merge_pairs(model)):
        scores.setdefault(left + right, -float(place))
    return scores


def splits_of(token: str, vocabulary: dict[str, int]) -> tuple[tuple[str, str], ...]:
    """Every way to make a token of two others."""
    halves = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
    return tuple((left, right) for left, right in halves if left in vocabulary and right in vocabulary)


def _against_merges(pairs: tuple[tuple[str, str], ...], vocabulary: dict[str, int], added: set[str]) -> tuple[str, ...]:
    known, made = set(pairs), [left + right for left, right in pairs]
    runs = sum(before != after for before, after in zip([None, *made], made, strict=False))
    if runs != len(set(made)):
        return ("the merges of one token stand apart, as no score would order them",)
    # Added tokens are taken out of a text before anything is merged.
    candidates = vocabulary.keys() - added
    apart = sorted(token for token in candidates if not known.issuperset(splits_of(token, vocabulary)))
    if apart:
        return (f"{len(apart)} tokens could be made in ways that its merges leave out, such as {apart[:_SHOWN]}",)
    return ()
