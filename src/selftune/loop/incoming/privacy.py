"""A project's own rules at the door: what is redacted or held back, whose words are an owner's, under which key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.interactions.config import Capture
from selftune.interactions.door import clean, clean_text
from selftune.interactions.privacy.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from selftune.loop.config import ProjectConfig
    from selftune.loop.opened import Project
    from selftune.records import Interaction
    from selftune.store import Store

PURPOSE: Final = "pseudonyms"


@dataclass(frozen=True)
class TodaysRules:
    """Lets out only words that the door would take in today as they are; a log may be older than its rules."""

    rules: Capture

    def objection(self, interaction: Interaction) -> str | None:
        """Why these words may not be sent away; None when they may."""
        if clean(interaction, self.rules) == interaction:
            return None
        return "it was kept under older rules: the door would redact or mend it today"


@dataclass(frozen=True)
class NotesDoor:
    """The door for a text that belongs to no interaction, such as what another tool's judge wrote."""

    rules: Capture

    def clean(self, text: str) -> str:
        """The text, mended and redacted."""
        return clean_text(text, self.rules)


def door_of(project: Project) -> Capture:
    """The door that everything passes which the project keeps; its key is made at the first use."""
    return door_with(project.config, project.store)


def door_with(config: ProjectConfig, store: Store) -> Capture:
    """The same door where the project's base is not needed, and need not be there."""
    return replace(rules_of(config), pseudonyms=Pseudonyms(store.derive_key(PURPOSE)))


def rules_of(config: ProjectConfig) -> Capture:
    """The same rules without the key: enough to look at what would come in, and only for that."""
    section = config.capture
    return Capture(redact=section.redact, quarantine=section.quarantine, owners=section.owners)
