"""An open project: what every command works on, and what of it stages are handed."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from selftune.bases.registry import resolve_base
from selftune.context import Context, Machine
from selftune.plugins import load_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.loop.config import ProjectConfig
    from selftune.records import BaseModel, Message
    from selftune.store import BlobStore, Store

HIDDEN: Final = ".selftune"
DRAFTS: Final = "drafts"
_SALT_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True)
class Project:
    """An open project: what every command works on.

    Attributes:
        base_folder: Where the base's files were put; only who is about to use them looks, with `check_base_files`.
        recipe_changes: What this command alone changes of the recipe, each as `KEY=VALUE`, within the recipe's ranges.
        continue_from: Id of the run whose adapter this command alone trains further; empty: as the recipe says.
        backend: What trains in the stead of what the recipe names, as a node asks for; empty: as the recipe says.
        most_seconds: What one training may take at most, whatever the recipe says; 0: as the recipe says.
        simulated: Whether its time and its people are a study's: a yes that stands in the plan counts here alone.
    """

    folder: Path
    config: ProjectConfig
    store: Store
    blobs: BlobStore
    base: BaseModel
    base_folder: Path
    recipe_changes: tuple[str, ...] = ()
    continue_from: str = ""
    backend: str = ""
    most_seconds: float = 0.0
    simulated: bool = False

    @property
    def hidden(self) -> Path:
        """The folder of the machine's own files."""
        return self.folder / HIDDEN

    def now(self) -> str:
        """The time here, as its stages read it."""
        return utc_now()

    def check_base_files(self) -> None:
        """See that the base is there and is the one that was pinned, before anything is made of it.

        Raises:
            MissingFileError: its folder is gone.
            DamagedFileError: a file is not the one that was pinned.
        """
        resolve_base(self.base.name)

    def context(self) -> Context:
        """What stages are handed; the executor replaces `work` and `report` for each step."""
        return Context(
            seed=self.config.project.seed,
            read=self.store,
            blobs=self.blobs,
            work=self.store.step_work("command"),
            serve=load_plugin("selftune.servers", self.config.serving.driver)(self.blobs.path, self.hidden / "logs"),
            base=self.base,
            base_folder=self.base_folder,
            report=lambda progress: None,  # noqa: ARG005 - nobody watches yet
            elapsed=time.monotonic,
            now=self.now,
            draw_salt=lambda: secrets.token_hex(_SALT_BYTES),
            count_tokens=self._count_tokens,
            notes=self.hidden / "notes",
            driver=self.config.serving.driver,
            codex_id=self._codex_id,
            machine=Machine(
                watts=self.config.machine.watts,
                usd_per_hour=self.config.machine.usd_per_hour,
                usd_per_kwh=self.config.machine.usd_per_kwh,
                ssh=self.config.machine.ssh,
                ssh_selftune=self.config.machine.ssh_selftune,
                ssh_memory_gb=self.config.machine.ssh_memory_gb,
            ),
        )

    def _codex_id(self) -> str:
        from selftune.loop.ejected import codex_of

        return codex_of(self.folder, self.config).id

    def _count_tokens(self, conversations: Sequence[Sequence[Message]]) -> Sequence[int] | None:
        from selftune.training.rows import count_tokens

        return count_tokens(self.base_folder, conversations)


def utc_now() -> str:
    """UTC time as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
