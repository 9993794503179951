"""A prompt before a base: the same files, and what stands before every conversation; nothing is written or merged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.records import BuildOrigin, ServingForm, ShownLessons

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.records import Build

STAGE_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class PromptLayout:
    """What is put before every conversation.

    Attributes:
        instruction: What it says; None for nothing.
        shown: Lessons that it shows behind that; None for none.
        search_id: The search that found it; None where nobody searched.
    """

    instruction: str | None = None
    shown: ShownLessons | None = None
    search_id: str | None = None


def prompted(base: Build, layout: PromptLayout) -> Build:
    """The base with this prompt and no training, not sealed yet; what was measured of its files holds for it too."""
    return replace(
        base,
        origin=BuildOrigin.PROMPT,
        system_prompt=layout.instruction,
        shown=layout.shown,
        search_id=layout.search_id,
        manifest_signature=None,
    )


def build(base: Build, layout: PromptLayout, context: Context) -> Build:
    """The same as a stage, so that it is sealed, kept and can be released.

    Raises:
        ConfigError: what the prompt is put before was trained, or the prompt is empty.
    """
    del context
    if base.form is not ServingForm.BASE:
        raise ConfigError(
            f"{base.id[:18]} is no bare base.", next_step="Put the prompt before the base: `selftune prompt` does."
        )
    made = prompted(base, layout)
    if not made.prompt:
        raise ConfigError("the prompt is empty.", next_step="Name one, or search for one with `selftune prompt`.")
    return made
