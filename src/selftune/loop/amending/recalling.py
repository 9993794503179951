"""What bears on a conflict in a project's records: dialogues, concerns, earlier amendments and the codex itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.codex.reading import reference_to
from selftune.governance.amendments.dialogues import DELIBERATION
from selftune.personas.base import Passage
from selftune.records import Amendment, Interaction, Statement, StatementKind, has_words
from selftune.scoring.embedding import HashedWords, cosine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.opened import Project
    from selftune.records import Codex

LATEST: Final = 500
"""So many of the newest dialogues are looked through; what a conflict rests on is shown whether it is among them."""

_MOST_LETTERS: Final = 1200


class RecordRecall:
    """Finds passages in a project's records by hashed words: spelling and no meaning, and no download.

    What somebody does not want to be learnt from is not shown to a model here either.

    Args:
        project: Whose records.
        codex: The codex in force.
        sends: Whether what is found leaves this machine: then only dialogues that may are found, and the codex.
    """

    def __init__(self, project: Project, codex: Codex, *, sends: bool = False) -> None:
        self._project = project
        self._codex = codex
        self._sends = sends
        self._embed = HashedWords()

    def recall(self, words: str, limit: int) -> tuple[Passage, ...]:
        """The nearest passages, best first; a place is shown once."""
        vector = self._embed(words)
        found = [
            Passage(record_id=place, text=text, score=cosine(vector, self._embed(text)))
            for place, text in self._everything()
        ]
        return tuple(sorted(found, key=lambda one: (-one.score, one.record_id))[:limit])

    def _everything(self) -> Iterator[tuple[str, str]]:
        yield from self._dialogues()
        yield from passages_of(self._codex)
        if not self._sends:  # Nobody who raises a concern or proposes something is asked whether it may be sent.
            yield from self._concerns()
            yield from self._amendments()

    def _amendments(self) -> Iterator[tuple[str, str]]:
        for _, amendment in self._project.store.each(Amendment):
            if has_words(amendment):
                yield amendment.id, "\n".join((*amendment.changes, amendment.because, *amendment.against))

    def _dialogues(self) -> Iterator[tuple[str, str]]:
        store = self._project.store
        passed, since = store.superseded(), max(0, store.last_sequence(Interaction) - LATEST)
        for _, one in store.each(Interaction, since):
            if one.id not in passed and may_be_shown(one, sends=self._sends):
                yield one.id, told_dialogue(one)

    def _concerns(self) -> Iterator[tuple[str, str]]:
        for _, said in self._project.store.each(Statement):
            if said.kind is StatementKind.CONCERN and has_words(said):
                yield said.id, said.text


def passages_of(codex: Codex) -> Iterator[tuple[str, str]]:
    """What a codex says, each behind its place."""
    yield "codex:identity.text", codex.identity.text
    for principle in codex.identity.principles:
        yield f"codex:identity.principles.{reference_to(principle.name)}", f"{principle.name}: {principle.text}"
    for words in codex.identity.forbidden:
        yield "codex:identity.forbidden", words
    for persona in codex.personas:
        named = f"codex:personas.{reference_to(persona.name)}"
        yield named, f"{persona.text} {persona.voice}"
        for pillar in persona.pillars:
            yield f"{named}.pillars.{reference_to(pillar.name)}", f"{pillar.name}: {pillar.text}"


def passages_named(project: Project, record_ids: Sequence[str], *, sends: bool = False) -> Iterator[Passage]:
    """The dialogues that a conflict rests on, as passages; one that was erased is left out."""
    for one in project.store.kept_records(record_ids, Interaction):
        if may_be_shown(one, sends=sends):
            yield Passage(record_id=one.id, text=told_dialogue(one), score=1.0)


def may_be_shown(interaction: Interaction, *, sends: bool) -> bool:
    """Whether its words may be shown to a model, beyond this machine where they are sent; a deliberation's never."""
    allowed = interaction.consent.train and (interaction.consent.send or not sends)
    return allowed and interaction.source != DELIBERATION and has_words(interaction)


def told_dialogue(interaction: Interaction) -> str:
    """A dialogue in a few lines: what was asked first and what was said last."""
    asked = next((turn.content for turn in interaction.messages if turn.role == "user"), "")
    last = [turn for turn in interaction.messages if turn.role == "assistant"][-2:]
    lines = [f"asked: {asked[: _MOST_LETTERS // 3]}"]
    lines += [f"{turn.persona or 'answered'}: {turn.content[: _MOST_LETTERS // 3]}" for turn in last]
    return "\n".join(lines)
