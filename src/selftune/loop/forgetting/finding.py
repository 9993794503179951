"""Where the words of a person, or of a conversation, stand in the store, and what learnt from them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from selftune.context import Progress
from selftune.curation.corrections import corrected_id
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.shredded import ACTS
from selftune.governance.tracing.edges import ids_in
from selftune.governance.tracing.walking import walk_forward
from selftune.loop.incoming.privacy import door_of
from selftune.loop.incoming.taking_back import items_made_of
from selftune.records import (
    BlindPair,
    Build,
    Dataset,
    Evaluation,
    Forging,
    Interaction,
    Judgement,
    PromptSearch,
    Quarantined,
    Record,
    Release,
    Run,
    Session,
    Statement,
    Tool,
    has_words,
)
from selftune.store.erasure import Erasure
from selftune.store.places import retry_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from selftune.loop.opened import Project
    from selftune.records import ItemOutcome, Message

R = TypeVar("R", bound=Record)

# Shorter texts are said by anybody, and finding one tells nothing of whose it is.
_LEAST_LETTERS: Final = 16
# What is read once for a search, and how often it is told how far that is.
_SEARCHED: Final = (
    *(Interaction, Judgement, BlindPair, Quarantined, Evaluation, Dataset, Build, PromptSearch, Forging, Statement),
    Tool,
)
_TOLD_EACH: Final = 200
_LEARNERS: Final = (Dataset, Run, Build, Release, PromptSearch, Tool)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is to be forgotten.

    Attributes:
        of: `person`, `conversation`, `session`, `statement` or `entry that could not be read`.
        erasure: What loses its words in the store.
        texts: What was said, to look for in files: those texts alone that nobody else said.
        touched: Ids of what learnt from the words or holds some, oldest kinds first.
        answers: Interactions answered by what had learnt from them, which are not theirs.
        authors: Of each statement that loses its words, its id and the keyed hash of its author's name.
        acts: How many approvals, sign-offs and other acts stay, which somebody answers for by name.
    """

    of: str
    erasure: Erasure
    texts: tuple[str, ...] = field(default=(), repr=False)
    touched: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    authors: tuple[tuple[str, str], ...] = ()
    acts: int = 0

    @property
    def origins(self) -> frozenset[str]:
        """The interactions that go."""
        return self.erasure.origins


def find_words(
    project: Project, name: str, *, asks: str = "", told: Callable[[Progress], None] = lambda _: None
) -> Words:
    """What is kept of a person by name, or of the record that begins like this; `asks` is who wants it forgotten.

    `told` hears how many of the records that may hold the words were read.

    An interaction goes with its whole conversation: what is said later in one holds what was said before.

    Raises:
        UnknownNameError: no record begins like that.
        UsageError: nothing of such a person is kept, or the record is of a kind that holds nobody's words.
        WaitingForPersonError: it is a statement of somebody else.
    """
    if ":" in name:
        return _words_of_record(project, name, asks, told)
    door = door_of(project).pseudonyms
    who = frozenset({name, name if door is None else door.of(name)})
    search = _Search(project, told)
    words = search.words_of(
        "person",
        said=lambda one: one.author in who,
        sessions=[one.id for _, one in project.store.each(Session) if one.author in who],
        statements=[one for _, one in project.store.each(Statement) if _same(one.author, name)],
        aside=[one.id for _, one in project.store.each(Quarantined) if any(each in one.raw for each in who)],
    )
    if not words.erasure.ids:
        raise UsageError(
            "nothing of this person is kept here, under the name or its pseudonym.",
            next_step="Name an interaction of theirs by its id: selftune search, then selftune forget ID.",
        )
    return words


def _words_of_record(project: Project, name: str, asks: str, told: Callable[[Progress], None]) -> Words:
    store = project.store
    record_id = store.find(name)
    kind = record_id.partition(":")[0]
    search = _Search(project, told)
    if kind == Interaction.KIND:
        talk = store.record(record_id, Interaction).conversation
        return search.words_of("conversation", said=lambda one: one.conversation == talk)
    if kind == Statement.KIND:
        said = store.record(record_id, Statement)
        if has_words(said) and not _same(said.author, asks):
            raise WaitingForPersonError(
                f"{record_id[:22]} is a statement of {said.author}, and only its author may have its words erased.",
                next_step="Its author runs the same command, with --author if their user name is another one.",
            )
        if said.kind in ACTS:
            raise UsageError(
                f"{record_id[:22]} is an act that somebody answers for by name ({said.kind.value.replace('_', ' ')}).",
                next_step="Say what you wish to add in a statement of your own: selftune annotate.",
            )
        return search.words_of("statement", statements=[said])
    if kind == Session.KIND:
        return search.words_of("session", sessions=[record_id])
    if kind == Quarantined.KIND:
        return search.words_of("entry that could not be read", aside=[record_id])
    raise UsageError(
        f"a {kind} is nobody's words by itself.",
        next_step="Name a person, or an interaction, session or statement by its id; what quotes it follows.",
    )


def _same(author: str, name: str) -> bool:
    return bool(author) and _normal(author) == _normal(name)


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _nobody(interaction: Interaction) -> bool:
    del interaction
    return False


class _Search:
    """One walk over everything that may hold the words."""

    def __init__(self, project: Project, told: Callable[[Progress], None]) -> None:
        self._project = project
        self._store = project.store
        self._told = told
        self._read = 0

    @cached_property
    def _log(self) -> tuple[Interaction, ...]:
        return tuple(self._each(Interaction))

    @cached_property
    def _total(self) -> int:
        return sum(self._store.count(kind) for kind in _SEARCHED)

    def _each(self, kind: type[R]) -> Iterator[R]:
        """Every record of a kind, counted as it is read."""
        for _, record in self._store.each(kind):
            self._read += 1
            if self._read % _TOLD_EACH == 0:
                self._told(Progress(done=self._read, total=max(self._total, self._read)))
            yield record

    def words_of(
        self,
        of: str,
        *,
        said: Callable[[Interaction], bool] = _nobody,
        sessions: Collection[str] = (),
        statements: Collection[Statement] = (),
        aside: Collection[str] = (),
    ) -> Words:
        """What these hold, what was made of them, and what learnt from it."""
        origins = self._with_what_follows({one.id for one in self._log if said(one)})
        own = [one for one in statements if one.kind not in ACTS and has_words(one)]
        texts = self._texts(origins, sessions, own)
        judged = {one.id for one in self._each(Judgement) if one.interaction_id in origins}
        shown = {one.id for one in self._each(BlindPair) if one.interaction_id in origins}
        broken = {*aside, *(one.id for one in self._each(Quarantined) if self._came_in(one, origins))}
        asked = set(self._evaluations(origins, texts))
        quoting = set(self._quoting(origins))
        bare = {one.id: one.author for one in (*own, *self._quoted_in_statements(texts))}
        forged = frozenset(self._forged_for(origins, texts))
        erasure = Erasure(
            whole=frozenset(origins | judged | shown | broken | asked | set(sessions)),
            bare=frozenset(bare) | forged,
            origins=frozenset(origins),
            quoting=frozenset(quoting),
        )
        learnt = walk_forward(self._store, sorted(origins), learnt=True).ids if origins else ()
        return Words(
            of=of,
            erasure=erasure,
            texts=texts,
            touched=_learners({*learnt, *quoting, *self._tools_of(forged)}),
            answers=tuple(sorted(one for one in learnt if one.startswith(f"{Interaction.KIND}:"))),
            authors=tuple((one, self._pseudonym(author)) for one, author in sorted(bare.items())),
            acts=sum(one.kind in ACTS for one in statements),
        )

    def _pseudonym(self, name: str) -> str:
        known = door_of(self._project).pseudonyms
        return name if known is None else known.of(name)

    def _with_what_follows(self, begun: set[str]) -> set[str]:
        """The whole conversations, and whatever was answered anew or corrected in them."""
        found = set(begun)
        while True:
            talks = {one.conversation for one in self._log if one.id in found}
            more = {one.id for one in self._log if one.conversation in talks or corrected_id(one) in found}
            if more <= found:
                return found
            found |= more

    def _texts(self, origins: Collection[str], sessions: Collection[str], own: Iterable[Statement]) -> tuple[str, ...]:
        """What they said that nobody else did, the longest first."""
        theirs = {text for one in self._log if one.id in origins for text in _said_in(one)}
        others = {text for one in self._log if one.id not in origins for text in _said_in(one)}
        spoken = {text for name in sessions for text in _asked(self._store.record(name, Session).messages)}
        stated = {text for one in own for text in (one.text, one.before, one.after) if text}
        found = (theirs - others) | spoken | stated
        return tuple(
            sorted((text for text in found if len(text) >= _LEAST_LETTERS), key=lambda text: (-len(text), text))
        )

    def _came_in(self, line: Quarantined, origins: Collection[str]) -> bool:
        return self._store.seen(retry_name(line.id)) in origins

    def _evaluations(self, origins: Collection[str], texts: Collection[str]) -> Iterator[str]:
        items = items_made_of(self._project.folder, origins)
        for one in self._each(Evaluation):
            if any(_tells(outcome, origins, items, texts) for outcome in one.outcomes):
                yield one.id

    def _quoting(self, origins: set[str]) -> Iterator[str]:
        for kind in (Dataset, Build, PromptSearch):
            for record in self._each(kind):
                if not origins.isdisjoint(ids_in(record)):
                    yield record.id

    def _forged_for(self, origins: Collection[str], texts: Collection[str]) -> Iterator[str]:
        """What was written because of their words, or repeats them: a writer's answers may."""
        for one in self._each(Forging):
            told = "\n".join((one.wanted, *(attempt.answer for attempt in one.attempts)))
            if has_words(one) and (one.interaction_id in origins or any(text in told for text in texts)):
                yield one.id

    def _tools_of(self, forged: Collection[str]) -> Iterator[str]:
        """Tools that came of it: they stay, and a person looks whether a word of theirs stands in one."""
        return (one.id for one in self._each(Tool) if one.forging_id in forged)

    def _quoted_in_statements(self, texts: Collection[str]) -> Iterator[Statement]:
        """Statements of others that repeat what was said: their words go, and what they do stays."""
        for one in self._each(Statement):
            told = "\n".join(filter(None, (one.text, one.before, one.after)))
            if has_words(one) and any(text in told for text in texts):
                yield one


def _tells(outcome: ItemOutcome, origins: Collection[str], items: Collection[str], texts: Collection[str]) -> bool:
    """Whether an answer is one to their words, or repeats them."""
    if outcome.item_id in items or outcome.item_id.partition("/")[0] in origins:
        return True
    said = "\n".join((outcome.answer, *outcome.turns, *outcome.reasoning))
    return any(text in said for text in texts)


def _said_in(one: Interaction) -> Iterator[str]:
    yield from _asked(one.messages)
    if one.feedback is not None and one.feedback.correction:
        yield one.feedback.correction


def _asked(messages: Iterable[Message]) -> Iterator[str]:
    yield from (message.content for message in messages if message.role == "user")


def _learners(ids: Collection[str]) -> tuple[str, ...]:
    kinds = [kind.KIND for kind in _LEARNERS]
    found = [name for name in ids if name.partition(":")[0] in kinds]
    return tuple(sorted(found, key=lambda name: (kinds.index(name.partition(":")[0]), name)))
