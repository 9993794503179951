"""What a gateway has captured comes into the log; and what people say of an answer later, as a later version of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.governance.statements import Remark, annotate
from selftune.interactions.door import pass_door
from selftune.interactions.privacy.consent import under
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Feedback, Interaction, Quarantined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.opened import Project

EVENT: Final = "captured"
LATER_WORD: Final = "later_word"
_TOPIC: Final = "answer"


@dataclass(frozen=True, kw_only=True)
class LaterWord:
    """What somebody says of an answer that was captured.

    Attributes:
        name: 32 hex digits of its own: the same word comes in once.
        source: Where the answer was captured.
        position: The answer's place there.
        feedback: A thumb and a correction; what it leaves out stays as it was said before.
        comment: A remark in words; empty for none.
        said_at: UTC, ISO 8601.
    """

    name: str
    source: str
    position: str
    feedback: Feedback
    comment: str = ""
    said_at: str


def keep_captured(project: Project, items: Sequence[Interaction | Quarantined], *, cleaned: bool) -> list[str]:
    """Keep what was captured, under the project's consent; what is there already adds nothing. Ids, in order.

    `cleaned` says that all of it passed the door under the rules of today.

    Raises:
        LockedError: another process wrote to the store for half a minute.
        BudgetError: the disk is full.
    """
    level, door = project.config.capture.consent.consent, door_of(project)
    agreed = [under(item, level) if isinstance(item, Interaction) else _no_freer(item, project) for item in items]
    passed = agreed if cleaned else [pass_door(item, door) for item in agreed]
    return project.store.save(passed, event=EVENT)


def remember_answer(project: Project, name: str, record_id: str) -> None:
    """Have an answer be found by a name that somebody else gave it; errors as by `keep_captured`."""
    if project.store.seen(_named(name)) is None:
        project.store.remember(_named(name), record_id)


def find_answer(project: Project, name: str) -> Interaction | None:
    """The answer that was remembered under this name; None for none, also where its words are gone."""
    found = project.store.seen(_named(name))
    return None if found is None else next(project.store.kept_records([found], Interaction), None)


def add_word(project: Project, word: LaterWord) -> bool:
    """Put a later word on record, as a later version of its answer; False where no such answer is kept.

    The same word again adds nothing, and neither does one that says what was said last or a remark that stands there
    already. Errors as `keep_captured`.
    """
    answer = _answer_at(project, word.source, word.position)
    if answer is None:
        return False
    if word.feedback != Feedback():
        _keep_version(project, word, answer)
    if word.comment:
        _keep_remark(project, word, answer)
    return True


def _keep_version(project: Project, word: LaterWord, answer: Interaction) -> None:
    place, mark = f"{word.position}#{word.name}", f"word {word.name}"
    if project.store.seen(mark) is not None or project.store.kept_at(word.source, [place]):
        # It came in before; what was said after it is not to be undone by its coming again.
        return
    last_name = f"last word on {word.source} {word.position}"
    last = project.store.seen(last_name)
    before = None if last is None else next(project.store.kept_records([last], Interaction), None)
    newest = before or answer
    said = _joined(newest.feedback, word.feedback)
    if said == newest.feedback:
        # It adds nothing, but coming again after another one it would.
        project.store.remember(mark, newest.id)
        return
    flags = tuple(dict.fromkeys((*answer.flags, LATER_WORD)))
    version = replace(
        answer,
        salt=word.name,
        position=place,
        feedback=said,
        supersedes=None,
        flags=flags,
        last_turn_at=None,
    )
    project.store.save_named(version, [mark, last_name], event="later word")


def _joined(before: Feedback | None, now: Feedback) -> Feedback:
    """What holds after a word: what it says, and what it says nothing of as it was."""
    earlier = before or Feedback()
    return Feedback(
        thumbs=earlier.thumbs if now.thumbs is None else now.thumbs,
        correction=earlier.correction if now.correction is None else now.correction,
        retried=earlier.retried or now.retried,
    )


def _keep_remark(project: Project, word: LaterWord, answer: Interaction) -> None:
    """A remark beside the answer, once for each text; by the word's own name and time, so that a retry is the same."""
    mark = f"remark on {word.source} {word.position}: {word.comment}"
    if project.store.seen(mark) is not None:
        return
    context = replace(project.context(), draw_salt=lambda: word.name, now=lambda: word.said_at)
    author = answer.author or word.source
    remark = annotate(
        answer.id, Remark(topic=_TOPIC), author=author, text=word.comment, context=context, door=door_of(project)
    )
    project.store.remember(mark, put_on_record(project, remark, event="annotated").id)


def _answer_at(project: Project, source: str, position: str) -> Interaction | None:
    """The version of an interaction that ends with the answer captured at this place: the chat may have gone on."""
    version = project.store.kept_at(source, [position]).get(position)
    while version is not None and version.position.partition("#")[0] != position and version.supersedes is not None:
        version = next(project.store.kept_records([version.supersedes], Interaction), None)
    return version if version is not None and version.position.partition("#")[0] == position else None


def _no_freer(item: Quarantined, project: Project) -> Quarantined:
    """What was set aside, under no more than the project allows today."""
    level = project.config.capture.consent.consent
    return replace(item, consent=level if item.consent is None else item.consent.stricter(level))


def _named(name: str) -> str:
    return f"answer {name}"
