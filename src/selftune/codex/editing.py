"""One text or number of a codex replaced in its file; everything else in it stays as it stands, comments included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.codex.reading import parse_codex, reference_to
from selftune.errors import ConfigError, UnknownNameError
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Codex

_OF_PERSONA: Final = ("role", "text", "voice")
_WHOLE: Final = "most_rounds"


def places_to_edit(codex: Codex) -> tuple[str, ...]:
    """The places that `with_change` knows, as `codex.changes` writes them; whether one may change is not its matter."""
    return tuple(_places(codex))


def with_change(text: str, place: str, new: str) -> str:
    """The file of a codex with something else at one place.

    Raises:
        UnknownNameError: there is no such place; the nearest are offered.
        ConfigError: the file, before or after, is no sound codex, or the new text is no number where one stands.
    """
    import tomlkit

    codex = parse_codex(text, "the codex")
    known = places_to_edit(codex)
    if place not in known:
        raise UnknownNameError("place of the codex", place, known)
    document: Any = tomlkit.parse(text)
    table, key = _find(document, place.split("."))
    table[key] = _fitting(place, new)
    changed = tomlkit.dumps(document)
    parse_codex(changed, "the codex as it would be")
    return changed


def _places(codex: Codex) -> Iterator[str]:
    yield "identity.text"
    for principle in codex.identity.principles:
        yield f"identity.principles.{reference_to(principle.name)}.text"
    for persona in codex.personas:
        named = f"personas.{reference_to(persona.name)}"
        yield from (f"{named}.{part}" for part in _OF_PERSONA)
        if persona.played_by is PlayedBy.MODEL and persona.prompt:
            yield f"{named}.prompt"
        for pillar in persona.pillars:
            yield f"{named}.pillars.{reference_to(pillar.name)}.text"
            yield f"{named}.pillars.{reference_to(pillar.name)}.weight"
    yield from (f"dissonance.{name}" for name in ("high", "resolved", _WHOLE))


def _find(document: Any, path: list[str]) -> tuple[Any, str]:
    """The table that holds a place, and its key there; lists are walked by the names of their entries."""
    table = document
    for step in path[:-1]:
        if isinstance(table, list):
            table = next(entry for entry in table if reference_to(entry["name"]) == step)
        else:
            # A section of nothing but defaults need not stand in the file.
            table = table.setdefault(step, {})
    return table, path[-1]


def _fitting(place: str, new: str) -> str | float:
    key = place.rpartition(".")[2]
    if not place.startswith("dissonance.") and key != "weight":
        return new
    try:
        return int(new) if key == _WHOLE else float(new)
    except ValueError as error:
        raise ConfigError(f"{place} must be a number, not {new[:40]!r}.", next_step="Write it as one.") from error
