"""A `tokenizer.json` whose layout was looked at, so that nobody after trips over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.bases.shape import read_json
from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "tokenizer.json"
_MOST_TOKENS: Final = 1 << 22  # eight times the largest vocabulary that is known
_PAIR: Final = 2


def read_tokenizer_file(folder: Path) -> dict[str, Any]:
    """The parsed `tokenizer.json` of a folder: a model with a name, and for BPE its tokens and merges.

    Raises:
        MissingFileError: it is not there.
        DamagedFileError: it is no JSON, or not laid out as a tokenizer; the message names the part.
    """
    tokenizer = read_json(folder / FILE)
    faults = {
        "model": not isinstance(tokenizer.get("model"), dict),
        "added_tokens": not _are_added_tokens(tokenizer.get("added_tokens", [])),
        "normalizer": not _is_step(tokenizer.get("normalizer"), "normalizers"),
        "pre_tokenizer": not _is_step(tokenizer.get("pre_tokenizer"), "pretokenizers"),
        "post_processor": not _is_step(tokenizer.get("post_processor"), "processors"),
    }
    named = next((name for name, wrong in faults.items() if wrong), None) or _fault_of_model(tokenizer["model"])
    if named is not None:
        raise DamagedFileError(
            f"{folder / FILE} is damaged: its {named} is not laid out as a tokenizer's.",
            next_step="Get the file again.",
        )
    return tokenizer


def _fault_of_model(model: dict[str, Any]) -> str | None:
    if model.get("type") != "BPE":
        return None
    tokens, merges = model.get("vocab"), model.get("merges")
    if not isinstance(tokens, dict) or not all(map(_is_id, tokens.values())) or len({*tokens.values()}) != len(tokens):
        return "model.vocab"
    return None if isinstance(merges, list) and all(map(_is_merge, merges)) else "model.merges"


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS


def _is_merge(merge: object) -> bool:
    pair = merge.split(" ") if isinstance(merge, str) else merge
    return isinstance(pair, list) and len(pair) == _PAIR and all(isinstance(half, str) and half for half in pair)


def _are_added_tokens(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(token, dict)
        and _is_id(token.get("id"))
        and isinstance(token.get("content"), str)
        and isinstance(token.get("special"), bool)
        for token in value
    )


def _is_step(value: object, several: str) -> bool:
    """Whether it is nothing, one step with a type, or a sequence of such."""
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    if value["type"] == "TemplateProcessing":
        return _is_template(value)
    steps = value.get(several) if value["type"] == "Sequence" else []
    return isinstance(steps, list) and all(step is not None and _is_step(step, several) for step in steps)


def _is_template(step: dict[str, Any]) -> bool:
    pieces, special = step.get("single"), step.get("special_tokens")
    return (
        isinstance(pieces, list)
        and all(isinstance(piece, dict) for piece in pieces)
        and all(
            isinstance(p["SpecialToken"], dict) and "id" in p["SpecialToken"] for p in pieces if "SpecialToken" in p
        )
        and isinstance(special, dict)
    )
