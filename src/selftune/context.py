"""What a stage is handed: seed, readers, scratch, services. A stage decides; what keeps and serves stands behind these.

Every service is a Protocol, so that a stage never imports the room that provides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.records import (
        BaseModel,
        Build,
        GenerationParameters,
        JudgeIdentity,
        Judgement,
        Message,
        Record,
        ServingProof,
    )

R = TypeVar("R", bound="Record")

LLAMA_CPP: Final = "llama.cpp"  # the server that comes with selftune


class Reader(Protocol):
    """Reads records that are kept."""

    def record(self, record_id: str, kind: type[R]) -> R:
        """The record of this id; `IntegrityError` when it is missing or damaged."""
        ...

    def each(self, kind: type[R], since: int = 0) -> Iterator[tuple[int, R]]:
        """Every record of a kind with its ingest sequence, oldest first, those after `since` only."""
        ...

    def standing_verdicts(
        self, judge: JudgeIdentity, *, rubric_digest: str, prompt_digest: str | None
    ) -> Callable[[Sequence[str]], Mapping[str, Judgement]]:
        """What finds the last scored verdict of this judge on each of these interactions, by rubric and prompt.

        None stands that another model gave than the one that answered last.
        """
        ...


class Blobs(Protocol):
    """Files by digest: published whole or not at all."""

    def put_file(self, path: Path) -> str:
        """Keep a copy (a hard link where possible) of a file; returns its digest."""
        ...

    def put_bytes(self, data: bytes) -> str:
        """Keep bytes; returns their digest."""
        ...

    def path(self, digest: str) -> Path:
        """Where the blob lies; `DamagedFileError` when it is missing."""
        ...


class Work(Protocol):
    """Durable scratch of one step: what was paid for is found again after a crash."""

    def get(self, key: str) -> bytes | None:
        """What was put under this key by an earlier try, or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key, durably."""
        ...

    def folder(self, name: str) -> Path:
        """A folder that survives a crash and goes when the step is finished."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """One thing to ask: messages, and the seed its answer is drawn with.

    Attributes:
        left_open: The last turn has not ended: the model goes on with it, where it would answer it otherwise.
    """

    messages: tuple[Message, ...]
    seed: int
    left_open: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server said; `finish_reason` is `stop` or `length`."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Served(Protocol):
    """A build that answers."""

    @property
    def proof(self) -> ServingProof:
        """What the server showed itself to be when it started."""
        ...

    @property
    def address(self) -> str:
        """Where it listens, as an OpenAI-compatible base URL."""
        ...

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer; `ServingError` when the server is gone or refuses."""
        ...

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests, asked as many at a time as the server has slots."""
        ...


class Serve(Protocol):
    """Starts a server for a build and proves what it is; stops it on leaving."""

    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> AbstractContextManager[Served]:
        """A server for this build with so many parallel slots, and in each room for `context_tokens` at least.

        Raises:
            ServingError: it can't start or prove itself.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage has come; `total` is None when it can't be known."""

    done: int
    total: int | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What its owner says of the machine that trains; 0 where nothing was said. Estimates rest on it, decisions never.

    Attributes:
        watts: What it draws while it trains.
        usd_per_hour: What an hour of it costs, rent above all.
        usd_per_kwh: What its current costs.
        ssh: Another machine on which the back-end `ssh` trains, as the program `ssh` takes it.
        ssh_selftune: What selftune is called there.
        ssh_memory_gb: What it may use of that machine's memory; 0: it is asked.
    """

    watts: float = 0.0
    usd_per_hour: float = 0.0
    usd_per_kwh: float = 0.0
    ssh: str = ""
    ssh_selftune: str = "selftune"
    ssh_memory_gb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything a stage may use besides its inputs and its config.

    Attributes:
        seed: All chance comes from here.
        base: The pinned base; its files lie in `base_folder` as a Hugging Face folder.
        elapsed: Monotonic seconds, for durations only.
        now: UTC time as ISO 8601, for what must be said to a person; never part of a decision.
        draw_salt: A fresh random salt for a record that quotes people.
        count_tokens: How many tokens each conversation takes by the base's own template, or None where its files are
            not here; None where nobody counts.
        notes: A folder for what can be made again at any time; None where nothing is kept.
        machine: What an hour of training draws and costs.
        driver: What `serve` serves with, as registered in `selftune.servers`.
        codex_id: The codex in force, for the record of what was done under it; None where no codex stands behind. It
            names no step: weights follow from the lessons, which have another id where a codex changed them.
    """

    seed: int
    read: Reader
    blobs: Blobs
    work: Work
    serve: Serve
    base: BaseModel
    base_folder: Path
    report: Callable[[Progress], None]
    elapsed: Callable[[], float]
    now: Callable[[], str]
    draw_salt: Callable[[], str]
    count_tokens: Callable[[Sequence[Sequence[Message]]], Sequence[int] | None] | None = None
    notes: Path | None = None
    machine: Machine = Machine()
    driver: str = LLAMA_CPP
    codex_id: Callable[[], str] | None = None


def spread_seeds(seed: int, count: int) -> Sequence[int]:
    """Distinct 31-bit seeds for `count` draws, the same ones for the same seed."""
    import random

    return random.Random(seed).sample(range(2**31), count)  # noqa: S311 - draws must repeat, not be secret
