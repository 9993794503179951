"""Find interactions by their words or by likeness; the index is made from the store and brought up to date first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.context import Progress
from selftune.errors import LockedError
from selftune.records import Interaction
from selftune.scoring.embedding import HashedWords
from selftune.store.index import Entry, SearchIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.loop.project import Project
    from selftune.store.index import Hit

_FOLDER: Final = "index"


@dataclass(frozen=True, kw_only=True)
class Found:
    """An interaction that was found; greater scores fit better, and compare only within one search."""

    id: str
    score: float
    source: str
    asked: str
    answered: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a search came to. `unread` counts interactions that the index has not taken in yet."""

    found: tuple[Found, ...]
    unread: int


@dataclass(frozen=True, kw_only=True)
class FoundSoFar:
    """What a search came to in the index as it lies; `behind` where something has come in since it was made."""

    found: tuple[Found, ...]
    behind: bool


def find_words(project: Project, words: str, *, limit: int) -> Findings:
    """Interactions that hold these words, the best first.

    Raises:
        MissingFileError: LanceDB is not installed.
        DamagedFileError: the index can't be read.
    """
    index = _index_of(project)
    unread = _catch_up(project, index)
    return Findings(found=tuple(_found(project, index.search(words, limit=limit))), unread=unread)


def find_words_so_far(project: Project, words: str, *, limit: int) -> FoundSoFar:
    """The same by the index as it lies: it is not brought up to date, for whoever must change nothing by looking.

    Raises:
        MissingFileError: LanceDB is not installed.
        DamagedFileError: the index can't be read.
    """
    index = _index_of(project)
    hits = index.search(words, limit=limit)
    # An index that is behind still names what was erased since.
    behind = index.watermark < project.store.last_sequence(Interaction)
    return FoundSoFar(found=tuple(_found(project, hits, passing_over_erased=True)), behind=behind)


def find_alike(project: Project, interaction_id: str, *, limit: int) -> Findings:
    """Interactions most like one, the best first and that one left out; errors as in `find_words`.

    Raises:
        UnknownNameError: no interaction has that id.
    """
    subject = project.store.record(interaction_id, Interaction)
    index = _index_of(project)
    unread = _catch_up(project, index)
    hits = [hit for hit in index.alike(_text_of(subject), limit=limit + 1) if hit.interaction_id != subject.id]
    return Findings(found=tuple(_found(project, hits[:limit])), unread=unread)


def rebuild_index(project: Project, told: Callable[[Progress], None] = lambda _: None) -> int:
    """Make the index anew from the store; returns how many interactions it holds.

    Raises:
        LockedError: another process works on the project.
        MissingFileError: LanceDB is not installed.
    """
    from selftune.loop.runner import hold_lease  # it wakes every stage

    index, total = _index_of(project), project.store.count(Interaction)
    with hold_lease(project):
        index.clear()
        return _extend(project, index, lambda done: told(Progress(done=done, total=total)))


def _index_of(project: Project) -> SearchIndex:
    return SearchIndex(project.hidden / _FOLDER, HashedWords())


def _catch_up(project: Project, index: SearchIndex) -> int:
    """How many interactions stay out of the index: none, unless somebody else holds the project just now."""
    if index.watermark == project.store.last_sequence(Interaction):
        return 0
    from selftune.loop.runner import hold_lease

    try:
        with hold_lease(project):
            _extend(project, index)
    except LockedError:
        return sum(1 for _ in project.store.each(Interaction, since=index.watermark))
    return 0


def _extend(project: Project, index: SearchIndex, told: Callable[[int], None] = lambda _: None) -> int:
    until = project.store.last_sequence(Interaction)
    return index.extend(_entries(project, index.watermark), until=until, told=told)


def _entries(project: Project, since: int) -> Iterator[Entry]:
    for sequence, interaction in project.store.each(Interaction, since=since):
        yield Entry(sequence, interaction.id, _text_of(interaction), interaction.supersedes)


def _text_of(interaction: Interaction) -> str:
    return "\n".join(message.content for message in interaction.messages if message.role != "system")


def _found(project: Project, hits: Sequence[Hit], *, passing_over_erased: bool = False) -> Iterator[Found]:
    read = project.store.kept_records if passing_over_erased else project.store.records
    scores = {hit.interaction_id: hit.score for hit in hits}
    for interaction in read(scores, Interaction):
        asked = [message.content for message in interaction.prompt if message.role == "user"]
        yield Found(
            id=interaction.id,
            score=scores[interaction.id],
            source=f"{interaction.source} {interaction.position}",
            asked=asked[-1] if asked else "",
            answered=interaction.answer or "",
        )
