"""What choosing asks of a judged interaction, measured once and kept in its note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.base import Facts, Lesson
from selftune.curation.likeness.contamination import asked_in, name_question
from selftune.curation.likeness.meaning import SameMeaning, content_words, gist
from selftune.curation.likeness.near import NearDuplicates, fingerprint, normalise
from selftune.curation.render import conversation_of, correction_of, lesson_of
from selftune.curation.skeletons import template_of
from selftune.records import JudgementStatus, Trigger, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.likeness.near import Fingerprint
    from selftune.records import Interaction, Judgement, Message

HUMAN: Final = "human:"
_GENERATED: Final = "generated"
_SHORTEST: Final = 3
# What a text is named by does not depend on the threshold.
_NEAR: Final = NearDuplicates(1.0)
_MEANING: Final = SameMeaning(1.0)


def facts_of(pair: Pair) -> Facts:
    """The facts of a pair: out of its note, or measured now."""
    facts = pair.note.facts
    if facts is None:
        facts = pair.note.facts = measure_facts(pair)
    return facts


def asked_name(pair: Pair) -> int:
    """What names the prompt among those it is compared with: out of the note, or measured now."""
    name = pair.note.asked
    if name is None:
        name = pair.note.asked = _NEAR.sketch(asked_print(pair.interaction)).name
    return name


def question_name(pair: Pair) -> int:
    """What names the question among those that may lie close to an exam: out of the note, or measured now."""
    name = pair.note.question
    if name is None:
        name = pair.note.question = name_question(*asked_in(pair.interaction))
    return name


def lesson_in(pair: Pair, *, corrected: bool) -> Lesson:
    """What the pair teaches, as it was said or as a person corrected it: out of its note, or measured now."""
    lesson = pair.note.taught if corrected else pair.note.said
    if lesson is None:
        said = (lesson_of if corrected else conversation_of)(pair.interaction)
        lesson = measure_lesson(said, pair.interaction.state)
        if corrected:
            pair.note.taught = lesson
        else:
            pair.note.said = lesson
    return lesson


def measure_facts(pair: Pair) -> Facts:
    """Everything that choosing asks of one pair, but what only lessons are asked."""
    said, judged = pair.interaction, pair.judgement
    spoken = conversation_of(said)
    voices, by_person = _voices((judged, *pair.opinions))
    return Facts(
        salt=said.salt,
        conversation=said.conversation,
        source=said.source,
        generated_by=said.generated_by,
        author=None if said.author_is_owner else said.author or f"all of {said.source}",
        made_up=said.trigger is Trigger.SIMULATED or _GENERATED in said.flags,
        trigger=said.trigger.value,
        dissonance=said.dissonance,
        marks=said.flags,
        corrected=correction_of(said) is not None,
        answered=bool(spoken),
        voices=voices,
        by_person=by_person,
        status=judged.status,
        reason=judged.reason,
        critical_failures=judged.critical_failures,
        flags=judged.flags,
        scores=tuple((item.name, item.score) for item in judged.criteria if item.score is not None),
        words=_topic_of(said),
        said=digest_of([said.state or "", *(normalise(message.content) for message in spoken)]),
        votes=tuple((overall, bool(one.critical_failures)) for one, overall in _scored((judged, *pair.opinions))),
    )


def asked_print(interaction: Interaction) -> Fingerprint:
    """What a prompt is compared by with other prompts."""
    return fingerprint(conversation_of(interaction)[:-1], interaction.state)


def measure_lesson(messages: Sequence[Message], state: str | None) -> Lesson:
    """What a lesson is told apart by."""
    meant = _MEANING.sketch(gist(messages, state))
    return Lesson(
        prompt=digest_of([(message.role, normalise(message.content)) for message in messages[:-1]]),
        answer=digest_of(normalise(messages[-1].content)),
        template=digest_of(template_of(messages[:-1])),
        words=_NEAR.sketch(fingerprint(messages, state)).name,
        gist=None if meant is None else meant.name,
    )


def _topic_of(interaction: Interaction) -> str:
    turns = [message.content for message in interaction.prompt if message.role == "user"]
    return " ".join(sorted({word for word in content_words(turns[-1]) if len(word) >= _SHORTEST})) if turns else ""


def _scored(judgements: Iterable[Judgement]) -> Iterator[tuple[Judgement, float]]:
    for one in judgements:
        if one.status is JudgementStatus.SCORED and one.overall is not None:
            yield one, one.overall


def _voices(judgements: Iterable[Judgement]) -> tuple[tuple[tuple[str, float], ...], bool]:
    """Who scored it and how, the highest first, and whether people did, who then count alone."""
    scored = [(one.judge.name, overall) for one, overall in _scored(judgements)]
    people = [(name, overall) for name, overall in scored if name.startswith(HUMAN)]
    return tuple(sorted(people or scored, key=lambda voice: -voice[1])), bool(people)
