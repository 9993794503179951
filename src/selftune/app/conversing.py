"""A conversation on a page: what was asked and answered, which Build answered, what the person thought of it.

Each state of it goes into the log by the door that `selftune ask` uses, as a later version of the same conversation.
What a person says of an answer is taken when they say so, and never read out of their next words.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from selftune.context import ChatRequest
from selftune.errors import ServingError, UsageError
from selftune.interactions.reading.assemble import find_state, said_by_assistant
from selftune.loop.braking import check_brake
from selftune.loop.dialogues.keeping import keep_exchange
from selftune.loop.dialogues.serving import wake_server
from selftune.loop.incoming.taking_back import refuse_withdrawn
from selftune.loop.motivation.idleness import note_visit
from selftune.records import (
    Build,
    Decision,
    Feedback,
    Interaction,
    Message,
    Rejected,
    Release,
    Thread,
    Trigger,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.project import Project
    from selftune.records import ServingProof

SOURCE: Final = "chat page"
PREFIX: Final = "chat-page-"
"""Before the name of a talk, the name of its conversation in the log."""
_DOUBTS: Final = (
    "no,", "nope", "wrong", "incorrect", "not true", "not right", "that is not", "that's not", "mistake", "falsch",
    "stimmt nicht", "nein,",
)  # fmt: skip
_DOUBT_WORDS: Final = 60
_MOST_STRAY: Final = 12


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """Which Build gave an answer, by the server's own word.

    Attributes:
        version: Of the release that it is of; empty where none is known.
        proof: What the server showed itself to be when it started; None where it showed nothing.
        from_log: Whether this is what the log says, which keeps no proof.
    """

    build_digest: str
    version: str = ""
    proof: ServingProof | None = None
    from_log: bool = False


@dataclass(frozen=True, kw_only=True)
class Lost:
    """An answer that another one took the place of."""

    message: Message
    by: Answerer


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What another Build answers to the same; shown beside, and that of a release kept as an exchange of its own."""

    message: Message
    by: Answerer
    is_released: bool = True
    not_kept: str | None = None


@dataclass(frozen=True, kw_only=True)
class Other:
    """A Build that can be asked beside what serves.

    Attributes:
        key: The version of its release, or the Build's own id where it was never released.
        name: What a person calls it; of one that was never released also what the gate said.
    """

    key: str
    name: str
    build_id: str
    build_digest: str
    is_released: bool


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One question and what came of it.

    Attributes:
        answer: As the model gave it; a person's correction stands beside it.
        mark: Names this answer, so that nobody judges one that they did not see.
        lost: Answers that this one took the place of.
        interaction: The id in the log of the conversation up to here; None when it was not kept.
        not_kept: Why it is not in the log although it should be.
        problem: Why the release before answered instead of the newest one.
    """

    question: str
    answer: Message
    by: Answerer
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    flags: tuple[str, ...] = ()
    thumbs: int | None = None
    correction: str | None = None
    lost: tuple[Lost, ...] = ()
    beside: tuple[Beside, ...] = ()
    interaction: str | None = None
    not_kept: str | None = None
    problem: str | None = None

    @property
    def stands(self) -> Message:
        """What the conversation goes on from: the person's correction where there is one."""
        return self.answer if self.correction is None else Message(role="assistant", content=self.correction)


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A conversation as it stands.

    Attributes:
        system: What the model is told before the first question; empty for nothing.
        persona: Whose system message that begins with; empty for the bare model, and for a talk out of the log.
        keep: Whether it goes into the log.
    """

    name: str
    system: str = ""
    persona: str = ""
    keep: bool = True
    exchanges: tuple[Exchange, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """All that was said, corrections in their places."""
        return self.before(len(self.exchanges))

    def before(self, place: int) -> tuple[Message, ...]:
        """What had been said before an exchange."""
        system = (Message(role="system", content=self.system),) if self.system else ()
        turns = ((Message(role="user", content=one.question), one.stands) for one in self.exchanges[:place])
        return (*system, *(message for turn in turns for message in turn))

    @property
    def last(self) -> Exchange:
        """The newest exchange.

        Raises:
            UsageError: nothing was said yet.
        """
        if not self.exchanges:
            raise UsageError("nothing was said yet.", next_step="Type a question first.")
        return self.exchanges[-1]


def ask(project: Project, talk: Talk, question: str, heard: Callable[[str], None]) -> Talk:
    """Ask what serves, keep the conversation as it then stands; `heard` is given the answer as it comes.

    Raises:
        UsageError: there is nothing to ask.
        ServingError: the model in service does not answer.
        WaitingForPersonError: it does not serve, and all work here is stopped.
    """
    if not question.strip():
        raise UsageError("there is nothing to ask.", next_step="Type a question.")
    note_visit(project.hidden)
    exchange = _answered(project, (*talk.messages, Message(role="user", content=question)), heard, question)
    grown = _kept(project, replace(talk, exchanges=(*talk.exchanges, exchange)))
    # Only now: of an exchange that begins a longer one, the log keeps what a person has said of it.
    if talk.keep and talk.exchanges and talk.last.thumbs is not None and talk.last.correction is None:
        _keep(project, talk, Thread.EXCHANGE)
    return grown


def answer_anew(project: Project, talk: Talk, heard: Callable[[str], None]) -> Talk:
    """Have the last question answered once more; the answer before is kept as one that was not good enough.

    Errors as `ask`.
    """
    last = talk.last
    note_visit(project.hidden)
    asked = (*talk.before(len(talk.exchanges) - 1), Message(role="user", content=last.question))
    anew = _answered(project, asked, heard, last.question)
    lost = (*last.lost, Lost(message=last.answer, by=last.by))
    return _kept(project, replace(talk, exchanges=(*talk.exchanges[:-1], replace(anew, lost=lost))))


def ask_otherwise(project: Project, talk: Talk, question: str, heard: Callable[[str], None]) -> Talk:
    """Put another question in the place of the last one, and have it answered. Errors as `ask`."""
    return ask(project, replace(talk, exchanges=talk.exchanges[:-1]), question, heard)


def say_of_answer(project: Project, talk: Talk, *, thumbs: int | None, correction: str | None) -> Talk:
    """Put on record what a person thinks of the last answer; a later word takes the place of an earlier one.

    Raises:
        UsageError: nothing was said yet.
    """
    words = correction.strip() if correction else None
    judged = replace(talk.last, thumbs=thumbs, correction=None if words == talk.last.answer.content else words)
    return _kept(project, replace(talk, exchanges=(*talk.exchanges[:-1], judged)))


def answer_beside(project: Project, talk: Talk, other: Other) -> Talk:
    """Have another Build answer the last question, started for it as an evaluation starts it.

    What a Build says that was never released is kept nowhere: the gate may have refused it, and nothing is to be learnt
    from it.

    Raises:
        UsageError: nothing was said yet.
        ServingError: it can't be started or prove itself, or gave no answer.
        WaitingForPersonError: all work here is stopped.
        WithdrawnError: its prompt shows words that their author took back.
    """
    last = talk.last
    check_brake(project)
    build = project.store.record(other.build_id, Build)
    refuse_withdrawn(build, project.store)
    asked = (*talk.before(len(talk.exchanges) - 1), Message(role="user", content=last.question))
    with project.context().serve(build) as served:
        request = ChatRequest(messages=asked, seed=project.config.project.seed)
        message, flags = said_by_assistant(served.chat(request, build.generation).text)
        by = Answerer(build_digest=build.digest, version=other.name, proof=served.proof)
    beside = Beside(message=message, by=by, is_released=other.is_released)
    if talk.keep and other.is_released:
        single = replace(last, answer=message, by=by, flags=flags, thumbs=None, correction=None, lost=(), beside=())
        told = _keep(project, replace(talk, exchanges=(*talk.exchanges[:-1], single)), Thread.EXCHANGE)
        beside = replace(beside, not_kept=told.not_kept)
    return replace(talk, exchanges=(*talk.exchanges[:-1], replace(last, beside=(*last.beside, beside))))


def sounds_like_doubt(words: str) -> bool:
    """Whether a person's words may mean that the answer before was wrong; enough to ask them, never to act."""
    said = words.strip().lower()
    return len(said.split()) <= _DOUBT_WORDS and any(said.startswith(one) or f" {one}" in said for one in _DOUBTS)


def name_release(release: Release) -> str:
    """A release as a person calls it."""
    return f"{release.version} (generation {release.generation})"


def others_than(project: Project, build_digest: str) -> tuple[Other, ...]:
    """Who can answer beside this Build: each generation by its newest release, then Builds that were never released.

    The newest come first, and of the Builds no more than a person chooses from.
    """
    releases = [release for _, release in project.store.each(Release)]
    newest = {release.generation: release for release in releases}
    said = {decision.build_id: decision.outcome.value for _, decision in project.store.each(Decision)}
    released = {release.build_digest for release in releases}
    stray = [build for _, build in project.store.each(Build) if build.digest not in released]
    found = (
        *(_of_release(newest[number]) for number in sorted(newest, reverse=True)),
        *(_of_stray(build, said.get(build.id)) for build in reversed(stray[-_MOST_STRAY:])),
    )
    return tuple(one for one in found if one.build_digest != build_digest)


def _of_release(release: Release) -> Other:
    return Other(
        key=release.version,
        name=name_release(release),
        build_id=release.build_id,
        build_digest=release.build_digest,
        is_released=True,
    )


def _of_stray(build: Build, said: str | None) -> Other:
    word = f"the gate said {said}" if said else "the gate was not asked"
    return Other(
        key=build.id,
        name=f"{build.id[6:18]}, {build.form.value} {build.quantisation} of a {build.origin.value}: {word}",
        build_id=build.id,
        build_digest=build.digest,
        is_released=False,
    )


def _answered(project: Project, messages: tuple[Message, ...], heard: Callable[[str], None], question: str) -> Exchange:
    live, status = wake_server(project)
    body = {"messages": [{"role": message.role, "content": message.content} for message in messages]}
    streamed, digest = live.stream(body, heard)
    if not streamed.text.strip():
        raise ServingError("the model gave an empty answer.", next_step="Ask again, or run `selftune rollback`.")
    # By its own word at the moment of the answer: after a failure it may be the release before.
    now = live.status() or status
    message, flags = said_by_assistant(streamed.text, reasoning=streamed.reasoning)
    by = Answerer(build_digest=digest or "", version=version_of(project, digest, now.version), proof=now.proof)
    cut = ("cut_short",) if streamed.finish_reason == "length" else ()
    return Exchange(question=question, answer=message, by=by, flags=(*flags, *cut), problem=now.problem)


def version_of(project: Project, digest: str | None, version: str | None) -> str:
    """The release of that build which serves, as a person calls it."""
    found = [release for _, release in project.store.each(Release) if release.build_digest == digest]
    named = [release for release in found if release.version == version] or found
    return name_release(named[-1]) if named else ""


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an exchange went."""

    interaction: str | None
    not_kept: str | None


def _kept(project: Project, talk: Talk) -> Talk:
    """The talk with its place in the log."""
    if not talk.keep:
        return talk
    told = _keep(project, talk, Thread.WHOLE)
    last = replace(talk.last, interaction=told.interaction, not_kept=told.not_kept)
    return replace(talk, exchanges=(*talk.exchanges[:-1], last))


def _keep(project: Project, talk: Talk, thread: Thread) -> _Place:
    context, last = project.context(), talk.last
    said = Interaction(
        salt=context.draw_salt(),
        conversation=f"{PREFIX}{talk.name}",
        task_id=f"{PREFIX}{talk.name}",
        trigger=Trigger.USER,
        messages=(*talk.before(len(talk.exchanges) - 1), Message(role="user", content=last.question), last.answer),
        source=SOURCE,
        position="",
        state=find_state(talk.messages),
        feedback=_feedback_of(last),
        generated_by=last.by.build_digest or None,
        author_is_owner=True,
        flags=last.flags,
        happened_at=context.now(),
        last_turn_at=context.now(),
        rejected=_rejected_in(talk),
        thread=thread,
    )
    kept = keep_exchange(project, replace(said, position=_place_of(said)))
    return _Place(interaction=kept.interaction, not_kept=kept.not_kept)


def _place_of(said: Interaction) -> str:
    """Where a state of the conversation stands in the source.

    A chat may come back to a state that it was in, by a thumb pressed and pressed again, and that is news: each state
    gets a place of its own. An exchange is the same one wherever it is kept again.
    """
    if said.thread is Thread.WHOLE:
        return secrets.token_hex(8)
    named = digest_of([said.messages, said.feedback, said.rejected, said.generated_by])
    return named.removeprefix("sha256:")[:16]


def _feedback_of(exchange: Exchange) -> Feedback | None:
    if exchange.thumbs is None and exchange.correction is None:
        return None
    return Feedback(thumbs=exchange.thumbs, correction=exchange.correction)


def _rejected_in(talk: Talk) -> tuple[Rejected, ...]:
    """Answers that lost, each at the place of the one that took it; an earlier correction took the model's own."""
    first, last = 1 if talk.system else 0, len(talk.exchanges) - 1
    found: list[Rejected] = []
    for place, one in enumerate(talk.exchanges):
        lost = one.lost if one.correction is None or place == last else (*one.lost, Lost(message=one.answer, by=one.by))
        at = first + 2 * place + 1
        found += [Rejected(at=at, messages=(each.message,), generated_by=each.by.build_digest) for each in lost]
    return tuple(found)
