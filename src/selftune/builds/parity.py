"""Whether a served file is the model it was made from: same tokens, same template, same greedy answers.

The Hugging Face folder, in float32, is the reference. Tokens and template must be equal in every case: one wrong token
in the prompt and the model answers another question. Greedy answers are counted up to the first difference, and a
quantised file is allowed more of those; where the reference finds two tokens equally likely, rounding decides which is
said, and that is no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.builds.gguf_tokenizer import end_ids, leading_text
from selftune.builds.tensor_types import Quantisation
from selftune.records import Parity
from selftune.serving.proof import TEMPLATE_CHALLENGE, TEMPLATE_REFUSED, rendered_challenge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from selftune.builds.reference_model import ReferenceModel
    from selftune.serving.client import LoopbackClient

# What tokenizers differ on: spaces, digits, case, contractions, scripts, emoji, control characters, code.
BATTERY: Final = (
    "",
    " ",
    "  ",
    "\n",
    "\n\n\n",
    "\t x\t\ty",
    " \n \n  z",
    "Hello world",
    " Hello world",
    "Hello  world   !",
    "HELLO Hello hello hELLO",
    "I'm you're he'll we've it's I'd don't",
    "I'M YOU'RE IT'S",
    "1",
    "12",
    "123",
    "1234567890",
    "3.14159, 1,000,000 and 0x1F",
    "a1b22c333",
    "2026-11-21T03:53:00+00:00",
    "caf\u00e9 na\u00efve \u00fcber",
    "\u00df\u00c6\u00d8\u0152",
    "\u4f60\u597d\uff0c\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600\U0001f680",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\u2168 \u00bd \u00b2 \u0663",
    "\u00a0non\u00a0breaking\u2003spaces",
    "zero\u200bwidth",
    "\u201cquotes\u201d \u2018and\u2019 \u2014 dashes \u2026",
    "a" * 40,
    "=" * 30,
    "!?!?...---",
    "<html><b>bold</b></html>",
    '{"identity.name": "Brigox", "allowed_actions": ["email"]}',
    '== STATE ==\n{"memory.song": "Fobro"}\n== END STATE ==',
    "def f(x):\n    return x ** 2  # square\n",
    "SELECT * FROM t WHERE a='b';",
    "https://example.org/path?q=1&r=%20#top",
    "user@example.org",
    "C:\\Windows\\System32",
    "snake_case camelCase PascalCase kebab-case",
    "\\n is not a newline",
    "tab\tand\rreturn\r\nline",
    "x=1;y=2;z=x+y",
    "$100 \u20ac50 \u00a330 100%",
    "(parentheses) [brackets] {braces}",
    "The quick brown fox jumps over the lazy dog.",
    "  leading and trailing  ",
    "word\n word\n  word",
    "ONE two THREE 4 five6",
    "\x01\x1f control",
    "e = mc\u00b2 \u2264 \u221e",
    "'s 't 're 've 'm 'll 'd",
)
_GREEDY_PROMPTS: Final = (
    "Hello! My name is",
    "The owl told the fox that",
    "What is the last song?",
    "1, 2, 3, 4,",
    '{"name": "Ada", "age":',
    "Please write one sentence about rivers.",
    "No, I can't",
    "Thank you for",
)
_GREEDY_TOKENS: Final = 16
# llama.cpp ends an answer on these texts, whatever the end token (`src/llama-vocab.cpp`); the reference must too.
_ALSO_ENDS: Final = frozenset(
    {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<EOT>"}
    | {"<|eom_id|>", "_<EOT>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<end_of_utterance>"}
)
# Two tokens closer than this are equally likely. Beside F16 weights llama.cpp rounds activations to F16 too, and that
# moves the gap between likely tokens by 0.002 nats at the median and 0.011 at most (n = 58, reference base, trained).
_TIE_NATS: Final = 0.02
# Least share of greedy tokens before the first difference. A quantised file answers a little differently and the
# evaluation, as served, says whether that matters; this catches a file that is broken.
_GREEDY_LEAST: Final = {
    Quantisation.F32: 0.75,
    Quantisation.F16: 0.75,
    Quantisation.Q8_0: 0.25,
    Quantisation.Q6_K: 0.1,
    Quantisation.Q5_K_M: 0.1,
    Quantisation.Q4_K_M: 0.1,
}


def compare_tokens(client: LoopbackClient, folder: Path) -> Parity:
    """The share of the battery that the server cuts into the same token ids as the folder's tokenizer.

    Each text stands after a special token, as in a rendered conversation: some tokenizers treat the very beginning in
    a way of their own, which nothing that is served ever has.
    """
    tokenizer = _tokenizer(folder)
    mark = tokenizer.bos_token or tokenizer.eos_token or ""
    equal = sum(_tokens(client, mark + text, whole=False) == _ids(tokenizer, mark + text) for text in BATTERY)
    return Parity(name="tokens", measured=equal / len(BATTERY), threshold=1.0, n=len(BATTERY))


def compare_template(client: LoopbackClient, folder: Path) -> Parity:
    """The share of the challenge's conversations that the server renders, and cuts into tokens, as the folder does."""
    tokenizer, leading, served = _tokenizer(folder), leading_text(folder), rendered_challenge(client)
    equal = sum(
        ours == whole.removeprefix(leading)
        and (whole == TEMPLATE_REFUSED or _tokens(client, ours) == _ids(tokenizer, whole))
        for ours, whole in zip(served, _render(folder), strict=True)
    )
    return Parity(name="template", measured=equal / len(served), threshold=1.0, n=len(served))


def compare_greedy(
    client: LoopbackClient, reference: ReferenceModel, folder: Path, *, quantisation: Quantisation, prompts: int
) -> Parity:
    """The share of the folder's greedy tokens that the server says too, each answer up to its first difference.

    A difference between tokens that are equally likely to the reference is none: see `_TIE_NATS`.
    """
    tokenizer = _tokenizer(folder)
    shared = total = 0
    for text in _GREEDY_PROMPTS[:prompts]:
        tokens = tokenizer(text)["input_ids"]
        expected = reference.continue_greedily(tokens, _GREEDY_TOKENS)
        shared += _said_too(client, reference, tokens, expected)
        total += len(expected)
    return Parity(
        name="greedy",
        measured=shared / total if total else 1.0,
        threshold=_GREEDY_LEAST[quantisation],
        n=total,
    )


def _said_too(client: LoopbackClient, reference: ReferenceModel, tokens: list[int], expected: list[int]) -> int:
    """How many of the expected tokens the server says up to the first difference; past a tie it is asked to go on."""
    place = 0
    while place < len(expected):
        said = client.complete(tokens + expected[:place], n_predict=len(expected) - place)["tokens"]
        alike = _common_length(expected[place:], said)
        place += alike
        if place == len(expected):
            break
        # No token in this place: the server ended its answer.
        instead = said[alike : alike + 1] or reference.end_ids
        if not _are_tied(reference, tokens + expected[:place], expected[place], instead):
            break
        place += 1
    return place


def _are_tied(reference: ReferenceModel, tokens: list[int], best: int, others: Iterable[int]) -> bool:
    """Whether the reference finds one of the others as likely as its best next token, but for rounding."""
    (row,) = reference.log_probabilities(tokens, len(tokens))
    return any(row[best] - row[other] <= _TIE_NATS for other in others)


def stopping_ids(folder: Path) -> frozenset[int]:
    """Every token on which llama.cpp ends an answer of this model."""
    vocabulary: dict[str, int] = _tokenizer(folder).get_vocab()
    return frozenset(end_ids(folder)) | {number for text, number in vocabulary.items() if text in _ALSO_ENDS}


def render_in_folder(folder: Path) -> tuple[str, ...]:
    """What the folder's own template makes of each conversation of the challenge, as a server shows it.

    A token that the server puts first by itself is left out: it takes that off, or it would stand there twice.
    """
    leading = leading_text(folder)
    return tuple(text.removeprefix(leading) for text in _render(folder))


def _render(folder: Path) -> tuple[str, ...]:
    from jinja2 import TemplateError

    tokenizer, rendered = _tokenizer(folder), []
    for messages in TEMPLATE_CHALLENGE:
        conversation = [{"role": message.role, "content": message.content} for message in messages]
        try:
            rendered.append(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
        except TemplateError:
            rendered.append(TEMPLATE_REFUSED)
    return tuple(rendered)


def _tokenizer(folder: Path) -> Any:
    """Exactly as `tokenizer.json` says, as in training; a class of its own might cut texts in another way."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _tokens(client: LoopbackClient, text: str, *, whole: bool = True) -> list[int]:
    """The server's token ids; a `whole` text gets what the server puts before and after by itself."""
    body = {"content": text, "add_special": whole, "parse_special": True}
    tokens: list[int] = client.post("/tokenize", body)["tokens"]
    return tokens


def _common_length(ours: Iterable[int], theirs: Iterable[int]) -> int:
    length = 0
    for left, right in zip(ours, theirs, strict=False):
        if left != right:
            break
        length += 1
    return length
