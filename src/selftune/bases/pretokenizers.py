"""How llama.cpp's names for pre-tokenizers and the structure in `tokenizer.json` belong together, both ways.

A GGUF file names its pre-tokenizer in `tokenizer.ggml.pre`; llama.cpp holds the regular expressions behind the name
(`src/llama-vocab.cpp`). Upstream's converter finds the name by hashing the token ids of a test text, so a retrained
vocabulary fails there. The name depends on the structure alone, so it is derived from that, or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from selftune.errors import UsageError

QWEN2_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# The fields of a pre-tokenizer that decide nothing about where text is cut.
_WITHOUT_EFFECT: Final = frozenset({"trim_offsets"})


class UnsupportedTokenizerError(UsageError):
    """A tokenizer that the GGUF writer or reader can't carry over exactly."""


@dataclass(frozen=True, kw_only=True)
class PreTokenizer:
    """One named pre-tokenizer.

    Attributes:
        steps: As in `tokenizer.json`.
        ignore_merges: Whether a word that is a token is taken whole, whatever the merges would make of it.
        begins_with_bos: Whether llama.cpp puts a first token before a text when the file does not say.
        normalizers: Those that may come before; the first is the usual one.
        also: Other names that llama.cpp takes for the same.
    """

    name: str
    steps: tuple[dict[str, Any], ...]
    ignore_merges: bool = False
    begins_with_bos: bool = False
    normalizers: tuple[str | None, ...] = (None,)
    also: tuple[str, ...] = ()


def _byte_level(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "use_regex": use_regex}


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


PRE_TOKENIZERS: Final = (
    PreTokenizer(name="gpt-2", steps=(_byte_level(use_regex=True),)),
    PreTokenizer(name="smollm", steps=({"type": "Digits", "individual_digits": True}, _byte_level(use_regex=True))),
    # Qwen composes characters (NFC) before cutting; llama.cpp does not. Text that is already composed is equal.
    PreTokenizer(name="qwen2", steps=(_split(QWEN2_PATTERN), _byte_level(use_regex=False)), normalizers=("NFC", None)),
    PreTokenizer(
        name="llama-bpe",
        steps=(_split(LLAMA3_PATTERN), _byte_level(use_regex=False)),
        ignore_merges=True,
        begins_with_bos=True,
        also=("llama3", "llama-v3"),
    ),
)


def name_pre_tokenizer(tokenizer: dict[str, Any]) -> str:
    """The `tokenizer.ggml.pre` of a parsed `tokenizer.json`.

    Raises:
        UnsupportedTokenizerError: its structure is none that llama.cpp has a name for.
    """
    steps = _steps(tokenizer.get("pre_tokenizer"))
    ignore_merges = bool(tokenizer["model"].get("ignore_merges", False))
    normalizer = (tokenizer.get("normalizer") or {}).get("type")
    for known in PRE_TOKENIZERS:
        if (known.steps, known.ignore_merges) == (steps, ignore_merges) and normalizer in known.normalizers:
            return known.name
    kinds = " + ".join(str(step.get("type")) for step in steps) or "nothing"
    raise UnsupportedTokenizerError(
        f"the pre-tokenizer ({kinds}, normalizer {normalizer}, ignore_merges {ignore_merges}) "
        "has no name in llama.cpp.",
        next_step=f"Use a base whose tokenizer is one of: {', '.join(known.name for known in PRE_TOKENIZERS)}.",
    )


def pre_tokenizer_called(name: str) -> PreTokenizer:
    """The structure behind a `tokenizer.ggml.pre`.

    Raises:
        UnsupportedTokenizerError: we have no structure for this name.
    """
    for known in PRE_TOKENIZERS:
        if name in {known.name, *known.also}:
            return known
    raise UnsupportedTokenizerError(
        f"pre-tokenizer {name!r} is not one that we can rebuild.",
        next_step=f"Use a model whose tokenizer is one of: {', '.join(known.name for known in PRE_TOKENIZERS)}.",
    )


def _steps(pre_tokenizer: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    if pre_tokenizer is None:
        return ()
    steps = pre_tokenizer["pretokenizers"] if pre_tokenizer.get("type") == "Sequence" else [pre_tokenizer]
    return tuple({key: value for key, value in step.items() if key not in _WITHOUT_EFFECT} for step in steps)
