"""What a release is asked to do, and the one thing it needs: a server that goes on when the command has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from selftune.records import HealthCheck, ServingProof  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from selftune.records import Build, Decision, Release


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A build on its way into service.

    Attributes:
        decision: The gate's answer that lets it in; None for the base, which `init` releases as generation 0.
        replaced: What serves now; None for the first release.
        approvals: Ids of the statements that approve this very decision.
        concerns: Ids of the concerns that are open about it, in spite of which it goes into service.
        reason: One sentence for the record.
    """

    build: Build
    decision: Decision | None
    generation: int
    replaced: Release | None
    approvals: tuple[str, ...]
    reason: str
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Switched:
    """What a change of models showed.

    Attributes:
        gap_seconds: How long nobody answered at the address; 0 when the old model answered until the new one did.
    """

    proof: ServingProof
    health: tuple[HealthCheck, ...]
    gap_seconds: float


class Live(Protocol):
    """The project's server: one address, and behind it whatever is released."""

    def switch(self, name: str, placed: str | None = None) -> Switched:
        """Serve the model of this name instead of what serves now; `placed` is its manifest's digest, if just placed.

        Raises:
            DamagedFileError: its files are not what their manifest says; what served before still does.
            ServingError: it did not start, or could not prove itself; what served before still does.
        """
        ...

    def ask(self, text: str, *, max_tokens: int | None = None) -> str:
        """One answer through the public address; `ServingError` when none comes."""
        ...
