"""A build that another program's server holds under a name: what it proved, where it is asked, and many questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from selftune.records import ServingProof
from selftune.serving.in_order import ask_in_order
from selftune.serving.proof import template_digest
from selftune.serving.witness import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Answer, ChatRequest
    from selftune.records import Build, GenerationParameters
    from selftune.serving.witness import FirstTokens


class HeldModel(ABC):
    """What servers that keep models by name have in common; how each is asked and proved is its own.

    Attributes:
        build: What it must be.
        model: The server's name for it.
    """

    def __init__(self, build: Build, model: str, *, port: int, slots: int) -> None:
        self.build = build
        self.model = model
        self._port = port
        self._slots = slots
        self._proof: ServingProof | None = None

    @property
    def proof(self) -> ServingProof:
        """What it showed when it was made; there is none before it was proved."""
        assert self._proof is not None, "proved before it is handed out"  # noqa: S101 - what cannot happen
        return self._proof

    @property
    def address(self) -> str:
        """The server's OpenAI-compatible base URL."""
        return f"http://127.0.0.1:{self._port}/v1"

    @abstractmethod
    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer.

        Raises:
            ServingError: the server is gone or refused, or took reasoning out of the answer.
        """

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests, as many asked at a time as `slots` said."""
        yield from ask_in_order(lambda request: self.chat(request, parameters), requests, self._slots)

    def _proof_by(self, rendered: tuple[str, ...], shown: Sequence[FirstTokens], server: str) -> ServingProof:
        """What the server showed, as a proof: the prompts of the challenge and the first tokens after them."""
        model, adapter = self.build.file("model.gguf"), self.build.file("adapter.gguf")
        assert model is not None, "the witness opened it"  # noqa: S101 - what cannot happen
        return ServingProof(
            model_digest=model.digest,
            adapter_digest=adapter.digest if adapter else None,
            template_digest=template_digest(rendered),
            fingerprint=fingerprint_of(shown),
            server=server,
            slots=self._slots,
        )
