"""`selftune dataset breaks`: how often answers fall out of character, in the log or when the champion is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.curation.growth.breaks import ask_probes, break_rates, topic_of
from selftune.curation.render import conversation_of
from selftune.loop.releasing.service import serving_release
from selftune.records import Build, GenerationParameters, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.curation.growth.breaks import BreakRate
    from selftune.loop.project import Project


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """The rates by topic: over the generated answers of the log, over all others, or with `asked` over new answers.

    Attributes:
        generated: Of what a teacher wrote; such a break keeps the example out of every dataset.
        said: Of what a model said in earnest; the judge weighs those.
        asked: Of what the champion says to the probe questions; empty unless it was asked.
    """

    generated: tuple[BreakRate, ...] = ()
    said: tuple[BreakRate, ...] = ()
    asked: tuple[BreakRate, ...] = ()


def count_breaks(project: Project) -> Breaks:
    """The rates over the whole log; no model is asked."""
    superseded = project.store.superseded()
    everything = [
        (generated, topic, answer)
        for _, interaction in project.store.each(Interaction)
        if interaction.id not in superseded and interaction.consent.keep
        for generated, topic, answer in _answers(interaction)
    ]
    return Breaks(
        generated=break_rates((topic, answer) for generated, topic, answer in everything if generated),
        said=break_rates((topic, answer) for generated, topic, answer in everything if not generated),
    )


def ask_for_breaks(project: Project, draws: int) -> Breaks:
    """The rates over `draws` answers of the champion to each probe question, sampled as it is served."""
    build = project.store.record(serving_release(project).build_id, Build)
    generation = build.generation
    parameters = GenerationParameters(
        temperature=project.config.capture.temperature, max_tokens=generation.max_tokens, stop=generation.stop
    )
    with project.context().serve(build, slots=project.config.capture.slots) as served:
        return Breaks(asked=break_rates(ask_probes(served, draws, project.config.project.seed, parameters)))


def _answers(interaction: Interaction) -> Iterator[tuple[bool, str, str]]:
    """Each answer with the topic of the question before it, and whether a teacher wrote it."""
    question = ""
    for message in conversation_of(interaction):
        if message.role == "user":
            question = message.content
        elif message.role == "assistant" and message.content.strip():
            yield "generated" in interaction.flags, topic_of(question), message.content
