"""Build: what could be deployed, sealed; what is evaluated and what is released are the same one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record, digest_of, digest_of_sealed


class BuildOrigin(StrEnum):
    """Where a build comes from."""

    BASE = "base"
    PROMPT = "prompt"
    RUN = "run"
    IMPORTED = "imported"


class ServingForm(StrEnum):
    """How the weights are laid out for serving."""

    BASE = "base"
    ADAPTER = "adapter"
    MERGED = "merged"
    QUANTISED = "quantised"
    FOLDER = "folder"  # merged, as a Hugging Face folder beside its GGUF file


class Prompting(StrEnum):
    """How whoever calls a build brings a dialogue of personas to it.

    `DIALOGUE`: one call, whose answer is the whole dialogue. `AS_SERVED`: one call for each turn of a persona, under
    that persona's own system message.
    """

    DIALOGUE = "dialogue"
    AS_SERVED = "as_served"


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """A file by its name in the build, its digest and its size."""

    name: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class GenerationParameters:
    """How answers are drawn; part of a build and of each evaluation, equal across arms."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How well a served form agrees with its source: a share of n comparisons and the least that is accepted."""

    name: str
    measured: float
    threshold: float
    n: int

    @property
    def passed(self) -> bool:
        """Whether the agreement reaches its threshold."""
        return self.measured >= self.threshold


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far a build lies from what it was made of, token by token, on fixed prompts and the answers to them.

    Attributes:
        divergence: Mean Kullback-Leibler divergence of the build's next tokens from the source's, in nats.
        interval: Of that mean at the level of 95 %, prompts taken as a whole.
        same_top: Share of tokens on which both find the same one likeliest.
        n: Tokens compared.
        prompts: Prompts that these tokens belong to.
        effect: The same divergence of the bare base: what the adapter changed; None where there is none.
    """

    divergence: float
    interval: tuple[float, float]
    same_top: float
    n: int
    prompts: int
    effect: float | None = None

    @property
    def outweighs_training(self) -> bool:
        """Whether laying the weights out for serving changed at least as much as the training did."""
        return self.effect is not None and self.divergence >= self.effect


@dataclass(frozen=True, kw_only=True)
class ShownLessons:
    """Lessons as they stand in a prompt, shown instead of learnt.

    They are people's words: who erases them takes them out of here too, and the id of what shows them still holds.
    """

    SALTED: ClassVar[frozenset[str]] = frozenset({"text"})

    salt: str
    text: str
    interaction_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ServingProof:
    """What a server showed itself to be, by challenge.

    Attributes:
        model_digest: sha256 of the model file that the server process itself opened.
        adapter_digest: The same for a LoRA adapter; None without one.
        template_digest: Digest of what the server's template makes of a fixed conversation.
        fingerprint: Digest of rounded log-probabilities after fixed prompts; equal weights, equal fingerprint.
        server: Server name and version.
        slots: Parallel slots; batching changes bits, so arms must be equal in it.
    """

    model_digest: str
    adapter_digest: str | None
    template_digest: str
    fingerprint: str
    server: str
    slots: int


@dataclass(frozen=True, kw_only=True)
class Build(Record):
    """One deployable thing.

    Attributes:
        quantisation: GGUF type of the bulk of the tensors: F16, Q8_0, Q6_K, Q5_K_M, Q4_K_M.
        files: `model.gguf`; in the adapter form `adapter.gguf` and PEFT's two under `adapter/`; in the folder form
            those of a Hugging Face folder under `merged/`.
        system_prompt: Prompt-only builds put this before every conversation; None for none.
        tools: Names and versions of what made it.
        manifest_signature: Ed25519 signature of the build digest by the machine key, hex; None until sealed.
        prompting: How dialogues are brought to it; what it learns must be rendered the same way.
        distance: How far it lies from the run or base it was made of; None where nobody compared.
        shown: Lessons that its prompt shows behind `system_prompt`; None for none.
        search_id: The search that found its prompt; None where nobody searched.
        size_bytes: Of all its files.
    """

    KIND: ClassVar[str] = "build"
    ADAPTER_FOLDER: ClassVar[str] = "adapter"
    MERGED_FOLDER: ClassVar[str] = "merged"

    origin: BuildOrigin
    form: ServingForm
    quantisation: str
    base_digest: str
    run_id: str | None
    files: tuple[FileDigest, ...]
    template_digest: str
    tokenizer_digest: str
    system_prompt: str | None
    generation: GenerationParameters
    size_bytes: int
    tools: tuple[str, ...]
    parity: tuple[Parity, ...] = ()
    manifest_signature: str | None = None
    prompting: Prompting = Prompting.DIALOGUE
    distance: Distance | None = None
    shown: ShownLessons | None = None
    search_id: str | None = None

    @property
    def prompt(self) -> str | None:
        """What stands before every conversation: the system prompt, then the lessons that are shown; None for none."""
        if self.shown is None:
            return self.system_prompt
        return self.shown.text if self.system_prompt is None else f"{self.system_prompt}\n\n{self.shown.text}"

    @property
    def digest(self) -> str:
        """Digest of what answers (files, template, tokenizer, prompt, parameters), not of how it was made."""
        parts = [self.files, self.template_digest, self.tokenizer_digest, self.system_prompt, self.generation]
        return digest_of(parts if self.shown is None else [*parts, digest_of_sealed([self.shown])])

    def file(self, name: str) -> FileDigest | None:
        """The file of this name, or None."""
        return next((entry for entry in self.files if entry.name == name), None)

    def folder(self, name: str) -> tuple[FileDigest, ...]:
        """The files that make up the folder of this name; empty where there is none."""
        return tuple(entry for entry in self.files if entry.name.startswith(f"{name}/"))

    @property
    def gguf_files(self) -> tuple[FileDigest, ...]:
        """What llama.cpp opens."""
        return tuple(entry for entry in self.files if entry.name.endswith(".gguf"))
