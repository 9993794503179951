"""Release: a build that serves under an alias, what it replaced, and that it was healthy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import ServingProof
from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """One thing that was asked of the new server and what came of it."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Release(Record):
    """One change of what serves.

    Attributes:
        generation: 0 for the base; a promotion adds one; a rollback names the generation it returns to.
        version: `v1.0` for generation 0, `v1.1` for 1; a rollback gets a version of its own, so undo is on record.
        model_file: Versioned file name that the config now points to.
        replaced: Release that served before; None for the first.
        config_edit: Key, old value and new value for each change made to `selftune.toml`.
        driver: What serves it, as registered in `selftune.servers`.
        concerns: Ids of the concerns that were open when it went into service.
        alias: The name by which clients ask for it.
        reason: Why it went into service, in a sentence.
        approvals: Ids of the statements that allowed it.
    """

    KIND: ClassVar[str] = "release"

    version: str
    generation: int
    alias: str
    build_id: str
    build_digest: str
    model_file: str
    decision_id: str | None
    replaced: str | None
    reason: str
    config_edit: tuple[tuple[str, str, str], ...]
    approvals: tuple[str, ...]
    health: tuple[HealthCheck, ...]
    proof: ServingProof | None
    driver: str = "llama.cpp"
    concerns: tuple[str, ...] = ()
