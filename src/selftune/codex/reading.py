"""A codex out of TOML, read strictly: what makes no sense is refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, offer
from selftune.records import Codex, DissonanceLimits, Identity, Persona, PlayedBy
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import GenerationParameters

CODICES: Final = Shipped(kind="codex", package="selftune", folder="codex")
DEFAULT_CODEX: Final = "brick_robin"

MOST_BYTES: Final = 1 << 20
LONGEST_TEXT: Final = 20_000
NAME: Final = "name"
"""The identity's name, where an invariant is named; principles are named as references write them."""
TEXT: Final = "text"
"""The identity's text, likewise."""


_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# With these a person would sign other words than they see.
_TURNING: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_LONGEST_NAME: Final = 200
_HOTTEST: Final = 5
_MOST_TOKENS: Final = 1_000_000
_MOST_STOPS: Final = 16
_MOST_ROUNDS: Final = 50
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
    where = f"codex {name_or_path}"
    if CODICES.is_path(name_or_path) and (path := Path(name_or_path)).is_file() and path.stat().st_size > MOST_BYTES:
        raise _too_large(where)
    return parse_codex(CODICES.text(name_or_path), where)


@lru_cache(maxsize=16)
def parse_codex(text: str, where: str) -> Codex:
    """The codex that a TOML text describes, kept by its text; `where` names the text in errors.

    Raises:
        ConfigError: no TOML, a key we don't know, or a value that is missing, of the wrong type, or makes no sense.
    """
    if len(text.encode()) > MOST_BYTES:
        raise _too_large(where)
    table = from_mapping(_CodexTable, read_toml(text, where), where)
    codex = Codex(**vars(table))
    for fault in _faults(codex):
        raise ConfigError(f"{where}: {fault}.", next_step="Correct the codex.")
    for fault, name, known in _unknown_names(codex):
        raise ConfigError(f"{where}: {fault}.", next_step=offer(name, known))
    return codex


def _too_large(where: str) -> ConfigError:
    return ConfigError(
        f"{where} has more than {MOST_BYTES >> 20} MiB.", next_step="Say shortly who the system is: models read it."
    )


@lru_cache(maxsize=1024)
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


def is_answering(codex: Codex, persona: Persona) -> bool:
    """Whether a model speaks and learns as this persona: the governor watches, and a person is never spoken for."""
    return persona.played_by is PlayedBy.MODEL and not is_governor(codex, persona.name)


def _faults(codex: Codex) -> Iterator[str]:
    """What makes no sense in a codex whose values have the right types."""
    identity, personas = codex.identity, codex.personas
    yield from _unfit_words(codex)
    if not identity.principles:
        yield "it has no [[identity.principles]]"
    if not personas:
        yield "it has no [[personas]]"
    yield from _twice("principle", [one.name for one in identity.principles])
    yield from _twice("persona", [one.name for one in personas])
    for one in personas:
        yield from _twice(f"pillar of {one.name}", [pillar.name for pillar in one.pillars])
        if not all(0 < pillar.weight < inf for pillar in one.pillars):
            yield f"a pillar of {one.name} has no weight above 0"
        yield from _unfit_part(one)
    if personas and all(one.played_by is PlayedBy.PERSON for one in personas):
        yield "none of its personas is played by a model"
    governor = find_persona(codex, codex.governor) if codex.governor else None
    if governor is not None and governor.played_by is PlayedBy.PERSON:
        yield f"its governor {governor.name} is played by a person, who is never called to govern"
    yield from _unfit_limits(codex.dissonance)
    yield from _unfit_probes(identity)


def _unfit_words(codex: Codex) -> Iterator[str]:
    """Texts that are empty, too long, or hold what a terminal would obey."""
    identity, personas = codex.identity, codex.personas
    told = [(one.name, one.text) for one in identity.principles]
    told += [(pillar.name, pillar.text) for one in personas for pillar in one.pillars]
    names = [codex.name, codex.version, identity.name, *(name for name, _ in told)]
    names += [name for one in personas for name in (one.name, one.role)]
    texts = [identity.text, *identity.forbidden, *(text for _, text in told)]
    texts += [text for one in personas for text in (one.text, one.voice)]
    texts += [text for one in identity.probes for text in (one.question, *one.expected, *one.forbidden)]
    if not all(text.strip() for text in (*names, *texts)):
        yield "a text is empty"
    for name in names:
        if len(name) > _LONGEST_NAME or not name.isprintable():
            yield f"{name[:40]!r} is no name: one line of at most {_LONGEST_NAME} characters that can be printed"
    for text in (*texts, *(one.prompt for one in personas)):
        if len(text) > LONGEST_TEXT:
            yield f"the text that begins with {text[:40]!r} has more than {LONGEST_TEXT:,} characters"
        if _STEERING.search(text):
            yield f"the text that begins with {text[:40]!r} holds a control character"
        if _TURNING.search(text):
            yield f"the text that begins with {text[:40]!r} holds a character that turns the direction of writing"


def _unfit_part(persona: Persona) -> Iterator[str]:
    """What a persona can't have, by who plays it."""
    drawn = persona.parameters
    if persona.played_by is PlayedBy.PERSON:
        if drawn is not None or persona.prompt.strip():
            yield f"{persona.name} is played by a person, who takes no parameters and no prompt"
    elif drawn is not None:
        yield from (f"the parameters of {persona.name}: {fault}" for fault in _unfit_parameters(drawn))


def _unfit_parameters(drawn: GenerationParameters) -> Iterator[str]:
    bounds = {
        "temperature must be from 0 to 5": 0 <= drawn.temperature <= _HOTTEST,
        "top_p must be above 0 and at most 1": 0 < drawn.top_p <= 1,
        "top_k must be 0 or more": drawn.top_k >= 0,
        f"max_tokens must be from 1 to {_MOST_TOKENS:,}": 1 <= drawn.max_tokens <= _MOST_TOKENS,
        f"stop takes at most {_MOST_STOPS} texts, none of them empty": len(drawn.stop) <= _MOST_STOPS
        and all(drawn.stop),
    }
    yield from (fault for fault, holds in bounds.items() if not holds)


def _unfit_limits(limits: DissonanceLimits) -> Iterator[str]:
    if not 0 <= limits.resolved < limits.high <= 1:
        yield "[dissonance] needs 0 <= resolved < high <= 1"
    if not 1 <= limits.most_rounds <= _MOST_ROUNDS:
        yield f"[dissonance] most_rounds must be from 1 to {_MOST_ROUNDS}"


def _unfit_probes(identity: Identity) -> Iterator[str]:
    """Probes that no answer can pass or fail, and names of principles that would be mistaken for other invariants."""
    for probe in identity.probes:
        if not probe.expected and not probe.forbidden:
            yield f"the probe {probe.question[:40]!r} neither expects nor forbids a word"
    for principle in identity.principles:
        if reference_to(principle.name) in {NAME, TEXT}:
            yield f"principle {principle.name!r} can't be told from the identity's own {reference_to(principle.name)}"


def _unknown_names(codex: Codex) -> Iterator[tuple[str, str, list[str]]]:
    """What is named and is not there: what to say, the name, and the names that there are."""
    identity = codex.identity
    personas = [persona.name for persona in codex.personas]
    invariants = [NAME, *(reference_to(one.name) for one in identity.principles)]
    known = {*invariants, TEXT}
    if codex.governor and find_persona(codex, codex.governor) is None:
        yield f"its governor {codex.governor!r} is none of its personas", codex.governor, personas
    for name in identity.amendable:
        if name not in known:
            yield f"amendable names {name!r}, which is no invariant", name, [TEXT, *invariants]
    for probe in identity.probes:
        if probe.invariant not in known or probe.invariant == TEXT:
            yield f"a probe names {probe.invariant!r}, which is no invariant", probe.invariant, invariants


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
