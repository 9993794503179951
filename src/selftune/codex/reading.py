"""A codex out of TOML, read strictly: what makes no sense is refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, offer
from selftune.records import Codex, DissonanceLimits, Identity, Persona
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

CODICES: Final = Shipped(kind="codex", package="selftune", folder="codex")
DEFAULT_CODEX: Final = "brick_robin"

_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True)
class _CodexTable:
    """What a file must hold; the record has a kind and an id besides."""

    name: str
    version: str
    identity: Identity
    personas: tuple[Persona, ...]
    governor: str = ""
    dissonance: DissonanceLimits = field(default_factory=DissonanceLimits)


def load_codex(name_or_path: str = DEFAULT_CODEX) -> Codex:
    """A shipped codex by name, or one from a TOML file by its path.

    Raises:
        UnknownNameError: no shipped codex has that name.
        MissingFileError: there is no such file.
        ConfigError: as `parse_codex`.
    """
    return parse_codex(CODICES.text(name_or_path), f"codex {name_or_path}")


def parse_codex(text: str, where: str) -> Codex:
    """The codex that a TOML text describes; `where` names the text in errors.

    Raises:
        ConfigError: no TOML, a key we don't know, or a value that is missing, of the wrong type, or makes no sense.
    """
    table = from_mapping(_CodexTable, read_toml(text, where), where)
    codex = Codex(**vars(table))
    for fault in _faults(codex):
        raise ConfigError(f"{where}: {fault}.", next_step="Correct the codex.")
    if codex.governor and find_persona(codex, codex.governor) is None:
        raise ConfigError(
            f"{where}: its governor {codex.governor!r} is none of its personas.",
            next_step=offer(codex.governor, [persona.name for persona in codex.personas]),
        )
    return codex


def reference_to(name: str) -> str:
    """The name as references write it: `Tamland Engine` is `tamland_engine`."""
    return _BETWEEN_WORDS.sub("_", name.casefold()).strip("_")


def find_persona(codex: Codex, name: str) -> Persona | None:
    """The persona of this name in any case of letters; None when there is none."""
    wanted = reference_to(name)
    return next((persona for persona in codex.personas if reference_to(persona.name) == wanted), None)


def is_governor(codex: Codex, name: str) -> bool:
    """Whether this is the name of the codex's governor."""
    return bool(codex.governor) and reference_to(name) == reference_to(codex.governor)


def _faults(codex: Codex) -> Iterator[str]:
    """What makes no sense in a codex whose values have the right types."""
    identity, personas = codex.identity, codex.personas
    texts = [codex.name, codex.version, identity.name, identity.text]
    texts += [text for one in identity.principles for text in (one.name, one.text)]
    texts += [text for one in personas for text in (one.name, one.role, one.text, one.voice)]
    texts += [text for one in personas for pillar in one.pillars for text in (pillar.name, pillar.text)]
    if not all(text.strip() for text in texts):
        yield "a text is empty"
    if not identity.principles:
        yield "it has no [[identity.principles]]"
    if not personas:
        yield "it has no [[personas]]"
    yield from _twice("principle", [one.name for one in identity.principles])
    yield from _twice("persona", [one.name for one in personas])
    for one in personas:
        yield from _twice(f"pillar of {one.name}", [pillar.name for pillar in one.pillars])
        if any(pillar.weight <= 0 for pillar in one.pillars):
            yield f"a pillar of {one.name} has no weight above 0"


def _twice(what: str, names: list[str]) -> Iterator[str]:
    """References tell names apart by their words alone."""
    seen: set[str] = set()
    for name in names:
        reference = reference_to(name)
        if not reference:
            yield f"{what} {name!r} has no letter to be named by"
        if reference in seen:
            yield f"{what} {name!r} stands twice"
        seen.add(reference)
