"""What is amiss in a codex that can be read: where it contradicts itself, as far as code can tell.

Whether two texts contradict each other in what they mean, no code can tell: nothing here tries to.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.codex.changes import forbidden_places, forbidden_words, is_within, known_places, places_of
from selftune.codex.probing import parted, places_asked
from selftune.codex.reading import NAME, TEXT, is_answering, reference_to
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.records import Codex, Identity, Probe

UNSEEN: Final = "Whether its texts contradict each other in what they mean, no code can tell: read them."

PLACEHOLDER: Final = re.compile(r"<fill in:[^<>]{0,200}>")
_LIKE_A_PLACE: Final = re.compile(r"\w+(?:\.[\w-]+)+")
_MACRO: Final = re.compile(r"\{\{[^{}]{0,200}\}\}")
_TAKEN_NAMES: Final = frozenset({"user", "human", "system", "assistant", "tool"})


def faults_of(codex: Codex) -> Iterator[str]:
    """What must be put right: nothing can hold to it, or it says two things at once."""
    yield from left_to_fill_in(codex)
    yield from _faults_of_identity(codex.identity)
    yield from _faults_of_places(codex)
    for probe in codex.identity.probes:
        yield from _faults_of_probe(probe)
    for persona in codex.personas:
        if not persona.pillars and persona.played_by is PlayedBy.MODEL:
            yield f"{persona.name} stands on no pillar: no criterion can quote one."
        if reference_to(persona.name) in _TAKEN_NAMES:
            yield f"{persona.name} is no name for a persona: a log takes such turns for somebody else's."
    yield from _equal_texts("personas", ((one.name, one.text) for one in codex.personas))
    yield from _equal_texts("prompts", ((one.name, one.prompt) for one in codex.personas))
    pillars = ((f"{one.name}'s {pillar.name}", pillar.text) for one in codex.personas for pillar in one.pillars)
    yield from _equal_texts("pillars", pillars)
    if not any(is_answering(codex, persona) for persona in codex.personas):
        yield "nobody but the governor speaks: nothing can be learnt from its dialogues."
    if codex.dissonance.resolved == 0:
        yield "no dialogue can be settled: resolved is 0, and no score lies below it."


def remarks_on(codex: Codex, *, fewest: int = 0) -> Iterator[str]:
    """What may be meant so and is worth knowing.

    Args:
        codex: What is looked at.
        fewest: Of how many questions a gate can first tell that an invariant was lost; 0 where none is asked about.
    """
    identity = codex.identity
    principles = [reference_to(one.name) for one in identity.principles]
    probed = {probe.invariant for probe in identity.probes}
    unprobed = [name for name in (NAME, *principles) if name not in probed]
    if unprobed:
        yield f"no probe shows after a training whether it holds: {', '.join(unprobed)}."
    yield from _asked_too_seldom(codex, fewest)
    if {NAME, TEXT, *principles} <= set(identity.amendable):
        yield "everything of the identity may be amended: nothing in it is kept for good."
    for persona in codex.personas:
        if persona.prompt.strip():
            yield f"{persona.name} has a prompt of its own: no call tells it its pillars and the principles."
    speakers = sum(is_answering(codex, persona) for persona in codex.personas)
    if speakers == 1 and codex.dissonance.most_rounds > 1:
        yield "one persona alone answers: no further round can bring it together with another."


def left_to_fill_in(codex: Codex) -> Iterator[str]:
    """Every place of a template, and every macro of a card, that nobody has written yet."""
    for where, text in places_of(codex):
        yield from (f"{where} is still to be filled in: {found}" for found in PLACEHOLDER.findall(text))
        yield from (f"{where} holds {found}, which nothing replaces." for found in _MACRO.findall(text))


def _asked_too_seldom(codex: Codex, fewest: int) -> Iterator[str]:
    """Invariants of too few probes to be seen lost, each probe counted in each of its places."""
    places = len(places_asked(codex))
    probes = Counter(probe.invariant for probe in codex.identity.probes)
    few = [f"{name} ({count * places})" for name, count in probes.items() if count * places < fewest]
    if few:
        yield (
            f"asked fewer than {fewest} questions, so that its loss alone can't be told from chance: {', '.join(few)}. "
            f"A probe is asked in {places} places."
        )


def forbidden_in_vain(codex: Codex) -> Iterator[str]:
    """Places under `forbidden` by which code holds nothing: who wrote them takes something for safe that is not."""
    there = known_places(codex)
    for place in forbidden_places(codex.identity):
        if not any(is_within(where, place) for where in there):
            yield f"forbidden names the place {place}, which is not there."
    for words in forbidden_words(codex.identity):
        if _LIKE_A_PLACE.fullmatch(words):
            yield f"forbidden says {words}, which is written as a place and is none: code does not hold it."


def _faults_of_identity(identity: Identity) -> Iterator[str]:
    for what, texts in (("amendable", identity.amendable), ("forbidden", identity.forbidden)):
        yield from (f"{what} says {text!r} twice." for text, times in Counter(texts).items() if times > 1)
    for principle in identity.principles:
        if reference_to(principle.name) in identity.amendable:
            for words in identity.forbidden:
                if _holds(words, principle.name):
                    yield f"{principle.name!r} may be amended, and a forbidden change names it: {words.strip()}"
    yield from _equal_texts("principles", ((one.name, one.text) for one in identity.principles))


def _faults_of_places(codex: Codex) -> Iterator[str]:
    """Forbidden changes that are written as places: one that holds nothing, or that may be amended as well."""
    yield from forbidden_in_vain(codex)
    marked = [
        f"identity.{name}" if name in {NAME, TEXT} else f"identity.principles.{name}"
        for name in codex.identity.amendable
    ]
    for place in forbidden_places(codex.identity):
        yield from (
            f"{one} may be amended and is forbidden to be ({place})." for one in marked if is_within(one, place)
        )


def _faults_of_probe(probe: Probe) -> Iterator[str]:
    """An answer that no probe can pass, or that every echo does."""
    _, asked = parted(probe.question)
    for wanted in probe.expected:
        ruled_out = next((words for words in probe.forbidden if _holds(wanted, words)), None)
        if ruled_out is not None:
            yield f"the probe {asked!r} expects {wanted!r} and forbids {ruled_out!r}."
        if _holds(asked, wanted):
            yield f"the probe {asked!r} says itself what it expects: an echo passes it ({wanted!r})."


def _equal_texts(what: str, texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, text in texts:
        said = reference_to(text)
        if said and said in first:
            yield f"two {what} say the same: {first[said]} and {name}."
        first.setdefault(said, name)


def _holds(text: str, words: str) -> bool:
    """Whether a text holds these words, as whole words, in any case of letters."""
    return f"_{reference_to(words)}_" in f"_{reference_to(text)}_"
