"""A codex and its changes in words, for a person to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.codex.changes import forbidden_words
from selftune.codex.quoting import REFERENCE
from selftune.codex.reading import is_governor, reference_to
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.codex.changes import Change
    from selftune.records import Codex, Identity, Persona, Probe


def told_codex(codex: Codex) -> Iterator[str]:
    """Everything that a codex says, line by line."""
    yield from _told_identity(codex.identity)
    for persona in codex.personas:
        yield from _told_persona(persona, codex)
    limits = codex.dissonance
    yield (
        f"A dialogue is at odds from {limits.high:g}, settled below {limits.resolved:g}, and ends after "
        f"{limits.most_rounds} round{'' if limits.most_rounds == 1 else 's'}."
    )


def _told_identity(identity: Identity) -> Iterator[str]:
    yield f"{identity.name}: {identity.text.strip()}"
    for principle in identity.principles:
        mark = " (may be amended)" if reference_to(principle.name) in identity.amendable else ""
        yield f"  {principle.name}{mark}: {principle.text.strip()}"
    own = [part for part in ("name", "text") if part in identity.amendable]
    if own:
        yield f"  Of the identity's own an amendment may change its {' and '.join(own)}."
    yield from (f"  Nobody may change: {words.strip()}" for words in identity.forbidden)
    yield from map(_told_probe, identity.probes)


def _told_probe(probe: Probe) -> str:
    wanted = [
        f"{verb} {', '.join(map(repr, words))}"
        for verb, words in (("expects one of", probe.expected), ("forbids", probe.forbidden))
        if words
    ]
    return f"  Probe of {probe.invariant}: {probe.question.strip()} ({'; '.join(wanted)})"


def _told_persona(persona: Persona, codex: Codex) -> Iterator[str]:
    part = "; watches over the others" if is_governor(codex, persona.name) else ""
    part += "; played by a person" if persona.played_by is PlayedBy.PERSON else ""
    yield f"{persona.name}, {persona.role}{part}: {persona.text.strip()}"
    yield f"  voice: {persona.voice.strip()}"
    if persona.prompt.strip():
        yield f"  prompt: {persona.prompt.strip()}"
    if persona.parameters is not None:
        drawn = persona.parameters
        stops = f", stop {', '.join(map(repr, drawn.stop))}" if drawn.stop else ""
        yield (
            f"  drawn with temperature {drawn.temperature:g}, top-p {drawn.top_p:g}, top-k {drawn.top_k}, at most "
            f"{drawn.max_tokens} tokens{stops}"
        )
    for pillar in persona.pillars:
        named = f"{REFERENCE}{reference_to(persona.name)}.{reference_to(pillar.name)}"
        yield f"  {named} (weight {pillar.weight:g}): {pillar.text.strip()}"


def told_changes(found: Sequence[Change], before: Codex) -> Iterator[str]:
    """What changed, place by place, and which of it no amendment may make; none says so."""
    if not found:
        yield "Nothing differs."
        return
    for change in found:
        yield f"{change.where}{_mark(change)}"
        yield from _side("-", change.before)
        yield from _side("+", change.after)
    refused = [change.where for change in found if change.forbidden or not change.amendable]
    if refused:
        yield f"No amendment may change {', '.join(refused)}: so the first of the two codices says."
    words = forbidden_words(before.identity)
    if words:
        yield "No code can tell whether words do what nobody may do. Hold the changes against this:"
        yield from (f"  {one}" for one in words)


def _mark(change: Change) -> str:
    if change.forbidden:
        return " (forbidden)"
    if not change.invariant:
        return ""
    return " (an invariant, marked as amendable)" if change.amendable else " (an invariant)"


def _side(sign: str, text: str | None) -> Iterator[str]:
    yield from () if text is None else (f"  {sign} {line}" for line in text.strip("\n").split("\n"))
