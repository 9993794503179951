"""What others quote of a codex: a pillar for a criterion, the governor as the one who judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.codex.reading import find_persona, reference_to
from selftune.errors import ConfigError, offer
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Codex, Persona, Pillar, Principle

REFERENCE: Final = "codex:"


def references_in(codex: Codex) -> tuple[str, ...]:
    """Everything that can be quoted: each persona that a model plays, and each of its pillars behind a dot."""
    return tuple(
        name
        for persona in codex.personas
        if persona.played_by is PlayedBy.MODEL
        for name in (reference_to(persona.name), *(_pillar_name(persona, pillar) for pillar in persona.pillars))
    )


def quote_pillars(codex: Codex, reference: str, where: str) -> tuple[str, ...]:
    """Name, weight and text of the pillar that a reference means, or of all pillars of the persona.

    Raises:
        ConfigError: the codex holds nothing of that name, or a persona without a pillar; the nearest names are offered.
    """
    persona = _persona(codex, reference, where)
    wanted = reference.removeprefix(REFERENCE)
    pillars = [
        pillar for pillar in persona.pillars if wanted in {reference_to(persona.name), _pillar_name(persona, pillar)}
    ]
    if not pillars:
        raise _unknown(codex, reference, where)
    return tuple(f"{pillar.name} (weight {pillar.weight:g}): {pillar.text.strip()}" for pillar in pillars)


def quote_judge(codex: Codex, reference: str, where: str) -> str:
    """A persona as the one who judges: what it is and stands on, without its voice and without its part in any talk.

    Raises:
        ConfigError: the codex has no persona of that name (the nearest names are offered), or a person plays it.
    """
    persona = _persona(codex, reference, where)
    if "." in reference:
        raise _unknown(codex, reference, where)
    if persona.played_by is PlayedBy.PERSON:
        raise ConfigError(
            f"{where}: {reference!r} is played by a person, for whom no judge may speak.",
            next_step="Quote the governor, or another persona that a model plays.",
        )
    return (
        f"You are {persona.name}, {persona.role} of {codex.identity.name}, here as an expert AI systems analyst. "
        f"{persona.text.strip()}\n"
        "You are a fresh instance made for this one reading: you talk to nobody, you remember no dialogue, and you owe "
        "none of its speakers anything. You hold the work against the principles by which you govern, and you say "
        f"plainly what falls short.\n\n{told_principles(codex)}\n\n{told_pillars(persona)}"
    ).strip()


def told_principles(codex: Codex) -> str:
    """The principles of the whole, one a line."""
    return f"The principles:\n{_listed(codex.identity.principles)}"


def told_pillars(persona: Persona) -> str:
    """What a persona stands on, one pillar a line; empty for one without any."""
    return f"You stand on:\n{_listed(persona.pillars)}" if persona.pillars else ""


def _listed(entries: Sequence[Principle | Pillar]) -> str:
    return "\n".join(f"- {entry.name}: {entry.text.strip()}" for entry in entries)


def _persona(codex: Codex, reference: str, where: str) -> Persona:
    persona = find_persona(codex, reference.removeprefix(REFERENCE).partition(".")[0])
    if persona is None:
        raise _unknown(codex, reference, where)
    return persona


def _pillar_name(persona: Persona, pillar: Pillar) -> str:
    return f"{reference_to(persona.name)}.{reference_to(pillar.name)}"


def _unknown(codex: Codex, reference: str, where: str) -> ConfigError:
    return ConfigError(
        f"{where}: nothing in codex {codex.name!r} answers to {reference!r}.",
        next_step=offer(reference.removeprefix(REFERENCE), references_in(codex)),
    )
