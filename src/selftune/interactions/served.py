"""The served model as a source: what it answers to users, and more answers to what was asked already."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from selftune.context import ChatRequest, Progress
from selftune.errors import RequestRefusedError
from selftune.interactions.config import Capture
from selftune.interactions.door import clean
from selftune.interactions.pages import AnswerPages
from selftune.interactions.reading.assemble import find_state, said_by_assistant
from selftune.records import (
    Consent,
    GenerationParameters,
    Interaction,
    InteractionOutcome,
    Message,
    Trigger,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.context import Answer, Context, Served
    from selftune.records import Build

T = TypeVar("T")

# What is to be answered, and the answer that is kept already.
_Wanted = tuple[Interaction, Interaction | None]

_CHUNK: Final = 256


@dataclass(frozen=True, kw_only=True)
class UserPrompt:
    """Something a user asks: messages that end with the user's turn, the task and the conversation they belong to."""

    task_id: str
    messages: tuple[Message, ...]
    conversation: str
    author: str | None = None
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True, kw_only=True)
class ServedUsers:
    """Users who ask a served build; each answer is an interaction.

    Attributes:
        name: What is served, as it stands in `Interaction.source`.
        trigger: `USER` for people, `SIMULATED` for seeded ones.
        slots: Answers drawn at a time.
        door: Applied before the answer is kept in the durable scratch.
    """

    prompts: Iterable[UserPrompt]
    build: Build
    name: str = "champion"
    trigger: Trigger = Trigger.SIMULATED
    parameters: GenerationParameters = field(default_factory=GenerationParameters)
    slots: int = 1
    door: Capture = field(default_factory=Capture)

    def read(self, context: Context) -> Iterator[Interaction]:
        """One interaction a prompt, in the order of the prompts; answers from before a crash are not asked again."""
        drafts = (self._draft(prompt) for prompt in self.prompts)
        yield from _answered(
            ((draft, None) for draft in drafts), self.build, self.parameters, self.slots, self.door, context
        )

    def _draft(self, prompt: UserPrompt) -> Interaction:
        return Interaction(
            salt="",
            conversation=prompt.conversation,
            task_id=prompt.task_id,
            trigger=self.trigger,
            messages=prompt.messages,
            source=f"served:{self.name}",
            position=_position(prompt.task_id, prompt.messages, self.build, self.parameters, 0),
            state=find_state(prompt.messages),
            generated_by=self.build.digest,
            author=prompt.author,
            consent=prompt.consent,
        )


class KeptAnswers(Protocol):
    """What was answered on other days: a champion that stays is not asked the same question twice."""

    @property
    def identity(self) -> str:
        """The same whatever is kept: after a cut the same step must be found, though it kept answers itself."""
        ...

    def find(self, source: str, positions: Sequence[str]) -> Mapping[str, Interaction]:
        """The answers that are kept for these places, by place."""
        ...


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """More answers by a served build to the prompts of interactions: what rejection sampling selects from.

    Each prompt is asked once for all interactions that share it, and no more than `most_prompts` are asked of the
    server: a log of ten thousand brought in at once would otherwise keep the champion busy for hours before anything is
    judged. Answers in `kept` are given again without asking, so every night goes on where the last one ended. The words
    of someone who does not consent to training are not asked again. Conversation, author and consent stay those of the
    first who asked.
    """

    interactions: Iterable[Interaction]
    build: Build
    answers_per_prompt: int = 4
    most_prompts: int = 500
    temperature: float = 0.9
    top_p: float = 1.0
    max_tokens: int = 128
    slots: int = 1
    door: Capture = field(default_factory=Capture)
    kept: KeptAnswers | None = None

    def read(self, context: Context) -> Iterator[Interaction]:
        """`answers_per_prompt` interactions a prompt; answers from before a crash are not asked again."""
        parameters = GenerationParameters(
            temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens, stop=self.build.generation.stop
        )
        yield from _answered(self._wanted(parameters), self.build, parameters, self.slots, self.door, context)

    def _wanted(self, parameters: GenerationParameters) -> Iterator[_Wanted]:
        """Every prompt that is answered already, and as many others as may be asked."""
        asked = 0
        for originals in _chunks(_first_of_each_prompt(self.interactions), _CHUNK):
            drafts = [
                [self._draft(one, parameters, draw) for draw in range(self.answers_per_prompt)] for one in originals
            ]
            kept = self._find_kept([draft for group in drafts for draft in group])
            for group in drafts:
                wanted = [(draft, kept.get(draft.position)) for draft in group]
                if any(answer is None for _, answer in wanted):
                    if asked == self.most_prompts:
                        continue
                    asked += 1
                yield from wanted

    def _find_kept(self, drafts: Sequence[Interaction]) -> Mapping[str, Interaction]:
        if self.kept is None or not drafts:
            return {}
        return self.kept.find(drafts[0].source, [draft.position for draft in drafts])

    def _draft(self, original: Interaction, parameters: GenerationParameters, draw: int) -> Interaction:
        return Interaction(
            salt="",
            conversation=original.conversation,
            task_id=original.task_id,
            trigger=Trigger.SIMULATED,
            messages=original.prompt,
            source="resampled",
            position=_position(original.task_id, original.prompt, self.build, parameters, draw),
            state=original.state,
            generated_by=self.build.digest,
            author=original.author,
            author_is_owner=original.author_is_owner,
            consent=original.consent,
            flags=("resampled",),
        )


def _first_of_each_prompt(interactions: Iterable[Interaction]) -> Iterator[Interaction]:
    asked: set[str] = set()
    for interaction in interactions:
        prompt = digest_of([(message.role, message.content) for message in interaction.prompt])
        allowed = interaction.consent.keep and interaction.consent.train
        # In a dialogue of personas the words before the last turn are another persona's: nobody asks there.
        open_question = bool(interaction.prompt) and interaction.prompt[-1].role != "assistant"
        if allowed and open_question and prompt not in asked:
            asked.add(prompt)
            yield interaction


def _position(
    task_id: str, messages: tuple[Message, ...], build: Build, parameters: GenerationParameters, draw: int
) -> str:
    return f"{digest_of([task_id, messages, build.digest, parameters]).removeprefix('sha256:')}:{draw}"


def _answered(
    wanted: Iterator[_Wanted],
    build: Build,
    parameters: GenerationParameters,
    slots: int,
    door: Capture,
    context: Context,
) -> Iterator[Interaction]:
    """Drafts with the served build's answer, kept or new, in order; the server starts only when one is left to ask."""
    done = 0
    with ExitStack() as stack:
        name = digest_of(["answers", build.digest, parameters, context.seed])
        pages = stack.enter_context(AnswerPages(context.work, name))
        served: Served | None = None
        for chunk in _chunks(wanted, _CHUNK):
            missing = [draft for draft, kept in chunk if kept is None and draft.position not in pages]
            if missing and served is None:
                served = stack.enter_context(context.serve(build, slots=slots))
            fresh = _ask(missing, served, parameters, door, context) if served else iter(())
            for draft, kept in chunk:
                if kept is not None:
                    yield kept
                elif draft.position in pages:
                    yield pages.take(draft.position)
                else:
                    pages.keep(interaction := next(fresh))
                    yield interaction
                done += 1
            context.report(Progress(done=done, total=None, note="answers"))


def _ask(
    drafts: list[Interaction], served: Served, parameters: GenerationParameters, door: Capture, context: Context
) -> Iterator[Interaction]:
    """Each draft with its answer, cleaned; without one, and flagged, where the server will not answer it."""
    rest = drafts
    while rest:
        answered = 0
        requests = (ChatRequest(messages=draft.messages, seed=_seed(draft, context)) for draft in rest)
        try:
            for draft, answer in zip(rest, served.chat_many(requests, parameters), strict=True):
                answered += 1
                yield clean(_completed(draft, answer, context.draw_salt()), door)
        except RequestRefusedError:
            # One prompt that is too long for the model must not keep it from all the others.
            yield _unanswered(rest[answered], context.draw_salt())
            answered += 1
        rest = rest[answered:]


def _unanswered(draft: Interaction, salt: str) -> Interaction:
    return replace(draft, salt=salt, outcome=InteractionOutcome.ERROR, flags=(*draft.flags, "refused_by_server"))


def _completed(draft: Interaction, answer: Answer, salt: str) -> Interaction:
    message, flags = said_by_assistant(answer.text)
    cut = ("cut_short",) if answer.finish_reason == "length" else ()
    return replace(draft, salt=salt, messages=(*draft.messages, message), flags=(*draft.flags, *flags, *cut))


def _seed(draft: Interaction, context: Context) -> int:
    """31 bits that depend on the draft and the context's seed only, so that order and slots change nothing."""
    return int(digest_of([draft.source, draft.position, context.seed]).removeprefix("sha256:")[:8], 16) >> 1


def _chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(items, size)):
        yield chunk
