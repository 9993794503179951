"""The challenge by which a server shows what it is: file digests, template, and a fingerprint of its weights.

A name proves nothing: llama.cpp accepts any model name, and a server that was never restarted goes on answering with
the old weights. So the child reports the digest of the file it opened, and the running server is asked to render fixed
conversations and to say how likely it finds the tokens after fixed prompts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ServingError
from selftune.records import Message, ServingProof, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Build
    from selftune.serving.client import LoopbackClient
    from selftune.serving.ordering import Hello

# With and without a system message, over several turns, and with characters that a template may mangle.
TEMPLATE_CHALLENGE: Final = (
    (Message(role="user", content="Hello."),),
    (
        Message(role="system", content='== STATE ==\n{"name": "Ada"}\n== END STATE =='),
        Message(role="user", content="Who?"),
    ),
    (
        Message(role="system", content="Be brief."),
        Message(role="user", content="  One & <two>  "),
        Message(role="assistant", content="Three\u00e9."),
        Message(role="user", content="{{ four }}\n\n'five'"),
    ),
)
TEMPLATE_REFUSED: Final = "(the template refuses this conversation)"

# Plain words, digits and punctuation: tokens of any vocabulary.
_PROMPTS: Final = ("The quick brown fox", "Hello! My name is", "1 2 3 4", '{"name": "')
_NEIGHBOURS: Final = 16
# A log-probability in nats is kept to this many decimals: coarser than the noise of threads, finer than a training.
_DECIMALS: Final = 2
_ALWAYS: Final = 1000.0


def template_digest(rendered: tuple[str, ...]) -> str:
    """The digest of what a template makes of each conversation of the challenge, `TEMPLATE_REFUSED` for an error."""
    return digest_of(list(rendered))


def prove(client: LoopbackClient, hello: Hello, *, slots: int) -> ServingProof:
    """Everything that a running llama.cpp server shows about itself.

    Raises:
        ServingError: it does not answer the challenge.
    """
    return ServingProof(
        model_digest=hello.model_digest,
        adapter_digest=hello.adapter_digest,
        template_digest=template_digest(rendered_challenge(client)),
        fingerprint=fingerprint(client),
        server=hello.server,
        slots=slots,
    )


def confirm(proof: ServingProof, build: Build) -> None:
    """Return when the server is the build; its template counts only where the build names one.

    Raises:
        ServingError: it serves other weights, another adapter or another template; the message says which.
    """
    model, adapter = build.file("model.gguf"), build.file("adapter.gguf")
    claims = (
        ("weights", proof.model_digest, model.digest if model else None),
        ("adapter", proof.adapter_digest, adapter.digest if adapter else None),
        ("chat template", proof.template_digest, build.template_digest),
    )
    for what, found, expected in claims:
        if found != expected:
            raise ServingError(
                f"the server does not answer as {build.id[:18]}: its {what} has digest {found}, not {expected}.",
                next_step="Stop that server and start it again; if it stays, build the model again.",
            )


def rendered_challenge(client: LoopbackClient) -> tuple[str, ...]:
    """What the server's template makes of each conversation of the challenge."""
    return tuple(_render(client, messages) for messages in TEMPLATE_CHALLENGE)


def fingerprint(client: LoopbackClient) -> str:
    """Digest of the likeliest tokens after fixed prompts, with rounded log-probabilities in nats."""
    return digest_of([_neighbours(client, prompt) for prompt in _PROMPTS])


def _neighbours(client: LoopbackClient, prompt: str) -> list[list[Any]]:
    tokens: list[int] = client.post("/tokenize", {"content": prompt, "add_special": False})["tokens"]
    # The order of equals is the server's whim.
    return sorted([number, round(logprob, _DECIMALS)] for number, logprob in next_tokens(client, tokens, _NEIGHBOURS))


def plain_token(client: LoopbackClient) -> int:
    """A token that stands for a plain letter in any vocabulary."""
    token: int = client.post("/tokenize", {"content": "a", "add_special": False})["tokens"][0]
    return token


def next_tokens(client: LoopbackClient, tokens: Sequence[int], count: int) -> list[tuple[int, float]]:
    """The likeliest tokens after these as llama.cpp finds them, with log-probabilities in nats, end tokens included.

    Raises:
        ServingError: it names none.
    """
    # llama.cpp names no probabilities beside an end token or a part of a character. The bias makes it say a plain
    # letter; the probabilities are those before the bias.
    bias = [[plain_token(client), _ALWAYS]]
    body = client.complete(list(tokens), n_predict=1, n_probs=count, logit_bias=bias)
    try:
        listed = body["completion_probabilities"][0]["top_logprobs"]
        return [(entry["id"], entry["logprob"]) for entry in listed]
    except (KeyError, IndexError, TypeError) as error:
        raise ServingError("the server names no log-probabilities.", next_step="Serve with llama.cpp.") from error


def _render(client: LoopbackClient, messages: tuple[Message, ...]) -> str:
    conversation = [{"role": message.role, "content": message.content} for message in messages]
    try:
        prompt: str = client.post("/apply-template", {"messages": conversation})["prompt"]
    except ServingError as error:
        if "refused" in error.message:
            return TEMPLATE_REFUSED
        raise
    return prompt
