"""A project's own rules at the door: what is redacted or held back, whose words are an owner's, under which key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.interactions.config import Capture
from selftune.interactions.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from selftune.loop.config import ProjectConfig
    from selftune.loop.project import Project

_PURPOSE: Final = "pseudonyms"


def door_of(project: Project) -> Capture:
    """The door that everything passes which the project keeps; its key is made at the first use."""
    return replace(rules_of(project.config), pseudonyms=Pseudonyms(project.store.derive_key(_PURPOSE)))


def rules_of(config: ProjectConfig) -> Capture:
    """The same rules without the key: enough to look at what would come in, and only for that."""
    section = config.capture
    return Capture(redact=section.redact, quarantine=section.quarantine, owners=section.owners)
