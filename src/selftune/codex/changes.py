"""What differs between two codices, place by place, and what of it an amendment may change."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import NAME, TEXT, reference_to
from selftune.records import GenerationParameters, PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Codex, Identity, Persona

    Place = tuple[str, str]
    Said = str | float | tuple[str, ...]


_PLACE: Final = re.compile(r"(?:name|version|governor|identity|personas|dissonance)(?:\.\w+)*")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place where two codices differ.

    Attributes:
        where: As in `identity.principles.truth.text` or `personas.brick.pillars.sage.weight`; entries stand by their
            names as references write them, probes by their numbers, the order of a list by the list alone.
        before: What stood there, as text; None where nothing did.
        after: What stands there now; None where nothing does.
        invariant: Whether it is who the system is: all of `identity`, and that a person plays a persona.
        amendable: Whether an amendment may change it, by the codex before: what is no invariant, and what of the
            identity that codex marks.
        forbidden: Whether the codex before names this place, or one that it lies in, among the changes that nobody may
            make.
    """

    where: str
    before: str | None
    after: str | None
    invariant: bool
    amendable: bool
    forbidden: bool = False


def changes(before: Codex, after: Codex) -> tuple[Change, ...]:
    """Where two codices differ, in the order of the file; none if and only if they are equal.

    What may be changed is asked of the codex before alone, so a codex can't allow itself what it changes. Of its
    `forbidden`, places are held by code; what stands there in words no code can hold a change against: a person must.
    """
    old, new = dict(places_of(before)), dict(places_of(after))
    found = [(where, old.get(where), new.get(where)) for where in {**old, **new}]
    found += list(_moved(before, after))
    persons = {f"personas.{name}{part}" for name in _persons(before, after) for part in ("", ".played_by")}
    return tuple(
        Change(
            where=where,
            before=was,
            after=now,
            invariant=where.startswith("identity.") or where in persons,
            amendable=_is_marked(where, before.identity) if where.startswith("identity.") else where not in persons,
            forbidden=any(is_within(where, place) for place in forbidden_places(before.identity)),
        )
        for where, was, now in found
        if was != now
    )


def forbidden_places(identity: Identity) -> tuple[str, ...]:
    """What of the forbidden changes is a place and no sentence, as in `governor` or `personas.brick.voice`.

    However somebody wrote the letters, a place is written in small ones here, as references are.
    """
    return tuple(place for words in identity.forbidden if _PLACE.fullmatch(place := words.strip().casefold()))


def forbidden_words(identity: Identity) -> tuple[str, ...]:
    """The other forbidden changes: what stands there in words that only a person can hold a change against."""
    places = forbidden_places(identity)
    return tuple(words.strip() for words in identity.forbidden if words.strip().casefold() not in places)


def is_within(place: str, wider: str) -> bool:
    """Whether a place of a codex is this one or lies in it."""
    return place == wider or place.startswith(f"{wider}.")


def places_of(codex: Codex) -> Iterator[Place]:
    """Everything that a codex says, each behind its place; the order of entries, and what is empty, apart."""
    yield from ((where, _written(said)) for where, said in _every_place(codex) if said not in {"", ()})


def known_places(codex: Codex) -> tuple[str, ...]:
    """Every place that a codex has, whether something stands there or may yet; lists stand by their names."""
    invariants = (NAME, *(reference_to(one.name) for one in codex.identity.principles))
    personas = [f"personas.{reference_to(one.name)}" for one in codex.personas]
    drawn = [field.name for field in fields(GenerationParameters)]
    return (
        *("identity.principles", "identity.probes", "personas"),
        *(f"identity.probes.{name}" for name in invariants),
        *(f"{where}.pillars" for where in personas),
        *(f"{where}.parameters.{name}" for where in personas for name in drawn),
        *(where for where, _ in _every_place(codex)),
    )


def _every_place(codex: Codex) -> tuple[tuple[str, Said], ...]:
    limits = ((f"dissonance.{field.name}", getattr(codex.dissonance, field.name)) for field in fields(codex.dissonance))
    return (
        ("name", codex.name),
        ("version", codex.version),
        ("governor", codex.governor),
        *_places_of_identity(codex.identity),
        *(place for persona in codex.personas for place in _places_of_persona(persona)),
        *limits,
    )


def _places_of_identity(identity: Identity) -> Iterator[tuple[str, Said]]:
    yield from (("identity.name", identity.name), ("identity.text", identity.text))
    yield from (("identity.forbidden", identity.forbidden), ("identity.amendable", identity.amendable))
    for principle in identity.principles:
        where = f"identity.principles.{reference_to(principle.name)}"
        yield from ((where, principle.name), (f"{where}.text", principle.text))
    for where, probe in zip(_probe_places(identity), identity.probes, strict=True):
        yield from ((f"{where}.{part}", getattr(probe, part)) for part in ("question", "expected", "forbidden"))


def _places_of_persona(persona: Persona) -> Iterator[tuple[str, Said]]:
    where = f"personas.{reference_to(persona.name)}"
    yield from ((where, persona.name), (f"{where}.played_by", persona.played_by.value))
    yield from ((f"{where}.{part}", getattr(persona, part)) for part in ("role", "text", "voice", "prompt"))
    for pillar in persona.pillars:
        stone = f"{where}.pillars.{reference_to(pillar.name)}"
        yield from ((stone, pillar.name), (f"{stone}.text", pillar.text), (f"{stone}.weight", pillar.weight))
    for field in () if persona.parameters is None else fields(persona.parameters):
        yield f"{where}.parameters.{field.name}", getattr(persona.parameters, field.name)


def _written(said: Said) -> str:
    if isinstance(said, str):
        return said
    return json.dumps(said, ensure_ascii=False) if isinstance(said, tuple) else repr(float(said)).removesuffix(".0")


def _probe_places(identity: Identity) -> tuple[str, ...]:
    """Where each probe stands: by its invariant, numbered within it."""
    met: Counter[str] = Counter()
    places = []
    for probe in identity.probes:
        met[probe.invariant] += 1
        places.append(f"identity.probes.{probe.invariant}.{met[probe.invariant]}")
    return tuple(places)


def _moved(before: Codex, after: Codex) -> Iterator[tuple[str, str | None, str | None]]:
    """Lists whose common entries stand in another order."""
    for (where, old), (_, new) in zip(_orders(before, after), _orders(after, before), strict=False):
        common = set(old) & set(new)
        was, now = ([name for name in names if name in common] for names in (old, new))
        if was != now:
            yield where, ", ".join(was), ", ".join(now)


def _orders(codex: Codex, other: Codex) -> Iterator[tuple[str, list[str]]]:
    """The entries of each list, of the pillars for the personas that both codices have."""
    yield "identity.principles", [reference_to(one.name) for one in codex.identity.principles]
    yield "identity.probes", [where.removeprefix("identity.probes.") for where in _probe_places(codex.identity)]
    yield "personas", [reference_to(one.name) for one in codex.personas]
    both = {reference_to(one.name) for one in codex.personas} & {reference_to(one.name) for one in other.personas}
    named = {reference_to(one.name): one for one in codex.personas}
    for name in sorted(both):
        yield f"personas.{name}.pillars", [reference_to(pillar.name) for pillar in named[name].pillars]


def _persons(*codices: Codex) -> set[str]:
    """The personas that a person plays in any of these."""
    return {reference_to(one.name) for codex in codices for one in codex.personas if one.played_by is PlayedBy.PERSON}


def _is_marked(where: str, identity: Identity) -> bool:
    """Whether the codex marks what stands at a place of its identity as amendable; its own guards never are."""
    _, part, *rest = where.split(".")
    if part in {NAME, TEXT}:
        return part in identity.amendable
    if part not in {"principles", "probes"}:
        return False
    if not rest:
        return {reference_to(one.name) for one in identity.principles} <= set(identity.amendable)
    return rest[0] in identity.amendable
