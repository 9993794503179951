"""Where a release goes: the project folder, the names it goes by, the port it answers at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selftune.errors import ConfigError

LARGEST_PORT: Final = 65535


@dataclass(frozen=True, kw_only=True)
class Target:
    """The place and the terms of service.

    Attributes:
        folder: The project folder, absolute.
        project: Goes into the model's file name, as does `base`.
        alias: The model's name for clients; it stays the same from version to version.
        driver: What serves it, as registered in `selftune.servers`.
        port: Loopback port; 0 takes a free one and keeps it for the project.
        idle_minutes: After so long without a request the server stops; 0 means never.
        approvals_required: How many people must have approved a promotion.
    """

    folder: str
    project: str
    base: str
    alias: str = "selftune"
    driver: str = "llama.cpp"
    port: int = 0
    idle_minutes: float = 0.0
    approvals_required: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= LARGEST_PORT:
            raise ConfigError(f"[serving] port {self.port} is no port.", next_step="Choose 0 to 65535; 0 finds one.")
        if self.idle_minutes < 0:
            raise ConfigError("[serving] idle_minutes is negative.", next_step="Choose 0 (never) or more.")

    @property
    def hidden(self) -> Path:
        """The folder of the machine's own files."""
        return Path(self.folder) / ".selftune"
