"""What a server that keeps files in its own way must agree with: the same files, asked once under our own llama.cpp.

Such a server (Ollama, vLLM) rewrites or loads what it is given where nobody can read it back, so no digest of what it
holds says which weights answer. Behaviour does: after fixed conversations, the likeliest first tokens and their
log-probabilities are compared with those of the build's own files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ServingError
from selftune.records import digest_of
from selftune.serving.llama_cpp import order_for, run_server
from selftune.serving.proof import TEMPLATE_CHALLENGE, confirm, rendered_challenge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from selftune.records import Build, Message
    from selftune.serving.client import LoopbackClient

# Log-probabilities in nats by token, as text or as its number; None where the answer ended before its first token.
FirstTokens = dict[str, float] | None

ASKED: Final = 20  # the most that Ollama and vLLM list
_COMPARED: Final = 8
# Kernels round differently; one step of training moves more. F16 cache and flash attention: 2e-4 on llama.cpp itself.
TOLERANCE: Final = 0.05
_DECIMALS: Final = 2
_BROKEN: Final = "\ufffd"


@dataclass(frozen=True, kw_only=True)
class Witness:
    """What the build's own files do: the prompts that they make of the challenge, and the first tokens after it."""

    rendered: tuple[str, ...]
    first_tokens: tuple[FirstTokens, ...]


def hear_witness(
    build: Build, find: Callable[[str], Path], log: Path, *, more: Callable[[LoopbackClient], None] | None = None
) -> Witness:
    """Ask llama.cpp on the build's files, for a moment; `more` asks further while it runs.

    Raises:
        DamagedFileError: a file is not what the build says.
        ServingError: llama.cpp did not start, or does not take the files for the build.
    """
    with run_server(order_for(build, find), log) as server:
        confirm(server.proof, build)
        client = server.client
        if more is not None:
            more(client)
        return Witness(
            rendered=rendered_challenge(client),
            first_tokens=tuple(first_tokens_by_llama_cpp(client, messages) for messages in TEMPLATE_CHALLENGE),
        )


def first_tokens_by_llama_cpp(client: LoopbackClient, messages: Sequence[Message]) -> FirstTokens:
    """The likeliest first tokens of an answer, over the OpenAI route that vLLM has too."""
    return first_tokens_by_openai(client, messages, client.extra)


def first_tokens_by_openai(client: LoopbackClient, messages: Sequence[Message], fields: dict[str, Any]) -> FirstTokens:
    """The likeliest first tokens of an answer, as an OpenAI-compatible server lists them."""
    body = {"messages": as_json(messages), "max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": ASKED}
    answered = client.post("/v1/chat/completions", body | fields)
    listed = (answered["choices"][0].get("logprobs") or {}).get("content") or []
    return read_listed(listed[0]["top_logprobs"]) if listed else None


def read_listed(entries: Sequence[dict[str, Any]]) -> FirstTokens:
    """Tokens with their log-probabilities; a part of a character has no text of its own and is left out."""
    return {entry["token"]: float(entry["logprob"]) for entry in entries if _BROKEN not in entry["token"]}


def as_json(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as every chat route takes them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def agree(witness: Witness, shown: Sequence[FirstTokens], server: str) -> float:
    """The largest difference in nats between what a server showed and what the build's files do.

    Raises:
        ServingError: it differs by more than `TOLERANCE`, or there is nothing to compare: unsure means no.
    """
    differences = [
        abs(logprob - answered.get(token, -float("inf")))
        for own, answered in zip(witness.first_tokens, shown, strict=True)
        if own is not None and answered is not None
        for token, logprob in _likeliest(own)
    ]
    ended = [(own is None, answered is None) for own, answered in zip(witness.first_tokens, shown, strict=True)]
    if not differences:
        raise ServingError(
            f"{server} lists no first tokens to compare, so nothing shows which weights answer.",
            next_step='Update it, or serve with driver = "llama.cpp".',
        )
    if max(differences) > TOLERANCE or any(own != answered for own, answered in ended):
        raise ServingError(
            f"{server} does not answer as the build's own files do: first tokens differ by {max(differences):.3g} nats "
            f"where {TOLERANCE} is allowed.",
            next_step="Remove that model from the server and try again; if it stays, it serves other weights.",
        )
    return max(differences)


def fingerprint_of(shown: Sequence[FirstTokens]) -> str:
    """A digest of what a server showed, rounded: equal on the same server for equal weights."""
    return digest_of([
        None if answered is None else sorted([token, round(value, _DECIMALS)] for token, value in _likeliest(answered))
        for answered in shown
    ])  # fmt: skip


def _likeliest(tokens: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(tokens.items(), key=lambda item: (-item[1], item[0]))[:_COMPARED]
