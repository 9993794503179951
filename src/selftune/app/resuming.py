"""A conversation of the chat page taken up again from the log, after the dashboard was started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.conversing import PREFIX, SOURCE, Answerer, Exchange, Lost, Talk, version_of
from selftune.errors import UnknownNameError
from selftune.records import Interaction, Thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import Message

LOOKED_AT: Final = 1000
_SHOWN: Final = 20


def resume_talk(project: Project, name: str) -> Talk:
    """The conversation as the log holds it: each answer with its Build, the last word on it, what it replaced.

    What stood beside an answer and what a server showed itself to be are not kept with a conversation, so they are not
    there.

    Raises:
        UnknownNameError: the log holds none of this name, or no more.
    """
    versions = [one for one in project.store.conversation(f"{PREFIX}{name}") if _is_whole(one)]
    if not versions:
        raise UnknownNameError("conversation", name, [known for known, _ in kept_talks(project)])
    newest = versions[-1]
    first = 1 if newest.messages[0].role == "system" else 0
    exchanges = []
    for place in range(first, len(newest.messages) - 1, 2):
        until = [one for one in versions if one.messages[: place + 1] == newest.messages[: place + 1]]
        judged = next((one for one in reversed(until) if len(one.messages) == place + 2), None)
        exchanges.append(_exchange(project, newest.messages[place : place + 2], judged, at=place + 1))
    return Talk(name=name, system=newest.messages[0].content if first else "", exchanges=tuple(exchanges))


def kept_talks(project: Project) -> tuple[tuple[str, Interaction], ...]:
    """Names of the newest conversations in the log that began on the chat page, each as it stood; few are looked at."""
    looked = project.store.log.page(LOOKED_AT)
    ids = [one.interaction_id for one in looked.entries if one.source == SOURCE and not one.superseded]
    found = (one for one in project.store.kept_records(ids, Interaction) if _is_whole(one))
    return tuple((one.conversation.removeprefix(PREFIX), one) for one in found)[:_SHOWN]


def _is_whole(one: Interaction) -> bool:
    return one.source == SOURCE and one.thread is Thread.WHOLE


def _exchange(project: Project, stands: tuple[Message, ...], judged: Interaction | None, *, at: int) -> Exchange:
    """One exchange: what stands in the conversation, and what the version that ended with it says of its answer."""
    asked, said = stands
    if judged is None:
        return Exchange(question=asked.content, answer=said, by=Answerer(build_digest="", from_log=True))
    given = judged.feedback
    return Exchange(
        question=asked.content,
        answer=judged.messages[-1],
        by=_answerer(project, judged.generated_by),
        flags=judged.flags,
        thumbs=None if given is None else given.thumbs,
        correction=None if given is None else given.correction,
        lost=tuple(_lost(project, judged, at)),
        interaction=judged.id,
    )


def _lost(project: Project, judged: Interaction, at: int) -> Iterator[Lost]:
    for one in judged.rejected:
        if one.at == at:
            yield Lost(message=one.messages[0], by=_answerer(project, one.generated_by))


def _answerer(project: Project, digest: str | None) -> Answerer:
    return Answerer(build_digest=digest or "", version=version_of(project, digest, None), from_log=True)
